import { afterAll, beforeAll, expect, test } from "bun:test";
import { createApp } from "../../src/http/app.ts";
import { enqueueItems, enqueueJob } from "../../src/queue/enqueue.ts";
import { itemOf } from "../support/queue.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let app: ReturnType<typeof createApp>;
beforeAll(async () => {
  f = await createFixture();
  app = createApp({ ...f.deps, config: { ...f.deps.config, intake: { requests: 4, uploads: 2, queueItems: 3 } } });
}, START_MS);
afterAll(() => f.stop());

const headers = { authorization: "" };
const get = (path: string) => app.request(path, { headers });
const ready = async () => ((await (await app.request("/readyz")).json()) as { intake: string }).intake;

/** An upload that stays open until it is released. */
function slowUpload(): { answer: Promise<Response>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const part = `--b\r\nContent-Disposition: form-data; name="file"; filename="${Bun.randomUUIDv7()}.md"\r\n\r\ntext\r\n--b--\r\n`;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await promise;
      controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
  const type = { "content-type": "multipart/form-data; boundary=b" };
  const answer = app.request("/v1/ingest/files/upload", { method: "POST", body, headers: { ...headers, ...type } });
  return { answer: Promise.resolve(answer), release: resolve };
}

test("what goes beyond a bound is refused at once with a time to come back, and readiness and metrics tell", async () => {
  headers.authorization = `Bearer ${f.tokens.admin}`;
  const open = [slowUpload(), slowUpload()];
  while ((await ready()) !== "uploads") await Bun.sleep(5);
  const third = await slowUpload().answer;
  expect([third.status, third.headers.get("retry-after")]).toEqual([503, "2"]);
  expect(((await third.json()) as { error: { code: string; retryable: boolean } }).error).toMatchObject({
    code: "request.busy",
    retryable: true,
  });
  expect((await get("/v1/tenants")).status).toBe(200);
  const scraped = await (await get("/metrics")).text();
  expect(scraped).toMatch(/sluice_uploads_running 2/);
  expect(scraped).toMatch(/sluice_intake_refused_total\{bound="uploads"\} [1-9]/);
  for (const { release } of open) release();
  await Promise.all(open.map(({ answer }) => answer));
  expect(await ready()).toBe("ok");
});

test("more requests than the process may have under way are refused before anything of them is read", async () => {
  headers.authorization = `Bearer ${f.tokens.admin}`;
  const answers = await Promise.all(Array.from({ length: 12 }, () => get("/v1/tenants")));
  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status === 200).length).toBe(4);
  expect(statuses.filter((status) => status === 503).length).toBe(8);
  expect((await app.request("/healthz")).status).toBe(200);
});

test("while the queue is full nothing is added to it, and reading goes on", async () => {
  headers.authorization = `Bearer ${f.tokens.write}`;
  const job = { tenantId: f.tenant, jobType: "upload" as const, payload: {}, requestedBy: "t", correlationId: "test" };
  const jobId = await enqueueJob(f.sql, job);
  const items = ["a", "b", "c"].map((name) => itemOf(f.tenant, `file:///${name}`));
  await enqueueItems(f.sql, { tenantId: f.tenant, jobId }, items, 0);
  // What this process knows of the queue is a second old at most.
  await Bun.sleep(1100);
  const refused = await slowUpload().answer;
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
  const sync = await app.request("/v1/ingest/sources/sync", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ tenant_id: f.tenant, source_types: ["FILE_CATALOG_OBJECT"] }),
  });
  expect(((await sync.json()) as { error: { code: string } }).error.code).toBe("queue.full");
  expect(await ready()).toBe("queue");
  expect((await get("/v1/jobs")).status).toBe(200);
});
