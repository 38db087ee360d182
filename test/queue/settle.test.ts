import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { cancelLeftovers, requestCancel } from "../../src/queue/cancel.ts";
import { type ClaimedItem, claimItems } from "../../src/queue/claim_items.ts";
import { claimJob, finishListing, releaseJob, restartListing } from "../../src/queue/claim_job.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { enqueueItems, enqueueJob } from "../../src/queue/enqueue.ts";
import { heartbeatItems } from "../../src/queue/heartbeat.ts";
import type { Lane } from "../../src/queue/job.ts";
import { rescueExpired } from "../../src/queue/rescue.ts";
import { retryFailed } from "../../src/queue/retry_failed.ts";
import { type Settlement, settleItems } from "../../src/queue/settle.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { itemOf, itemRows, jobRow, jobWithItems } from "../support/queue.ts";

let sql: Sql;
let tenantId: string;
beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

/** What a worker would claim, in both lanes. */
const claim = async (limit = 10): Promise<ClaimedItem[]> => {
  const from = (lane: Lane) => claimItems(sql, { worker: "w", leaseSeconds: 60, lane, limit });
  return [...(await from("inline")), ...(await from("isolated"))];
};
const settled = (item: ClaimedItem, outcome: Settlement["outcome"], more: Partial<Settlement> = {}): Settlement => ({
  itemId: item.itemId,
  runLease: item.runLease,
  outcome,
  ...more,
});
const expire = (jobId: string) =>
  sql`UPDATE ingest_items SET leased_until = now() - interval '1 s' WHERE job_id = ${jobId} AND item_status = 'running'`;
const close = () => closeJobs(sql, { embeddingDeadlineSeconds: 900 });

test("outcomes are counted, and a job without failures is done when its ledger is", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a", "file:///b", "file:///c"]);
  const [a, b, c] = await claim();
  await settleItems(sql, { tenantId, jobId }, [
    settled(a!, "ingested", { fetched: true, chunks: 4, vectorsEmbedded: 3, vectorsReused: 1, links: 2 }),
    settled(b!, "unchanged", { fetched: true }),
  ]);
  expect(await close()).toEqual([]);
  expect(
    await settleItems(sql, { tenantId, jobId }, [
      settled(c!, "skipped", { errorCode: "convert.empty", errorMessage: "no bytes" }),
    ]),
  ).toEqual({ settled: 1, itemsOpen: 0 });
  const [closed] = await close();
  expect(closed).toMatchObject({
    job_id: jobId,
    job_status: "done",
    descriptors_listed: 3,
    items_ingested: 1,
    items_skipped_incremental: 1,
    items_skipped: 1,
    items_fetched: 2,
    chunks: 4,
    vectors_embedded: 3,
    vectors_reused: 1,
    links: 2,
  });
  expect(await close()).toEqual([]);
});

test("a zombie settles nothing: its token was replaced when the row was claimed again", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a"]);
  const [zombie] = await claim();
  await expire(jobId);
  expect(await rescueExpired(sql, 5)).toEqual({ items: 1, jobs: 0 });
  await sql`UPDATE ingest_items SET available_at = now()`;
  const [owner] = await claim();
  expect(
    (await settleItems(sql, { tenantId, jobId }, [settled(zombie!, "failed", { errorCode: "convert.malformed" })]))
      .settled,
  ).toBe(0);
  expect((await heartbeatItems(sql, [zombie!], 60)).held.size).toBe(0);
  expect((await heartbeatItems(sql, [owner!], 60)).held).toEqual(new Set([owner!.itemId]));
  expect((await settleItems(sql, { tenantId, jobId }, [settled(owner!, "ingested")])).settled).toBe(1);
  expect((await itemRows(sql, jobId))[0]).toMatchObject({ item_status: "ingested", attempt: 2 });
});

test("settling the same claim twice counts once", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a"]);
  const [a] = await claim();
  const once = settled(a!, "ingested", { chunks: 7 });
  await settleItems(sql, { tenantId, jobId }, [once]);
  await settleItems(sql, { tenantId, jobId }, [once]);
  expect(await jobRow(sql, jobId)).toMatchObject({ items_ingested: 1, chunks: 7, items_open: 0 });
});

test("a retry waits, a release spends no attempt, and neither closes the item", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///retry", "file:///release"]);
  const [retry, release] = await claim();
  await settleItems(sql, { tenantId, jobId }, [
    settled(retry!, "retry", { delayMs: 60_000, errorCode: "connector.unavailable", errorMessage: "try later" }),
    settled(release!, "release"),
  ]);
  const [first, second] = await itemRows(sql, jobId);
  expect(first).toMatchObject({ item_status: "queued", attempt: 1, error_code: "connector.unavailable" });
  expect(second).toMatchObject({ item_status: "queued", attempt: 0 });
  expect((await claim()).map((item) => item.externalRef)).toEqual(["file:///release"]);
  expect((await jobRow(sql, jobId))["items_open"]).toBe(2);
});

test("an item that outlasts its workers is quarantined with a code after its attempts", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///poison"]);
  for (let attempt = 1; attempt <= 3; attempt++) {
    expect((await claim()).length).toBe(1);
    await expire(jobId);
    await rescueExpired(sql, 3);
    await sql`UPDATE ingest_items SET available_at = now()`;
  }
  expect((await itemRows(sql, jobId))[0]).toMatchObject({
    item_status: "failed",
    error_code: "queue.attempts_exhausted",
  });
  expect((await close())[0]).toMatchObject({ job_status: "error", error_code: "ITEMS_FAILED", items_failed: 1 });
});

