import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import pino from "pino";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import { requestCancel } from "../../src/queue/cancel.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { enqueueSync } from "../../src/queue/enqueue_sync.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { claimDeliveries, deleteOldDeliveries, settleDelivery } from "../../src/store/webhook_deliveries.ts";
import { insertWebhook, sealWebhookSecret } from "../../src/store/webhooks.ts";
import { deliverWebhooks } from "../../src/worker/webhook.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { jobWithItems } from "../support/queue.ts";

const SECRET_KEY = "a key for these tests only";
const SECRET = "whsec_of_these_tests";
const config = readConfig("info", { SECRET_KEY, WEBHOOK_ALLOW_PRIVATE_NETWORK: "true" });
const log = pino({ level: "silent" });
const goOn = new AbortController().signal;

interface Received {
  headers: Headers;
  body: string;
}
let received: Received[] = [];
let respond: () => Response | Promise<Response> = () => new Response(null, { status: 204 });
const receiver = Bun.serve({
  port: 0,
  async fetch(request) {
    received.push({ headers: request.headers, body: await request.text() });
    return respond();
  },
});

let sql: Sql;
let tenantId: string;
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
}, 60_000);
beforeEach(async () => {
  await sql`DELETE FROM webhooks`;
  tenantId = await newTenant(sql);
  received = [];
  respond = () => new Response(null, { status: 204 });
});
afterAll(() => receiver.stop(true));

async function webhook(connectionId: string | null = null, url = receiver.url.href): Promise<string> {
  const webhookId = Bun.randomUUIDv7();
  const secret = sealWebhookSecret(SECRET_KEY, webhookId, SECRET);
  await insertWebhook(sql, { tenantId, webhookId, connectionId, url, secret });
  return webhookId;
}
const close = (jobId: string) => closeJobs(sql, { job: { tenantId, jobId }, embeddingDeadlineSeconds: 60 });
/** A job that ends at once. */
async function endedJob(): Promise<string> {
  const jobId = await jobWithItems(sql, tenantId, []);
  await close(jobId);
  return jobId;
}
const deliver = () => deliverWebhooks({ sql, config, log }, goOn);
const deliveries = () => sql`SELECT * FROM webhook_deliveries ORDER BY created_at`;

test("the end of a job is told once, signed over the time and the body", async () => {
  const webhookId = await webhook();
  const jobId = await endedJob();
  await Promise.all([deliver(), deliver()]);
  expect(received).toHaveLength(1);
  const { headers, body } = received[0]!;
  const [delivery] = await deliveries();
  expect(JSON.parse(body)).toEqual({
    event: "job.finished",
    delivery_id: delivery!.delivery_id,
    webhook_id: webhookId,
    tenant_id: tenantId,
    job: expect.objectContaining({
      job_id: jobId,
      job_type: "upload",
      job_status: "done",
      error_code: null,
      descriptors_listed: 0,
      finished_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    }),
  });
  expect(headers.get("sluice-delivery")).toBe(delivery!.delivery_id);
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers.get("sluice-signature") ?? "") ?? [];
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(10);
  expect(signature).toBe(createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex"));
  expect(delivery).toMatchObject({ delivery_status: "delivered", attempt: 1, response_status: 204, error_code: null });
});

test("what is refused is tried again under the same id, later each time, and in the end is left as failed", async () => {
  await webhook();
  await endedJob();
  respond = () => new Response("busy", { status: 503 });
  await deliver();
  const waits: number[] = [];
  for (let attempt = 1; attempt < 8; attempt++) {
    const [waiting] = await sql`
      SELECT *, extract(epoch FROM available_at - now())::float8 AS wait FROM webhook_deliveries WHERE delivery_status = 'pending'`;
    expect(waiting).toMatchObject({ attempt, response_status: 503, error_code: "webhook.refused" });
    waits.push(waiting!.wait as number);
    // Not before its time.
    await deliver();
    expect(received).toHaveLength(attempt);
    await sql`UPDATE webhook_deliveries SET available_at = now()`;
    await deliver();
  }
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(waits.at(-1)).toBeGreaterThan(9 * 3600);
  expect((await deliveries())[0]).toMatchObject({
    delivery_status: "failed",
    attempt: 8,
    finished_at: expect.any(Date),
  });
  expect(new Set(received.map(({ headers }) => headers.get("sluice-delivery"))).size).toBe(1);
});

