import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ROUTES } from "../../src/http/routes.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { createToken, revokeToken } from "../../src/store/tokens.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());

const ID = "0192f000-0000-7000-8000-000000000001";
const protectedRoutes = ROUTES.filter((route) => route.access !== "public").map((route) => ({
  name: `${route.method.toUpperCase()} ${route.path}`,
  method: route.method.toUpperCase(),
  path: route.path.replace("{id}", ID),
  access: route.access,
}));
const needing = (...access: string[]) => protectedRoutes.filter((route) => access.includes(route.access));

describe("without a valid token nothing but health and the description answers", () => {
  test.each(protectedRoutes)("$name", async ({ method, path }) => {
    const answer = await f.send(method, path, { token: null });
    expect(answer.status).toBe(401);
    expect(answer.at("error.code")).toBe("auth.missing");
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  });

  test.each(["/healthz", "/readyz", "/openapi.json"])("%s needs none", async (path) => {
    expect((await f.send("GET", path, { token: null })).status).toBe(200);
  });
});

describe("a read token may only read", () => {
  test.each(needing("write"))("$name is refused", async ({ method, path }) => {
    const answer = await f.send(method, path, { token: f.tokens.read });
    expect([answer.status, answer.at("error.code")]).toEqual([403, "auth.read_only"]);
  });
  test.each(needing("read"))("$name is let through", async ({ method, path }) => {
    expect([400, 404, 200, 415]).toContain((await f.send(method, path, { token: f.tokens.read })).status);
  });
});

describe("tenants' tokens administrate nothing", () => {
  test.each(needing("admin"))("$name", async ({ method, path }) => {
    const answer = await f.send(method, path);
    expect([answer.status, answer.at("error.code")]).toEqual([403, "auth.admin_only"]);
  });
});

describe("tokens that are no good say why", () => {
  const forms: [name: string, header: string, code: string][] = [
    ["an unknown token", "Bearer slu_unknown", "auth.invalid"],
    ["another scheme", "Basic dXNlcjpwYXNz", "auth.invalid"],
    ["no token after the scheme", "Bearer ", "auth.invalid"],
    ["a token far too long", `Bearer ${"x".repeat(5000)}`, "auth.invalid"],
  ];
  test.each(forms)("%s", async (_name, authorization, code) => {
    const answer = await f.send("GET", "/v1/jobs", { token: null, headers: { authorization } });
    expect([answer.status, answer.at("error.code")]).toEqual([401, code]);
  });

  test("an expired token", async () => {
    const { token, tokenId } = await createToken(f.sql, {
      tenantId: f.tenant,
      name: "old",
      scope: "read",
      expiresAt: new Date(Date.now() + 60_000),
    });
    expect((await f.send("GET", "/v1/jobs", { token })).status).toBe(200);
    await f.sql`UPDATE api_tokens SET expires_at = now() - interval '1 second' WHERE token_id = ${tokenId}`;
    expect((await f.send("GET", "/v1/jobs", { token })).at("error.code")).toBe("auth.expired");
  });

  test("a revoked token", async () => {
    const { token, tokenId } = await createToken(f.sql, {
      tenantId: f.tenant,
      name: "leaked",
      scope: "read",
      expiresAt: null,
    });
    expect(await revokeToken(f.sql, tokenId)).toBe(true);
    expect(await revokeToken(f.sql, tokenId)).toBe(false);
    expect((await f.send("GET", "/v1/jobs", { token })).at("error.code")).toBe("auth.revoked");
  });
});

test("only the hash of a token is kept, and its use is noted at most once a minute", async () => {
  const { token, tokenId } = await createToken(f.sql, {
    tenantId: f.tenant,
    name: "used",
    scope: "read",
    expiresAt: null,
  });
  expect(token).toMatch(/^slu_[\w-]{43}$/);
  const row = async () =>
    (await f.sql`SELECT *, api_tokens::text AS whole FROM api_tokens WHERE token_id = ${tokenId}`)[0]!;
  expect((await row()).whole).not.toContain(token.slice(4));
  expect((await row()).last_used_at).toBeNull();
  await f.send("GET", "/v1/jobs", { token });
  const first: unknown = (await row()).last_used_at;
  expect(first).toBeInstanceOf(Date);
  await f.send("GET", "/v1/jobs", { token });
  expect((await row()).last_used_at).toEqual(first);
  await f.sql`UPDATE api_tokens SET last_used_at = now() - interval '61 seconds' WHERE token_id = ${tokenId}`;
  await f.send("GET", "/v1/jobs", { token });
  expect(((await row()).last_used_at as Date).getTime()).toBeGreaterThanOrEqual((first as Date).getTime());
});

