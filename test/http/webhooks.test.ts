import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { closeJobs } from "../../src/queue/close_job.ts";
import { jobWithItems } from "../support/queue.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let received: { body: string; signature: string }[] = [];
const receiver = Bun.serve({
  port: 0,
  async fetch(request) {
    received.push({ body: await request.text(), signature: request.headers.get("sluice-signature") ?? "" });
    return new Response(null, { status: new URL(request.url).pathname === "/broken" ? 500 : 200 });
  },
});
beforeAll(async () => {
  f = await createFixture(({ config }) => ({
    config: { ...config, secretKey: "a key for these tests only", webhooks: { allowPrivateNetwork: true } },
  }));
}, START_MS);
afterAll(async () => {
  await receiver.stop(true);
  await f.stop();
});

const create = (json: object = {}) =>
  f.send("POST", "/v1/webhooks", { json: { tenant_id: f.tenant, url: receiver.url.href, ...json } });

test("a webhook is set, listed and deleted; its secret is shown once and kept sealed", async () => {
  const created = await create();
  expect([created.status, created.textAt("secret").length]).toEqual([201, 49]);
  const { secret, ...shown } = created.json as Record<string, unknown>;
  const path = `/v1/webhooks/${created.textAt("webhook_id")}`;
  expect((await f.send("GET", path)).json).toEqual(shown);
  const newer = await create({ secret: "chosen-by-the-caller" });
  expect(newer.at("secret")).toBe("chosen-by-the-caller");
  const first = await f.send("GET", "/v1/webhooks?limit=1");
  expect(first.at("webhooks.0.webhook_id")).toBe(newer.at("webhook_id"));
  expect((await f.send("GET", `/v1/webhooks?limit=1&cursor=${first.textAt("next_cursor")}`)).json).toEqual({
    webhooks: [shown],
    next_cursor: null,
  });
  const rows = await f.sql`SELECT w::text AS whole, secret FROM webhooks w`;
  for (const row of rows) {
    expect(row.whole).not.toContain(String(secret));
    expect((row.secret as Buffer).includes("chosen")).toBe(false);
  }
  for (const [method, status] of [
    ["GET", 404],
    ["DELETE", 404],
  ] as const)
    expect((await f.send(method, path, { token: f.tokens.other })).status).toBe(status);
  expect((await f.send("DELETE", path)).status).toBe(204);
  expect((await f.send("GET", path)).at("error.code")).toBe("webhook.not_found");
});

test("a test sends a signed message at once and says what came of it", async () => {
  received = [];
  const good = await create();
  const answer = await f.send("POST", `/v1/webhooks/${good.textAt("webhook_id")}/test`);
  expect(answer.json).toEqual({ ok: true, status: 200, code: null, message: null, ms: expect.any(Number) });
  const { body, signature } = received[0]!;
  expect(JSON.parse(body)).toMatchObject({ event: "webhook.test", job: null, tenant_id: f.tenant });
  const [seconds, hex] = signature.replace("t=", "").split(",v1=");
  expect(createHmac("sha256", good.textAt("secret")).update(`${seconds}.${body}`).digest("hex")).toBe(hex!);

  const bad = await create({ url: `${receiver.url.href}broken` });
  expect((await f.send("POST", `/v1/webhooks/${bad.textAt("webhook_id")}/test`)).json).toMatchObject({
    ok: false,
    status: 500,
    code: "webhook.refused",
  });
});

test("what a webhook was told can be looked at by its status, a page at a time", async () => {
  const id = (await create()).textAt("webhook_id");
  for (let i = 0; i < 3; i++) {
    const jobId = await jobWithItems(f.sql, f.tenant, []);
    await closeJobs(f.sql, { job: { tenantId: f.tenant, jobId }, embeddingDeadlineSeconds: 60 });
  }
  expect((await f.send("GET", `/v1/webhooks/${id}`)).at("deliveries")).toEqual({ pending: 3, delivered: 0, failed: 0 });
  const path = `/v1/webhooks/${id}/deliveries`;
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = await f.send("GET", `${path}?status=pending&limit=2&cursor=${cursor}`);
    seen.push(...(page.at("deliveries") as { delivery_id: string }[]).map((one) => one.delivery_id));
    cursor = String(page.at("next_cursor") ?? "");
  } while (cursor);
  expect(new Set(seen).size).toBe(3);
  expect((await f.send("GET", `${path}?status=failed`)).at("deliveries")).toEqual([]);
  expect((await f.send("GET", path, { token: f.tokens.other })).at("error.code")).toBe("webhook.not_found");
});

describe("what could not be called is refused when it is set", () => {
  test.each([
    "ftp://example.com/",
    "https://user:pw@example.com/",
    "https://example.com/#x",
    "example.com",
    "javascript:alert(1)",
  ])("%s", async (url) => {
    const answer = await create({ url });
    expect([answer.status, answer.at("error.code")]).toEqual([422, "webhook.bad_url"]);
  });

  test("another tenant's connection, and a secret that is too short", async () => {
    expect((await create({ connection_id: f.tenant })).at("error.code")).toBe("connection.not_found");
    expect((await create({ secret: "short" })).at("error.details.fields")).toEqual(["secret"]);
  });

  test("without the operator's leave, addresses of a private network", async () => {
    const strict = await createFixture(({ config }) => ({
      config: { ...config, secretKey: "another key for this test" },
    }));
    for (const url of [
      "http://127.0.0.1:8100/",
      "http://169.254.169.254/latest/",
      "http://[::1]/",
      "http://localhost/",
    ]) {
      const answer = await strict.send("POST", "/v1/webhooks", { json: { tenant_id: strict.tenant, url } });
      expect([url, answer.status, answer.at("error.code")]).toEqual([url, 403, "webhook.address_refused"]);
    }
    await strict.stop();
  });
});