test("redirects are not followed", async () => {
  await webhook();
  await endedJob();
  respond = () => Response.redirect(receiver.url.href, 307);
  await deliver();
  expect(received).toHaveLength(1);
  expect((await deliveries())[0]).toMatchObject({ delivery_status: "pending", response_status: 307 });
});

test("an address in a private network is not called and not tried again, unless the operator allows it", async () => {
  await webhook();
  await endedJob();
  await deliverWebhooks({ sql, log, config: { ...config, webhooks: { allowPrivateNetwork: false } } }, goOn);
  expect(received).toEqual([]);
  expect((await deliveries())[0]).toMatchObject({ delivery_status: "failed", error_code: "webhook.address_refused" });
});

test("a receiver that is not there and a secret that cannot be read are waited for", async () => {
  await webhook(null, "http://127.0.0.1:1/");
  await endedJob();
  await deliver();
  expect((await deliveries())[0]).toMatchObject({ delivery_status: "pending", error_code: "webhook.unreachable" });
  await sql`UPDATE webhook_deliveries SET available_at = now()`;
  await deliverWebhooks({ sql, log, config: { ...config, secretKey: "another key, set by mistake" } }, goOn);
  expect((await deliveries())[0]).toMatchObject({
    delivery_status: "pending",
    error_code: "connector.secrets_unreadable",
  });
});

test("a receiver that hangs is given up at a shutdown, and told again", async () => {
  await webhook();
  await endedJob();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  respond = () => {
    resolve();
    return new Promise(() => {});
  };
  const stopping = new AbortController();
  const delivering = deliverWebhooks({ sql, config, log }, stopping.signal);
  await asked;
  stopping.abort();
  await delivering;
  respond = () => new Response(null);
  await deliver();
  expect(received).toHaveLength(2);
  expect((await deliveries())[0]).toMatchObject({ delivery_status: "delivered" });
});

test("whoever lost its claim settles nothing; the delivery is made by another process", async () => {
  await webhook();
  await endedJob();
  const [lost] = await claimDeliveries(sql, { limit: 1, leaseSeconds: 60 });
  expect(await claimDeliveries(sql, { limit: 1, leaseSeconds: 60 })).toEqual([]);
  await sql`UPDATE webhook_deliveries SET leased_until = now() - interval '1 second'`;
  await deliver();
  expect(
    await settleDelivery(sql, lost!, { ok: false, status: 500, code: "webhook.refused", message: "", retryMs: null }),
  ).toBe(false);
  expect((await deliveries())[0]).toMatchObject({ delivery_status: "delivered", attempt: 2 });
});

test("a webhook of a connection hears of its syncs alone, one of the tenant of every job, another tenant's of none", async () => {
  const named = async (name: string) =>
    (await insertConnection(sql, { tenantId, sourceType: "FILE_CATALOG_OBJECT", name, config: {}, secrets: null }))!
      .connectionId;
  const [docs, other] = [await named("docs"), await named("other")];
  const ofDocs = await webhook(docs);
  const ofAll = await webhook();
  const mine = tenantId;
  tenantId = await newTenant(sql);
  await webhook();
  tenantId = mine;
  const synced = async (connection_id: string | null) => {
    const { jobId } = await enqueueSync(sql, {
      tenantId,
      payload: { source_types: ["FILE_CATALOG_OBJECT"], connection_id, force_reindex: false, confirm_deletions: false },
      requestedBy: "test",
      correlationId: "test",
    });
    await requestCancel(sql, tenantId, jobId);
    await close(jobId);
    return jobId;
  };
  const [first, second, all] = [await synced(docs), await synced(other), await synced(null)];
  const upload = await endedJob();
  const told = async (webhookId: string) =>
    (await sql`SELECT job_id FROM webhook_deliveries WHERE webhook_id = ${webhookId} ORDER BY created_at`).map(
      (row) => row.job_id,
    );
  expect(await told(ofDocs)).toEqual([first, all]);
  expect(await told(ofAll)).toEqual([first, second, all, upload]);
  expect(await deliveries()).toHaveLength(6);
});

test("finished deliveries are shown for thirty days", async () => {
  await webhook();
  await endedJob();
  await deliver();
  expect(await deleteOldDeliveries(sql)).toBe(0);
  await sql`UPDATE webhook_deliveries SET finished_at = now() - interval '31 days'`;
  expect(await deleteOldDeliveries(sql)).toBe(1);
});
