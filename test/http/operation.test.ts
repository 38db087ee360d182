import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { createApp } from "../../src/http/app.ts";
import { openObjectStore } from "../../src/store/objects.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());

describe("readiness", () => {
  test("is told apart from being alive, and names the part that fails", async () => {
    expect((await f.send("GET", "/readyz", { token: null })).json).toEqual({
      status: "ready",
      database: "ok",
      objects: "ok",
      intake: "ok",
    });
    const sql = postgres("postgres://nobody@127.0.0.1:1/none", { max: 1, connect_timeout: 1 });
    const app = createApp({ ...f.deps, sql });
    const answer = await app.request("/readyz");
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { status: "not_ready", database: "failed", objects: "ok", intake: "ok" },
    ]);
    expect((await app.request("/healthz")).status).toBe(200);
    const refused = await app.request("/v1/jobs", { headers: { authorization: `Bearer ${f.tokens.read}` } });
    expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
    await sql.end({ timeout: 1 });
  });

  test("fails when the object store does, without saying why to the public", async () => {
    const objects = await openObjectStore({ kind: "local", root: `${f.dir}/x` });
    objects.exists = async () => {
      throw new Error("secret reason");
    };
    const answer = await createApp({ ...f.deps, objects }).request("/readyz");
    expect([answer.status, await answer.text()]).toEqual([
      503,
      JSON.stringify({ status: "not_ready", database: "ok", objects: "failed", intake: "ok" }),
    ]);
  });
});

describe("metrics", () => {
  const metric = (text: string, name: string): number =>
    Number(new RegExp(`^${name.replace(/[{}"|]/g, "\\$&")} (\\S+)$`, "m").exec(text)?.[1]);

  test("count requests by pattern, tell the queue's depth and age, and hold no nonsense", async () => {
    const form = new FormData();
    form.append("tenant_id", f.tenant);
    form.append("a", new File(["x"], "a.md"));
    form.append("b", new File(["x"], "b.md"));
    const { job_id } = (await f.send("POST", "/v1/ingest/files/upload", { body: form })).json as { job_id: string };
    await f.sql`UPDATE ingest_items SET available_at = now() - interval '100 seconds' WHERE job_id = ${job_id}`;
    await f.send("GET", `/v1/jobs/${job_id}`);
    const { text, headers } = await f.send("GET", "/metrics", { token: f.tokens.admin });
    expect(headers.get("content-type")).toStartWith("text/plain");
    expect(metric(text, 'sluice_jobs{status="processing"}')).toBe(1);
    expect(metric(text, "sluice_items_open")).toBe(2);
    expect(metric(text, "sluice_queue_oldest_waiting_seconds")).toBeWithin(100, 130);
    expect(
      metric(text, 'sluice_http_request_duration_seconds_count{method="GET",route="/v1/jobs/{id}",status="200"}'),
    ).toBe(1);
    expect(metric(text, "process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(text).not.toMatch(/ (NaN|Nan|undefined|-?Inf)/);
    await f.send("GET", `/v1/${crypto.randomUUID()}`);
    expect((await f.send("GET", "/metrics", { token: f.tokens.admin })).text).toContain('route="none"');
  });
});

describe("administration", () => {
  const admin = (method: string, path: string, json?: unknown) => f.send(method, path, { json, token: f.tokens.admin });

  test("tenants and their tokens are made, listed and revoked", async () => {
    const tenant = await admin("POST", "/v1/tenants", { name: "Third" });
    expect([tenant.status, (await admin("POST", "/v1/tenants", { name: "THIRD" })).at("error.code")]).toEqual([
      201,
      "tenant.duplicate_name",
    ]);
    const tenant_id = tenant.textAt("tenant_id");
    expect((await admin("GET", "/v1/tenants")).at("tenants")).toContainEqual(tenant.json);
    const made = await admin("POST", "/v1/tokens", {
      tenant_id,
      name: "reader",
      scope: "read",
      expires_at: "2099-01-01T00:00:00+01:00",
    });
    expect([made.status, made.at("expires_at")]).toEqual([201, "2098-12-31T23:00:00.000Z"]);
    const token = made.textAt("token");
    expect((await f.send("GET", "/v1/documents", { token })).status).toBe(200);
    const listed = await admin("GET", `/v1/tokens?tenant_id=${tenant_id}`);
    expect(listed.json).toMatchObject({ tokens: [{ name: "reader", state: "valid", scope: "read" }] });
    expect(listed.text).not.toContain(token);
    expect((await admin("DELETE", `/v1/tokens/${made.textAt("token_id")}`)).status).toBe(204);
    expect((await admin("DELETE", `/v1/tokens/${made.textAt("token_id")}`)).at("error.code")).toBe("token.not_found");
    expect((await f.send("GET", "/v1/documents", { token })).status).toBe(401);
  });

  test.each([
    [{ name: "x", scope: "read" }, 400, "request.tenant_required"],
    [{ name: "x", scope: "read", tenant_id: "0192f000-0000-7000-8000-000000000001" }, 404, "tenant.not_found"],
    [{ name: "x", scope: "admin", tenant_id: "0192f000-0000-7000-8000-000000000001" }, 400, "request.invalid"],
    [{ name: "x", scope: "owner" }, 400, "request.invalid"],
    [{ name: "x", scope: "admin", expires_at: "2001-01-01T00:00:00Z" }, 400, "request.invalid"],
    [{ name: "x", scope: "admin", expires_at: "tomorrow" }, 400, "request.invalid"],
  ])("the token %j is not made", async (body, status, code) => {
    const answer = await admin("POST", "/v1/tokens", body);
    expect([answer.status, answer.at("error.code")]).toEqual([status, code]);
  });
});
