/** What a job counts when its listing breaks off: each source once, whatever is repeated. */
import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import type { Connector, DescriptorPage } from "../../src/connector/connector.ts";
import { PermanentError, SnoozeError } from "../../src/errors.ts";
import { createLog } from "../../src/log.ts";
import type { IngestContext } from "../../src/pipeline/context.ts";
import { claimJob } from "../../src/queue/claim_job.ts";
import { enqueueJob } from "../../src/queue/enqueue.ts";
import type { Wake } from "../../src/queue/wake.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { runListing } from "../../src/worker/listing.ts";
import { Interruption } from "../../src/worker/outcome.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared, TYPE } from "../support/documents.ts";
import { descriptorOf, jobRow } from "../support/queue.ts";

const config = readConfig("warn", {});
const KNOWN = Array.from({ length: 8 }, (_, i) => `file:///${i}.md`);
let sql: Sql;
let jobId: string;

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  const tenantId = await newTenant(sql);
  const connection = await insertConnection(sql, { tenantId, sourceType: TYPE, name: "c", config: {}, secrets: null });
  const items = await claimFor(sql, tenantId, KNOWN);
  const documents = items.map((item) => ({ ...prepared(item, "text"), connectionId: connection!.connectionId }));
  await swapIn(sql, documents, "test");
  jobId = await enqueueJob(sql, {
    tenantId,
    jobType: "sync",
    payload: { source_types: [TYPE], connection_id: null, force_reindex: false, confirm_deletions: false },
    requestedBy: "test",
    correlationId: "test",
  });
});

/** Pages of these refs, and what happens between them. */
type Step = string[] | Partial<DescriptorPage> | (() => void);

const connectorOf = (steps: Step[]): Connector => ({
  sourceTypes: [TYPE],
  isConfigured: () => true,
  list: ({ signal }) => ({
    pages: (async function* () {
      for (const step of steps) {
        signal.throwIfAborted();
        if (typeof step === "function") step();
        else if (Array.isArray(step))
          yield { descriptors: step.map((ref) => descriptorOf(ref)), failures: [], ignored: 0 };
        else yield { descriptors: [], failures: [], ignored: 0, ...step };
      }
    })(),
    outcome: () => ({ listingComplete: true }),
  }),
  fetch: () => Promise.reject(new Error("nothing is fetched")),
});

async function list(steps: Step[], handBack = new AbortController()): Promise<Record<string, unknown>> {
  await sql`UPDATE ingest_jobs SET available_at = now() WHERE job_id = ${jobId}`;
  const job = await claimJob(sql, { worker: "test", leaseSeconds: 60 });
  const context = { config, sql, log: createLog("fatal"), connectorOf: async () => connectorOf(steps) };
  const wake = { ring() {}, nudge() {} } as unknown as Wake;
  await runListing(job!, context as unknown as IngestContext, handBack.signal, wake);
  return jobRow(sql, jobId);
}
const lastAttempt = () =>
  sql`UPDATE ingest_jobs SET attempt = ${config.worker.attemptsMax - 1} WHERE job_id = ${jobId}`;

test("handed back by a shutdown and repeated", async () => {
  const handBack = new AbortController();
  const stop = () => handBack.abort(new Interruption("shutdown"));
  expect(await list([KNOWN.slice(0, 5), stop, KNOWN.slice(5)], handBack)).toMatchObject({
    job_status: "retrying",
    attempt: 0,
  });
  expect(await list([KNOWN])).toMatchObject({
    job_status: "done",
    descriptors_listed: 8,
    items_skipped_incremental: 8,
  });
});

test("put off by the source and repeated", async () => {
  const busy = () => {
    throw new SnoozeError("connector.rate_limited", "slow down", new Date());
  };
  await list([[...KNOWN.slice(0, 5), "file:///new.md"], busy]);
  expect(await list([[...KNOWN, "file:///new.md"]])).toMatchObject({
    ...{ descriptors_listed: 9, items_skipped_incremental: 8, items_open: 1 },
  });
});

test("broken off for good: what was found before counts, and the reason stays", async () => {
  const gone = () => {
    throw new PermanentError("connector.root_missing", "the root is gone");
  };
  expect(await list([KNOWN.slice(0, 5), gone])).toMatchObject({
    ...{ descriptors_listed: 5, items_skipped_incremental: 5, error_code: "connector.root_missing" },
  });
});

test("a fault after a page was counted does not count it again", async () => {
  await lastAttempt();
  await sql.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.error_code = 'connector.unreadable' THEN RAISE deadlock_detected; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON source_sync_state FOR EACH ROW EXECUTE FUNCTION refuse()`);
  try {
    const failures = [
      { externalRef: KNOWN[0]!, name: "0.md", error: { code: "connector.unreadable", message: "no" } },
    ] as unknown as DescriptorPage["failures"];
    const descriptors = KNOWN.slice(1).map((ref) => descriptorOf(ref));
    expect(await list([{ descriptors, failures }])).toMatchObject({
      ...{ descriptors_listed: 8, items_skipped_incremental: 7, items_failed: 1 },
    });
  } finally {
    await sql.unsafe("DROP TRIGGER refuse ON source_sync_state; DROP FUNCTION refuse()");
  }
});
