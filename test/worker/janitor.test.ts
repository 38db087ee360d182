import { afterAll, beforeAll, expect, test } from "bun:test";
import pino from "pino";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import { asSystem } from "../../src/db/tenant_scope.ts";
import { HashEmbedder } from "../../src/embed/hash.ts";
import type { IngestContext } from "../../src/pipeline/context.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { Wake } from "../../src/queue/wake.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { setSchedule } from "../../src/store/schedules.ts";
import { insertWebhook, sealWebhookSecret } from "../../src/store/webhooks.ts";
import { startJanitor } from "../../src/worker/janitor.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { jobWithItems } from "../support/queue.ts";

const SECRET_KEY = "a key for these tests only";
let sql: Sql;
let tenantId: string;
let told = Promise.withResolvers<string>();
const receiver = Bun.serve({
  port: 0,
  async fetch(request) {
    const { job } = (await request.json()) as { job: { job_id: string } };
    told.resolve(job.job_id);
    return new Response(null);
  },
});
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
}, 60_000);
afterAll(() => receiver.stop(true));

function context(): IngestContext {
  const config = readConfig("info", { SECRET_KEY, WEBHOOK_ALLOW_PRIVATE_NETWORK: "true" });
  // Nothing is ingested, so the stages of ingestion are never asked for.
  return { sql, config, embedder: new HashEmbedder(), log: pino({ level: "silent" }) } as unknown as IngestContext;
}

test("the janitor starts syncs that are due, tells webhooks of jobs that it closed, and forgets what is past its time", async () => {
  const webhookId = Bun.randomUUIDv7();
  const secret = sealWebhookSecret(SECRET_KEY, webhookId, "whsec_of_these_tests");
  await insertWebhook(sql, { tenantId, webhookId, connectionId: null, url: receiver.url.href, secret });
  const closable = await jobWithItems(sql, tenantId, []);
  const source = { sourceType: "FILE_CATALOG_OBJECT", name: "docs", config: { kind: "x" }, secrets: null };
  const { connectionId } = (await insertConnection(sql, { tenantId, ...source }))!;
  await setSchedule(sql, tenantId, connectionId, { everyMinutes: 5, cron: null, timezone: "UTC" });
  await sql`UPDATE connection_schedules SET next_run_at = now() - interval '1 minute'`;
  await sql`
    INSERT INTO idempotency_keys (tenant_id, idempotency_key, fingerprint, run_id, running_until, expires_at)
    VALUES (${tenantId}, 'old', ${Buffer.alloc(32)}, gen_random_uuid(), now(), now())`;

  const wake = new Wake(null);
  const rung = wake.wait(20_000);
  const janitor = startJanitor(context(), wake);
  await rung;
  expect(await told.promise).toBe(closable);
  await janitor.stop();
  wake.close();
  const queued =
    await sql`SELECT job_payload_json ->> 'connection_id' AS id FROM ingest_jobs WHERE job_status = 'queued'`;
  expect(queued.map((row) => row.id)).toEqual([connectionId]);
  expect(await sql`SELECT 1 FROM idempotency_keys`).toHaveLength(0);
});

test("in a process that ends at once each duty is done all the same", async () => {
  told = Promise.withResolvers<string>();
  const jobId = await jobWithItems(sql, tenantId, []);
  await closeJobs(asSystem(sql), { embeddingDeadlineSeconds: 60 });
  const wake = new Wake(null);
  await startJanitor(context(), wake).stop();
  wake.close();
  expect(await told.promise).toBe(jobId);
});
