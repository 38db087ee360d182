/** Sends the examples of the API description as they stand there, against the made-up tenant that they speak of. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXAMPLE_IDS as ids } from "../../src/http/openapi_example_ids.ts";
import { type Example, exampleOf } from "../../src/http/openapi_examples.ts";
import type { Route } from "../../src/http/route.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { createToken } from "../../src/store/tokens.ts";
import { insertWebhook, sealWebhookSecret } from "../../src/store/webhooks.ts";
import { signatureOf } from "../../src/worker/webhook_send.ts";
import { claimFor, prepared } from "../support/documents.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

const SECRET_KEY = "a key for these tests only";
let f: Fixture;
let token = "";
beforeAll(async () => {
  f = await createFixture(({ config }) => ({
    config: { ...config, secretKey: SECRET_KEY, webhooks: { allowPrivateNetwork: true } },
  }));
  await f.sql`INSERT INTO tenants (tenant_id, name) VALUES (${ids.tenant}, 'Example')`;
  token = (await createToken(f.sql, { tenantId: ids.tenant, name: "example", scope: "write", expiresAt: null })).token;
  await f.sql`
    INSERT INTO api_tokens (token_id, tenant_id, name, scope, token_sha256)
    VALUES (${ids.token}, ${ids.tenant}, 'search application', 'read', ${Buffer.alloc(32)})`;
  await insertConnection(f.sql, {
    tenantId: ids.tenant,
    connectionId: ids.connection,
    sourceType: "FILE_CATALOG_OBJECT",
    name: "handbook",
    config: { kind: "directory", root: "/srv/handbook" },
    secrets: null,
  });
  await insertWebhook(f.sql, {
    tenantId: ids.tenant,
    webhookId: ids.webhook,
    connectionId: null,
    // Nobody listens there; that the test says so is its answer.
    url: "http://127.0.0.1:1/",
    secret: sealWebhookSecret(SECRET_KEY, ids.webhook, "whsec_of_these_tests"),
  });
  await seedDocument();
  await seedJobs();
}, START_MS);
afterAll(() => f.stop());

async function seedDocument(): Promise<void> {
  const [item] = await claimFor(f.sql, ids.tenant, ["file:///srv/handbook/restore.md"]);
  const markdown =
    "# Restore\n\nStop the writers, restore the orders database from the last base backup, then replay the log.\n";
  const document = prepared(item!, markdown);
  expect([document.sourceId, document.documentId, document.versionId]).toEqual([ids.source, ids.document, ids.version]);
  const key = `${ids.tenant}/${ids.source}/${ids.version}`;
  const bytes = new TextEncoder().encode(markdown);
  document.rawUri = (await f.objects.putNew("raw", `${key}/raw.bin`, bytes, "text/markdown")).uri;
  document.markdownUri = (await f.objects.putNew("markdown", `${key}/normalized.md`, bytes, "text/markdown")).uri;
  await swapIn(f.sql, [document], f.deps.embedder.model);
}

async function seedJobs(): Promise<void> {
  await f.sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_status, listing, job_payload_json, requested_by, correlation_id, error_code,
      finished_at, descriptors_listed, items_failed)
    VALUES (${ids.tenant}, ${ids.job}, 'sync', 'error', 'complete', '{}', 'test', 'test', 'ITEMS_FAILED', now(), 1, 1)`;
  await f.sql`
    INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane, item_status, error_code, finished_at)
    VALUES (${ids.tenant}, ${ids.job}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'file:///srv/handbook/scan.pdf', '{}', 'isolated', 'failed', 'convert.encrypted', now())`;
  await f.sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_payload_json, requested_by, correlation_id)
    VALUES (${ids.tenant}, ${ids.openJob}, 'sync', '{}', 'test', 'test')`;
}

function requestOf({ path, bodyType }: Route, { params = {}, query = {}, body }: Example) {
  const filled = Object.entries(params).reduce((text, [name, value]) => text.replace(`{${name}}`, value), path);
  const search = new URLSearchParams(query).toString();
  const url = search ? `${filled}?${search}` : filled;
  if (bodyType === "application/json") return { url, options: { json: body } };
  const form = new FormData();
  for (const [name, value] of Object.entries(body ?? {}))
    if (Array.isArray(value)) for (const text of value) form.append(name, new File([text], "minutes.md"));
    else form.append(name, String(value));
  return { url, options: { body: form } };
}

// What deletes comes last, and a schedule is set before it is looked at.
const ORDER = ["put", "get", "post", "patch", "delete"];
const inOrder = ROUTES.map((route) => ({
  name: `${route.method.toUpperCase()} ${route.path}`,
  route,
  example: exampleOf(route)!,
})).toSorted(
  (a, b) => ORDER.indexOf(a.route.method) - ORDER.indexOf(b.route.method) || b.route.path.length - a.route.path.length,
);

describe("each example is answered with the status and the schema that are described for it", () => {
  test.each(inOrder)("$name", async ({ route, example }) => {
    const { url, options } = requestOf(route, example);
    const answer = await f.send(route.method.toUpperCase(), url, {
      ...options,
      token: route.access === "admin" ? f.tokens.admin : token,
    });
    // Schemas are compared by the fixture, with every answer of every test.
    expect([answer.status, answer.at("error.message")]).toEqual([route.status, undefined]);
    if (!example.answer || typeof example.answer !== "object") return;
    expect(Object.keys(answer.json as object).toSorted()).toEqual(Object.keys(example.answer).toSorted());
  });
});

test("the receiver's check of a signature accepts what is genuine and nothing else", async () => {
  const description = (await f.send("GET", "/openapi.json", { token: null })).textAt("info.description");
  const code = /```js\n([\s\S]+?)```/.exec(description)![1]!;
  const dir = await mkdtemp(join(tmpdir(), "sluice-example-"));
  const file = join(dir, "receiver.mjs");
  await writeFile(file, code);
  const { isGenuine } = (await import(file)) as { isGenuine(secret: string, signature: string, body: string): boolean };
  await rm(dir, { recursive: true });
  const now = Math.floor(Date.now() / 1000);
  const signature = signatureOf("secret", '{"a":1}', now);
  expect(isGenuine("secret", signature, '{"a":1}')).toBe(true);
  expect(isGenuine("secret", signature, '{"a":2}')).toBe(false);
  expect(isGenuine("other", signature, '{"a":1}')).toBe(false);
  expect(isGenuine("secret", signature.replace(`t=${now}`, `t=${now + 1}`), '{"a":1}')).toBe(false);
  expect(isGenuine("secret", signatureOf("secret", "{}", now - 600), "{}")).toBe(false);
  expect(isGenuine("secret", "", "{}")).toBe(false);
});
