import { afterAll, beforeAll, expect, test } from "bun:test";
import { claimItems } from "../../src/queue/claim_items.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { type Settlement, settleItems } from "../../src/queue/settle.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());

async function uploadJob(...names: string[]): Promise<string> {
  const form = new FormData();
  form.append("tenant_id", f.tenant);
  for (const name of names) form.append("file", new File([`# ${name}`], name));
  return (await f.send("POST", "/v1/ingest/files/upload", { body: form })).textAt("job_id");
}

/** Lets the job's items end: the first one fails, the others are ingested. */
async function work(jobId: string): Promise<void> {
  const items = await claimItems(f.sql, { worker: "test", leaseSeconds: 60, lane: "inline", limit: 100 });
  expect(items.every((item) => item.jobId === jobId)).toBe(true);
  const settlements = items.map(({ itemId, runLease }, i): Settlement => {
    if (i === 0) return { itemId, runLease, outcome: "failed", errorCode: "convert.malformed", errorMessage: "broken" };
    return {
      itemId,
      runLease,
      outcome: "ingested",
      fetched: true,
      chunks: 3,
      warnings: [{ code: "odd", message: "odd thing" }],
    };
  });
  await settleItems(f.sql, { tenantId: f.tenant, jobId }, settlements);
  await closeJobs(f.sql, { job: { tenantId: f.tenant, jobId }, embeddingDeadlineSeconds: 60 });
}

test("a job is followed from its items to its end, retried, and cannot be retried for nothing", async () => {
  const jobId = await uploadJob("a.md", "b.md", "c.md");
  expect((await f.send("POST", `/v1/jobs/${jobId}/retry`)).at("error.code")).toBe("job.nothing_to_retry");
  await work(jobId);
  const job = await f.send("GET", `/v1/jobs/${jobId}`);
  expect(job.json).toMatchObject({
    job_status: "error",
    error_code: "ITEMS_FAILED",
    help: null,
    items_failed: 1,
    items_ingested: 2,
    items_fetched: 2,
    items_open: 0,
    chunks: 6,
  });
  expect(job.at("finished_at")).toMatch(/Z$/);

  const failed = await f.send("GET", `/v1/jobs/${jobId}/items?status=failed`);
  expect(failed.json).toMatchObject({
    items: [
      {
        name: "a.md",
        item_status: "failed",
        error_code: "convert.malformed",
        error_message: "broken",
        help: expect.stringContaining("damaged"),
        warnings: [],
      },
    ],
    next_cursor: null,
  });
  expect((await f.send("GET", `/v1/jobs/${jobId}/items?status=ingested`)).at("items.0.warnings")).toEqual([
    { code: "odd", message: "odd thing" },
  ]);

  const before = f.rung();
  const again = await f.send("POST", `/v1/jobs/${jobId}/retry`);
  expect([again.status, again.json]).toEqual([202, { job_id: jobId, job_status: "processing", items_retried: 1 }]);
  expect(f.rung()).toBe(before + 1);
  expect((await f.send("GET", `/v1/jobs/${jobId}`)).json).toMatchObject({
    job_status: "processing",
    items_open: 1,
    items_failed: 0,
    finished_at: null,
  });
  await f.send("POST", `/v1/jobs/${jobId}/cancel`);
});

test("items are paged in order, each once", async () => {
  const jobId = await uploadJob("1.md", "2.md", "3.md", "4.md", "5.md");
  const names: unknown[] = [];
  let cursor = "";
  do {
    const page = await f.send("GET", `/v1/jobs/${jobId}/items?limit=2&cursor=${cursor}`);
    names.push(...(page.at("items") as { name: string }[]).map((item) => item.name));
    cursor = String(page.at("next_cursor") ?? "");
  } while (cursor);
  expect(names).toEqual(["1.md", "2.md", "3.md", "4.md", "5.md"]);
  await f.send("POST", `/v1/jobs/${jobId}/cancel`);
});

test("canceling a job on which nobody works closes it at once, and only once", async () => {
  const jobId = await uploadJob("x.md", "y.md");
  const answer = await f.send("POST", `/v1/jobs/${jobId}/cancel`);
  expect([answer.status, answer.at("job_status"), answer.at("items_canceled")]).toEqual([202, "canceled", 2]);
  expect(f.logged.findLast((line) => line.event === "sync_summary")).toMatchObject({
    job_id: jobId,
    items_canceled: 2,
  });
  const again = await f.send("POST", `/v1/jobs/${jobId}/cancel`);
  expect([again.status, again.at("error.code")]).toEqual([409, "job.finished"]);
});

test("canceling leaves running items to their worker", async () => {
  const jobId = await uploadJob("run.md", "wait.md");
  await claimItems(f.sql, { worker: "test", leaseSeconds: 60, lane: "inline", limit: 1 });
  const answer = await f.send("POST", `/v1/jobs/${jobId}/cancel`);
  expect(answer.json).toMatchObject({
    job_status: "processing",
    items_open: 1,
    items_canceled: 1,
    cancel_requested_at: expect.any(String),
  });
});

test("lists are newest first, by status, and paged without loss although jobs share a millisecond", async () => {
  const tenant = f.otherTenant;
  await f.sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_status, job_payload_json, requested_by, correlation_id, created_at)
    SELECT ${tenant}, gen_random_uuid(), 'sync', 'queued', '{}', 'n' || n, 'c', timestamptz '2026-01-01 00:00:00.123' + make_interval(secs => (n / 2) * 0.000001)
    FROM generate_series(0, 24) AS n`;
  const seen: string[] = [];
  const times: string[] = [];
  let cursor = "";
  do {
    const page = await f.send("GET", `/v1/jobs?status=queued&limit=4&cursor=${cursor}`, { token: f.tokens.other });
    for (const job of page.at("jobs") as { requested_by: string; job_id: string }[]) {
      seen.push(job.job_id);
      times.push(job.requested_by);
    }
    cursor = String(page.at("next_cursor") ?? "");
  } while (cursor);
  expect(new Set(seen).size).toBe(25);
  expect(times[0]).toBe("n24");
  expect((await f.send("GET", "/v1/jobs?status=done", { token: f.tokens.other })).at("jobs")).toEqual([]);
});

test("job answers are what the description says", async () => {
  const { ROUTES } = await import("../../src/http/routes.ts");
  const v = await import("valibot");
  const jobId = await uploadJob("schema.md");
  for (const [path, url] of [
    ["/v1/jobs/{id}", `/v1/jobs/${jobId}`],
    ["/v1/jobs", "/v1/jobs"],
    ["/v1/jobs/{id}/items", `/v1/jobs/${jobId}/items`],
  ] as const) {
    const produces = ROUTES.find((route) => route.path === path && route.method === "get")?.produces;
    if (!produces || !("schema" in produces)) throw new Error(`no schema for ${path}`);
    expect(v.safeParse(produces.schema, (await f.send("GET", url)).json).issues).toBeUndefined();
  }
});
