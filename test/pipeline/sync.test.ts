import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import type { Connector, Descriptor, ListOutcome } from "../../src/connector/connector.ts";
import { TransientError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";
import { type ConnectionSummary, listJob } from "../../src/pipeline/sync.ts";
import { claimJob } from "../../src/queue/claim_job.ts";
import { enqueueJob } from "../../src/queue/enqueue.ts";
import { verdictKey } from "../../src/queue/quarantine.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { sourceIdOf } from "../../src/store/ids.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared, TYPE } from "../support/documents.ts";
import { descriptorOf } from "../support/queue.ts";

let sql: Sql;
let tenantId = "";
let connectionId = "";
const refs = Array.from({ length: 8 }, (_, i) => `file:///${i}.md`);

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
  const row = await insertConnection(sql, { tenantId, sourceType: TYPE, name: "c", config: {}, secrets: null });
  connectionId = row!.connectionId;
  const items = await claimFor(sql, tenantId, refs);
  await swapIn(
    sql,
    items.map((item) => ({ ...prepared(item, "text"), connectionId })),
    "test",
  );
});

/** Lists one page, then ends as told: with an outcome, or by throwing. */
const connectorThat = (listed: string[], end: ListOutcome | Error): Connector => ({
  sourceTypes: [TYPE],
  isConfigured: () => true,
  list: () => ({
    pages: (async function* () {
      yield { descriptors: listed.map((ref): Descriptor => descriptorOf(ref)), failures: [], ignored: 0 };
      if (end instanceof Error) throw end;
    })(),
    outcome: () => (end instanceof Error ? { listingComplete: false } : end),
  }),
  fetch: () => Promise.reject(new Error("nothing is fetched by a listing")),
});

async function list(connector: Connector) {
  await enqueueJob(sql, {
    tenantId,
    jobType: "sync",
    payload: { source_types: [TYPE], connection_id: null, force_reindex: false, confirm_deletions: false },
    requestedBy: "test",
    correlationId: "test",
  });
  const job = await claimJob(sql, { worker: "test", leaseSeconds: 60 });
  const context = { config: readConfig("info", {}), sql, log: createLog("silent"), connectorOf: async () => connector };
  return listJob(job!, context, new AbortController().signal, () => {});
}

const hidden = async (): Promise<number> =>
  (await sql<{ n: number }[]>`SELECT count(*)::int AS n FROM documents WHERE hidden`)[0]!.n;

test("only a listing that proved itself complete hides what it lacks", async () => {
  const result = await list(connectorThat(refs.slice(1), { listingComplete: false, reason: "cut short" }));
  expect(result).toMatchObject({ complete: false, errorCode: "LISTING_INCOMPLETE", errorMessage: "c: cut short" });
  expect(await hidden()).toBe(0);

  expect(await list(connectorThat(refs.slice(1), { listingComplete: true }))).toMatchObject({ complete: true });
  expect(await hidden()).toBe(1);
});

test("a listing that breaks off in the middle deletes nothing", async () => {
  const broken = list(connectorThat(refs.slice(1), new TransientError("connector.unavailable", "broke off")));
  expect(await broken.catch((error: Error) => error.message)).toBe("broke off");
  expect(await hidden()).toBe(0);
});

test("what is listed twice is one source", async () => {
  const result = await list(connectorThat([...refs, ...refs], { listingComplete: true }));
  const [summary] = result.summary["connections"] as ConnectionSummary[];
  expect(summary).toMatchObject({ descriptors_listed: 8, duplicates: 8, hidden: 0 });
});

test("what is in quarantine is listed as failed, and tried again when a part that it includes has changed", async () => {
  const config = readConfig("info", {});
  // The first source includes the second one, and its bytes failed.
  const [composed, part] = refs.map((ref) => sourceIdOf(tenantId, TYPE, ref));
  await sql`INSERT INTO source_dependencies (tenant_id, source_id, depends_on) VALUES (${tenantId}, ${composed!}, ${part!})`;
  await sql`
    UPDATE source_sync_state SET last_status = 'failed', error_code = 'convert.too_large', error_message = 'too deep.',
      failed_under = ${verdictKey(config.convert)}, failed_times = 1 WHERE external_ref IN (${refs[0]!}, ${refs[2]!})`;
  const outcome = async () => {
    const { summary } = await list(connectorThat(refs, { listingComplete: true }));
    const [job] = await sql`SELECT * FROM ingest_jobs ORDER BY job_id DESC LIMIT 1`;
    const items = await sql`SELECT * FROM ingest_items WHERE job_id = ${job!["job_id"]} ORDER BY external_ref`;
    const [{ quarantined }] = summary["connections"] as [ConnectionSummary];
    return { job, quarantined, items: items.map((i) => [i["external_ref"], i["item_status"], i["error_code"]]) };
  };
  expect(await outcome()).toMatchObject({
    job: { descriptors_listed: 8, items_failed: 2, items_skipped_incremental: 6, items_open: 0 },
    quarantined: 2,
    items: [
      [refs[0], "failed", "convert.too_large"],
      [refs[2], "failed", "convert.too_large"],
    ],
  });

  await sql`UPDATE source_sync_state SET fingerprint = 'older' WHERE external_ref = ${refs[1]!}`;
  expect(await outcome()).toMatchObject({
    job: { descriptors_listed: 8, items_failed: 1, items_skipped_incremental: 5, items_open: 2 },
    quarantined: 1,
    items: [
      [refs[0], "queued", null],
      [refs[1], "queued", null],
      [refs[2], "failed", "convert.too_large"],
    ],
  });
});