describe("a token acts for its own tenant alone", () => {
  const naming: [method: string, path: (tenant: string) => string, body: (tenant: string) => unknown][] = [
    ["GET", (tenant) => `/v1/jobs?tenant_id=${tenant}`, () => undefined],
    ["GET", (tenant) => `/v1/documents?tenant_id=${tenant}`, () => undefined],
    ["GET", (tenant) => `/v1/connections?tenant_id=${tenant}`, () => undefined],
    ["POST", () => "/v1/search", (tenant_id) => ({ tenant_id, query: "x" })],
    ["POST", () => "/v1/ingest/sources/sync", (tenant_id) => ({ tenant_id, source_types: ["FILE_CATALOG_OBJECT"] })],
    [
      "POST",
      () => "/v1/connections",
      (tenant_id) => ({
        tenant_id,
        source_type: "FILE_CATALOG_OBJECT",
        name: "n",
        config: { kind: "directory", root: "/x" },
      }),
    ],
  ];
  test.each(naming)("%s %p refuses another tenant's id, and an admin's unknown one", async (method, path, body) => {
    const foreign = await f.send(method, path(f.otherTenant), { json: body(f.otherTenant) });
    expect([foreign.status, foreign.at("error.code")]).toEqual([403, "auth.wrong_tenant"]);
    const unknown = await f.send(method, path(ID), { json: body(ID), token: f.tokens.admin });
    expect([unknown.status, unknown.at("error.code")]).toEqual([404, "tenant.not_found"]);
    const own = await f.send(method, path(f.tenant.toUpperCase()), { json: body(f.tenant.toUpperCase()) });
    expect([200, 201, 422]).toContain(own.status);
  });

  test("an upload for another tenant is refused and leaves nothing on disk", async () => {
    const form = new FormData();
    form.append("file", new File(["# A"], "a.md"));
    form.append("tenant_id", f.otherTenant);
    const answer = await f.send("POST", "/v1/ingest/files/upload", { body: form });
    expect([answer.status, answer.at("error.code")]).toEqual([403, "auth.wrong_tenant"]);
    expect(await f.spooled()).toEqual([]);
  });

  test("an admin must name the tenant of a list; a tenant's token need not", async () => {
    expect((await f.send("GET", "/v1/jobs", { token: f.tokens.admin })).at("error.code")).toBe(
      "request.tenant_required",
    );
    expect((await f.send("GET", `/v1/jobs?tenant_id=${f.tenant}`, { token: f.tokens.admin })).status).toBe(200);
    expect((await f.send("GET", "/v1/jobs")).status).toBe(200);
  });

  test("rows of another tenant do not exist for a caller, but do for their owner and for admins", async () => {
    const own = { tenantId: f.otherTenant, sourceType: "FILE_CATALOG_OBJECT", config: {}, secrets: null };
    const connection = await insertConnection(f.sql, { ...own, name: "theirs" });
    const form = new FormData();
    form.append("tenant_id", f.otherTenant);
    form.append("file", new File(["# A"], "a.md"));
    const uploaded = await f.send("POST", "/v1/ingest/files/upload", { body: form, token: f.tokens.other });
    const paths = [
      `/v1/connections/${connection?.connectionId}`,
      `/v1/jobs/${uploaded.textAt("job_id")}`,
      `/v1/jobs/${uploaded.textAt("job_id")}/items`,
    ];
    for (const path of paths) {
      const statuses = await Promise.all(
        [f.tokens.write, f.tokens.other, f.tokens.admin].map(
          async (token) => (await f.send("GET", path, { token })).status,
        ),
      );
      expect([path, ...statuses]).toEqual([path, 404, 200, 200]);
    }
    for (const action of ["cancel", "retry"])
      expect((await f.send("POST", `/v1/jobs/${uploaded.textAt("job_id")}/${action}`)).at("error.code")).toBe(
        "job.not_found",
      );
    expect((await f.send("DELETE", paths[0]!)).status).toBe(404);
    expect((await f.send("PATCH", paths[0]!, { json: { name: "mine" } })).status).toBe(404);
  });
});
