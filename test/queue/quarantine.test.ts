import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { claimItems } from "../../src/queue/claim_items.ts";
import { enqueueItems, enqueueJob } from "../../src/queue/enqueue.ts";
import { DOUBTFUL_TIMES, isVerdict } from "../../src/queue/quarantine.ts";
import { rescueExpired } from "../../src/queue/rescue.ts";
import { type Settlement, settleItems } from "../../src/queue/settle.ts";
import { diffAgainstSyncState } from "../../src/store/sync_state.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { itemOf, itemRows, jobRow, jobWithItems } from "../support/queue.ts";

let sql: Sql;
let tenantId: string;
beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

const REF = "file:///poison.docx";

/** A job in which the source fails so; `under` only where the failure is the document's own. */
async function fail(errorCode: string, under?: string): Promise<void> {
  const jobId = await jobWithItems(sql, tenantId, [REF]);
  const [item] = await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "inline", limit: 1 });
  const settlement: Settlement = { itemId: item!.itemId, runLease: item!.runLease, outcome: "failed", errorCode };
  await settleItems(sql, { tenantId, jobId }, [{ ...settlement, errorMessage: "why", failedUnder: under }]);
}

const look = ({ under = "1", fingerprint = "1", force = false } = {}) =>
  diffAgainstSyncState(
    sql,
    {
      ...{ tenantId, jobId: Bun.randomUUIDv7(), sourceType: "FILE_CATALOG_OBJECT", force, repeated: false },
      verdictKey: under,
    },
    [{ sourceId: itemOf(tenantId, REF).sourceId, externalRef: REF, fingerprint }],
  );
const standing = {
  changed: [],
  unchanged: 0,
  quarantined: [{ position: 0, code: "convert.malformed", message: "why" }],
};
const tried = { changed: [0], unchanged: 0, quarantined: [] };

test("a document that is broken stays in quarantine until it, the converter or the limits change, or a caller asks", async () => {
  await fail("convert.malformed", "1");
  expect(await look()).toEqual(standing as never);
  expect(await look({ fingerprint: "2" })).toEqual(tried);
  expect(await look({ under: "2" })).toEqual(tried);
  expect(await look({ force: true })).toEqual(tried);
});

test("an outage is no property of the document, and ends a quarantine that it follows", async () => {
  await fail("connector.unavailable");
  expect(await look()).toEqual(tried);
  await fail("convert.malformed", "1");
  expect(await look()).toEqual(standing as never);
  await fail("objects.unavailable");
  expect(await look()).toEqual(tried);
  for (const code of ["connector.too_large", "queue.deadline", "queue.attempts_exhausted", "convert.interrupted"])
    expect([code, isVerdict(code, true)]).toEqual([code, false]);
  expect([isVerdict("internal.unexpected", true), isVerdict("internal.unexpected", false)]).toEqual([true, false]);
});

test("what a busy machine may have caused is believed only when it has happened again and again", async () => {
  for (let times = 1; times <= DOUBTFUL_TIMES; times++) {
    expect(await look()).toEqual(tried);
    await fail("convert.deadline", "1");
  }
  expect((await look()).quarantined).toMatchObject([{ code: "convert.deadline" }]);
  await fail("convert.deadline", "2");
  expect(await look({ under: "2" })).toEqual(tried);
});

test("in the ledger a quarantined source has failed again, and what is known of it stays", async () => {
  await fail("convert.malformed", "1");
  const job = { tenantId, jobType: "upload" as const, payload: {}, requestedBy: "test", correlationId: "test" };
  const jobId = await enqueueJob(sql, job);
  const failure = { code: "convert.malformed" as const, message: "why; not tried again" };
  await enqueueItems(sql, { tenantId, jobId }, [itemOf(tenantId, REF, { failure, quarantined: true })], 0);
  expect(await jobRow(sql, jobId)).toMatchObject({ descriptors_listed: 1, items_failed: 1, items_fetched: 0 });
  expect((await itemRows(sql, jobId))[0]).toMatchObject({ item_status: "failed", attempt: 0, fetched: false });
  expect(await look()).toEqual(standing as never);
});

test("an item whose worker died is converted in the child from then on, whatever its format", async () => {
  const jobId = await jobWithItems(sql, tenantId, [REF]);
  await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "inline", limit: 1 });
  await sql`UPDATE ingest_items SET leased_until = now() - interval '1 s' WHERE job_id = ${jobId}`;
  await rescueExpired(sql, 5);
  expect(await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "inline", limit: 1 })).toEqual([]);
  const again = await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "isolated", limit: 1 });
  expect(again).toMatchObject([{ lane: "isolated", attempt: 2 }]);
});