test("only failed items are retried, and the job can be done after all", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///good", "file:///bad"]);
  const [good, bad] = await claim();
  await settleItems(sql, { tenantId, jobId }, [
    settled(good!, "ingested"),
    settled(bad!, "failed", { errorCode: "connector.unavailable", errorMessage: "down" }),
  ]);
  await close();
  expect(await retryFailed(sql, tenantId, jobId)).toBe(1);
  const again = await claim();
  expect(again.map((item) => item.externalRef)).toEqual(["file:///bad"]);
  await settleItems(sql, { tenantId, jobId }, [settled(again[0]!, "ingested")]);
  expect((await close())[0]).toMatchObject({ job_status: "done", items_ingested: 2, items_failed: 0 });
  expect(await retryFailed(sql, tenantId, jobId)).toBeNull();
});

test("a cancel closes what waits at once and what runs as it ends", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///running", "file:///waiting"]);
  const [running] = await claim(1);
  expect(await requestCancel(sql, tenantId, jobId)).toBe(true);
  expect((await heartbeatItems(sql, [running!], 60)).canceled).toEqual(new Set([running!.itemId]));
  expect(await close()).toEqual([]);
  await settleItems(sql, { tenantId, jobId }, [settled(running!, "retry")]);
  await cancelLeftovers(sql);
  expect((await close())[0]).toMatchObject({ job_status: "canceled", items_canceled: 2, items_open: 0 });
  expect(await requestCancel(sql, tenantId, jobId)).toBe(false);
});

test("Postgres itself refuses a ledger that does not balance", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a"]);
  expect(
    sql`UPDATE ingest_jobs SET items_ingested = items_ingested + 1 WHERE job_id = ${jobId}`.execute(),
  ).rejects.toThrow("ledger_balances");
  expect(
    sql`UPDATE ingest_jobs SET job_status = 'done', finished_at = now() WHERE job_id = ${jobId}`.execute(),
  ).rejects.toThrow("finished_jobs_are_closed");
});

test("a NUL in a message cannot keep an item from being settled", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a"]);
  const [a] = await claim();
  await settleItems(sql, { tenantId, jobId }, [
    settled(a!, "failed", {
      errorCode: "convert.malformed",
      errorMessage: "bad \0 byte",
      warnings: [{ code: "x", message: "\0" }],
    }),
  ]);
  expect((await itemRows(sql, jobId))[0]).toMatchObject({ item_status: "failed", error_message: "bad � byte" });
});

const syncJob = () =>
  enqueueJob(sql, {
    tenantId,
    jobType: "sync",
    payload: {
      source_types: ["FILE_CATALOG_OBJECT"],
      connection_id: null,
      force_reindex: false,
      confirm_deletions: false,
    },
    requestedBy: "test",
    correlationId: "test",
  });

test("a listing is claimed once, and a repeated one counts nothing twice", async () => {
  const jobId = await syncJob();
  const first = await claimJob(sql, { worker: "w", leaseSeconds: 60 });
  expect(await claimJob(sql, { worker: "v", leaseSeconds: 60 })).toBeNull();
  await enqueueItems(sql, first!, [itemOf(tenantId, "file:///a"), itemOf(tenantId, "file:///b")], 5);
  await sql`UPDATE ingest_jobs SET leased_until = now() - interval '1 s' WHERE job_id = ${jobId}`;
  expect((await rescueExpired(sql, 5)).jobs).toBe(1);
  const second = await claimJob(sql, { worker: "v", leaseSeconds: 60 });
  expect(second).toMatchObject({ jobId, attempt: 2 });
  await restartListing(sql, second!);
  expect(await enqueueItems(sql, first!, [itemOf(tenantId, "file:///zombie")], 1)).toBeNull();
  await enqueueItems(
    sql,
    second!,
    [itemOf(tenantId, "file:///a"), itemOf(tenantId, "file:///b"), itemOf(tenantId, "file:///c")],
    5,
  );
  expect(await jobRow(sql, jobId)).toMatchObject({
    descriptors_listed: 8,
    items_skipped_incremental: 5,
    items_open: 3,
  });
});

test("a job whose listing was not complete is no success, even if everything listed was ingested", async () => {
  const jobId = await syncJob();
  const job = await claimJob(sql, { worker: "w", leaseSeconds: 60 });
  await enqueueItems(sql, job!, [], 3);
  expect(
    await finishListing(sql, job!, {
      complete: false,
      errorCode: "LISTING_INCOMPLETE",
      errorMessage: "page 2 was cut",
      summary: {},
    }),
  ).toBe(true);
  expect((await close())[0]).toMatchObject({
    job_id: jobId,
    job_status: "error",
    error_code: "LISTING_INCOMPLETE",
    items_skipped_incremental: 3,
  });
});

test("a listing handed back by a shutdown spends no attempt", async () => {
  const jobId = await syncJob();
  const job = await claimJob(sql, { worker: "w", leaseSeconds: 60 });
  await releaseJob(sql, job!, { delayMs: 0, spendAttempt: false, errorCode: null, errorMessage: null });
  expect(await jobRow(sql, jobId)).toMatchObject({ job_status: "retrying", attempt: 0, run_lease: null });
  expect((await claimJob(sql, { worker: "w", leaseSeconds: 60 }))?.attempt).toBe(1);
});

test("a job that lacks only vectors waits for them, and says so when the deadline has passed", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///a"]);
  const [a] = await claim();
  await settleItems(sql, { tenantId, jobId }, [settled(a!, "ingested", { chunks: 3, vectorsPending: 3 })]);
  expect(await closeJobs(sql, { embeddingDeadlineSeconds: 900 })).toEqual([]);
  expect((await closeJobs(sql, { embeddingDeadlineSeconds: 0 }))[0]).toMatchObject({
    job_status: "error",
    error_code: "EMBEDDINGS_UNAVAILABLE",
    vectors_pending: 3,
    items_ingested: 1,
  });
});
