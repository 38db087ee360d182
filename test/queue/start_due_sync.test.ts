import { beforeAll, beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { requestCancel } from "../../src/queue/cancel.ts";
import { claimJob } from "../../src/queue/claim_job.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { enqueueSync } from "../../src/queue/enqueue_sync.ts";
import { startDueSync } from "../../src/queue/start_due_sync.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { findSchedule, setSchedule } from "../../src/store/schedules.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";

let sql: Sql;
let tenantId: string;
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
}, 60_000);
beforeEach(async () => {
  tenantId = await newTenant(sql);
  await sql`TRUNCATE connection_schedules, ingest_jobs CASCADE`;
});

const hourly = { everyMinutes: 60, cron: null, timezone: "UTC" } as const;

async function scheduled(sourceType = "FILE_CATALOG_OBJECT"): Promise<string> {
  const name = Bun.randomUUIDv7();
  const row = await insertConnection(sql, { tenantId, sourceType, name, config: { kind: "x" }, secrets: null });
  await setSchedule(sql, tenantId, row!.connectionId, hourly);
  return row!.connectionId;
}
const overdue = (connectionId: string, by = "1 minute") =>
  sql`UPDATE connection_schedules SET starts_at = starts_at - ${by}::interval - interval '1 hour', next_run_at = now() - ${by}::interval
      WHERE connection_id = ${connectionId}`;
const schedule = async (connectionId: string) => (await findSchedule(sql, tenantId, connectionId))!;
const jobs = () =>
  sql<
    { job_id: string; job_payload_json: object; requested_by: string }[]
  >`SELECT * FROM ingest_jobs ORDER BY created_at`;
const manual = (connection_id: string | null, source_types = ["FILE_CATALOG_OBJECT"]) =>
  enqueueSync(sql, {
    tenantId,
    payload: { source_types, connection_id, force_reindex: false, confirm_deletions: false },
    requestedBy: "test",
    correlationId: "test",
  });
/** Ends whatever is queued. */
async function finish(jobId: string): Promise<void> {
  await requestCancel(sql, tenantId, jobId);
  await closeJobs(sql, { job: { tenantId, jobId }, embeddingDeadlineSeconds: 60 });
}

test("nothing starts before its time; what is due starts once and says when it runs again", async () => {
  const id = await scheduled();
  expect(await startDueSync(sql)).toBeNull();
  await overdue(id);
  const started = await startDueSync(sql);
  expect(started).toMatchObject({ tenantId, connectionId: id });
  expect(await jobs()).toMatchObject([
    {
      job_id: started!.jobId,
      requested_by: "schedule: every 60 min",
      job_payload_json: { source_types: ["FILE_CATALOG_OBJECT"], connection_id: id, force_reindex: false },
    },
  ]);
  const { nextRunAt, lastRunAt, lastJobId, lastJobStatus, waiting } = await schedule(id);
  expect([lastJobId, lastJobStatus, waiting]).toEqual([started!.jobId, "queued", false]);
  expect(nextRunAt.getTime()).toBeGreaterThan(lastRunAt!.getTime());
  expect(await startDueSync(sql)).toBeNull();
});

test("however many processes look, each due connection is synced once", async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push(await scheduled());
  for (const id of ids) await overdue(id);
  const drain = async () => {
    const started: string[] = [];
    for (let one = await startDueSync(sql); one; one = await startDueSync(sql)) started.push(one.connectionId);
    return started;
  };
  const started = (await Promise.all([drain(), drain(), drain(), drain()])).flat();
  expect(started.toSorted()).toEqual(ids.toSorted());
  expect(await jobs()).toHaveLength(5);
});

test("a connection that is being synced is passed over, and of all runs missed meanwhile one follows", async () => {
  const id = await scheduled();
  await overdue(id, "5 hours");
  const first = (await startDueSync(sql))!;
  await claimJob(sql, { worker: "test", leaseSeconds: 60 });
  await overdue(id, "3 hours");
  expect(await startDueSync(sql)).toBeNull();
  expect((await schedule(id)).waiting).toBe(true);
  await sql`UPDATE ingest_jobs SET run_lease = NULL, leased_until = NULL`;
  await finish(first.jobId);
  expect((await startDueSync(sql))?.connectionId).toBe(id);
  await finish((await schedule(id)).lastJobId!);
  expect(await startDueSync(sql)).toBeNull();
  expect((await schedule(id)).nextRunAt.getTime()).toBeGreaterThan(Date.now());
});

test("a sync of all connections of a type counts for each of them, another connection's for none", async () => {
  const files = await scheduled();
  const wiki = await scheduled("CONFLUENCE_PAGE");
  await overdue(files);
  await overdue(wiki);
  const all = await manual(null, ["CONFLUENCE_ATTACHMENT"]);
  expect((await startDueSync(sql))?.connectionId).toBe(files);
  expect(await startDueSync(sql)).toBeNull();
  await finish(all.jobId);
  await startDueSync(sql);
  expect((await jobs()).at(-1)?.job_payload_json).toMatchObject({
    connection_id: wiki,
    source_types: ["CONFLUENCE_ATTACHMENT", "CONFLUENCE_PAGE"],
  });
});

test("a sync joins one that waits and was asked for in the same words, in whatever order, and no other", async () => {
  const id = await scheduled("CONFLUENCE_PAGE");
  const first = await manual(id, ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"]);
  const again = await Promise.all([
    manual(id, ["CONFLUENCE_ATTACHMENT", "CONFLUENCE_PAGE"]),
    manual(id, ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"]),
  ]);
  expect(again).toEqual([
    { jobId: first.jobId, merged: true },
    { jobId: first.jobId, merged: true },
  ]);
  expect((await manual(id, ["CONFLUENCE_PAGE"])).merged).toBe(false);
  // Once it lists, what changes after that is seen by the next one alone.
  await claimJob(sql, { worker: "test", leaseSeconds: 60 });
  const next = await manual(id, ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"]);
  expect(next.merged).toBe(false);
  await requestCancel(sql, tenantId, next.jobId);
  expect((await manual(id, ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"])).merged).toBe(false);
});

test("setting a schedule again moves nothing, changing it does, and it goes with its connection", async () => {
  const id = await scheduled();
  await overdue(id);
  const before = (await schedule(id)).nextRunAt;
  await setSchedule(sql, tenantId, id, hourly);
  expect((await schedule(id)).nextRunAt).toEqual(before);
  await setSchedule(sql, tenantId, id, { everyMinutes: null, cron: "0 3 * * *", timezone: "Europe/Berlin" });
  expect((await schedule(id)).nextRunAt.getTime()).toBeGreaterThan(Date.now());
  await sql`DELETE FROM connections WHERE connection_id = ${id}`;
  expect(await findSchedule(sql, tenantId, id)).toBeNull();
  expect(await setSchedule(sql, tenantId, id, hourly)).toBeNull();
});
