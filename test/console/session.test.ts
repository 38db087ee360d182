import { afterAll, beforeAll, expect, test } from "bun:test";
import { createToken, revokeToken } from "../../src/store/tokens.ts";
import { createFixture, type Fixture, START_MS } from "../http/fixture.ts";
import { ask, visitor } from "./visitor.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());

const SAME = { origin: "http://localhost", "sec-fetch-site": "same-origin" };
const signIn = (fields: Record<string, string>, headers: Record<string, string> = SAME) =>
  ask(f, "/sign-in", { method: "POST", headers, body: new URLSearchParams(fields) });

test("without a session every page leads to the sign-in, and back from there", async () => {
  const seen = await ask(f, "/jobs?status=error", {});
  expect(seen.status).toBe(303);
  expect(seen.location).toBe("/sign-in?next=%2Fjobs%3Fstatus%3Derror");
  const entered = await signIn({ token: f.tokens.write, next: "/jobs?status=error" });
  expect(entered.location).toBe("/jobs?status=error");
});

test("the cookie holds no token, no script can read it, and no other site can send it", async () => {
  const entered = await signIn({ token: ` ${f.tokens.write}\n` });
  const cookie = entered.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/^sluice_session=[\w-]{43}; .*HttpOnly.*SameSite=Strict/);
  expect(cookie).not.toContain(f.tokens.write);
  expect(cookie).not.toContain("Secure");
  const behindTls = await signIn({ token: f.tokens.write }, { ...SAME, "x-forwarded-proto": "https" });
  expect(behindTls.headers.get("set-cookie")).toContain("Secure");
  const kept = await f.sql`SELECT session_sha256 FROM console_sessions`;
  expect(
    kept.some((row) => cookie.includes(Buffer.from(row["session_sha256"] as Uint8Array).toString("base64url"))),
  ).toBe(false);
});

test("a wrong token is refused in words and opens nothing", async () => {
  const refused = await signIn({ token: "slu_wrong" });
  expect(refused.status).toBe(401);
  expect(refused.html).toContain("The bearer token is not known");
  expect(refused.headers.get("set-cookie")).toBeNull();
});

test("after the sign-in nobody is sent to another server", async () => {
  for (const next of [
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "/.//evil.example",
    "evil",
    "\t//evil.example",
  ])
    expect((await signIn({ token: f.tokens.write, next })).location).toBe("/");
});

test("a session ends with sign-out, with its token, and after a day unused", async () => {
  const me = await visitor(f, f.tokens.write);
  expect((await me.look("/")).status).toBe(200);
  const left = await me.send("/sign-out", {});
  expect(left.headers.get("set-cookie")).toContain("Max-Age=0");
  expect((await me.look("/")).status).toBe(303);

  const made = await createToken(f.sql, { tenantId: f.tenant, name: "short", scope: "write", expiresAt: null });
  const other = await visitor(f, made.token);
  expect((await other.look("/")).status).toBe(200);
  await revokeToken(f.sql, made.tokenId);
  expect((await other.look("/")).status).toBe(303);

  const idle = await visitor(f, f.tokens.write);
  await f.sql`UPDATE console_sessions SET used_at = now() - interval '25 hours'`;
  expect((await idle.look("/")).status).toBe(303);
  await visitor(f, f.tokens.write);
  expect((await f.sql`SELECT 1 FROM console_sessions`).length).toBe(1);
});

test("forms are taken from the console's own pages only", async () => {
  const me = await visitor(f, f.tokens.admin);
  for (const headers of [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
  ])
    expect((await me.send("/settings/tenants", { name: "forged" }, headers)).status).toBe(403);
  // A browser that does not trust the connection says only where the form comes from.
  const plain = (origin: string | null) =>
    ask(f, "/settings/tenants", {
      method: "POST",
      headers: { cookie: me.cookie, host: "localhost", ...(origin === null ? {} : { origin }) },
      body: new URLSearchParams({ name: "by origin" }),
    });
  expect((await plain("http://evil.example")).status).toBe(403);
  expect((await plain("null")).status).toBe(403);
  expect((await plain(null)).status).toBe(403);
  expect(await f.sql`SELECT name FROM tenants WHERE name IN ('forged', 'by origin')`).toHaveLength(0);
  expect((await plain("http://localhost")).status).toBe(303);
  expect((await signIn({ token: f.tokens.write }, { "sec-fetch-site": "cross-site" })).status).toBe(403);
});

test("a link from another site asks once more instead of signing out, since the browser held the cookie back", async () => {
  const seen = await ask(f, "/jobs", { headers: { "sec-fetch-site": "cross-site" } });
  expect(seen.status).toBe(200);
  expect(seen.html).toContain(`content="0;url=/jobs"`);
});

test("pages may load nothing but the console's own, and no script or style stands in them", async () => {
  const me = await visitor(f, f.tokens.admin);
  for (const path of [
    "/",
    "/search?q=a",
    "/documents",
    "/jobs",
    "/connections",
    "/connections/new",
    "/upload",
    "/settings",
  ]) {
    const seen = await me.look(path);
    expect(seen.status).toBe(200);
    const policy = seen.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(seen.headers.get("cache-control")).toBe("no-store");
    expect(seen.html).not.toMatch(/<style|\sstyle=|<script(?![^>]* src=)|\son\w+=/);
    for (const [, address] of seen.html.matchAll(/(?:src|href|action)="([^"]*)"/g)) expect(address).toMatch(/^[/#]/);
  }
});

test("style sheet, script and icon are served by this very process, to be kept for ever", async () => {
  const { html } = await ask(f, "/sign-in", {});
  const addresses = [...html.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map((match) => match[1]!);
  expect(addresses).toHaveLength(3);
  for (const address of addresses) {
    const asset = await ask(f, address, {});
    expect(asset.status).toBe(200);
    expect(asset.headers.get("cache-control")).toContain("immutable");
    expect(asset.headers.get("x-content-type-options")).toBe("nosniff");
  }
});
