import { afterAll, beforeAll, expect, test } from "bun:test";
import { readSettings } from "../../src/connector/confluence/config.ts";
import type { JsonObject } from "../../src/connector/connector.ts";
import { createRegistry } from "../../src/connector/registry.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { createSecretBox } from "../../src/store/secrets.ts";
import { createFixture, type Fixture, START_MS } from "../http/fixture.ts";
import { type Seen, type Visitor, visitor } from "./visitor.ts";

const SECRET_KEY = "a key for these tests only";
let f: Fixture;
let me: Visitor;

beforeAll(async () => {
  f = await createFixture(({ config, objects }) => ({
    config: { ...config, secretKey: SECRET_KEY },
    validateConnectionConfig: (...asked) =>
      createRegistry({ fileCatalogRoots: [], objects, s3: { region: "x" } }).validate(...asked),
  }));
  me = await visitor(f, f.tokens.write);
}, START_MS);
afterAll(() => f.stop());

const WIKI = { kind: "confluence", name: "", base_url: "https://wiki.example.com", spaces: "DOC, HR" };
const add = (name: string, fields: Record<string, string>) => me.send("/connections", { ...WIKI, name, ...fields });

/** What is kept of the connection that the answer to a form leads to. */
async function keptAfter({ status, location }: Seen): Promise<{ config: JsonObject; secrets: Record<string, string> }> {
  expect(status).toBe(303);
  const id = location!.slice("/connections/".length);
  const [row] = await f.sql<{ config: JsonObject; secrets: Uint8Array | null }[]>`
    SELECT config, secrets FROM connections WHERE connection_id = ${id}`;
  const secrets = row!.secrets && createSecretBox(SECRET_KEY).open(id, row!.secrets);
  return { config: row!.config, secrets: (secrets ?? {}) as Record<string, string> };
}

/** How requests to Confluence authenticate with what is kept: the header's scheme and what it says. */
function authorizationFrom(kept: { config: JsonObject; secrets: Record<string, string> }): string[] {
  const { authorization } = readSettings({ sourceType: "CONFLUENCE_PAGE", ...kept }, { allowPrivateNetwork: false });
  const [scheme = "", said = ""] = authorization?.split(" ") ?? [];
  return [scheme, scheme === "Basic" ? atob(said) : said];
}

test("a connection is added by its form, and what is wrong with it is said", async () => {
  const form = { kind: "s3", name: "prefix", bucket: "docs", prefix: "a/", include: "**/*.md, b/**", way: "server" };
  const added = await me.send("/connections", form);
  expect((await keptAfter(added)).config).toEqual({
    ...{ kind: "s3", bucket: "docs", prefix: "a/" },
    include: ["**/*.md", "b/**"],
  });
  expect((await me.look(added.location!)).html).toContain("s3://docs/a/");
  expect((await me.send("/connections", form)).status).toBe(409);
  expect((await me.send(`${added.location}/delete`, {})).location).toBe("/connections");
  expect((await me.look(added.location!)).status).toBe(404);
});

test("every way to sign in to Confluence can be chosen, each with fields and labels of its own", async () => {
  const { html } = await me.look("/connections/new?kind=confluence");
  const inputs = [...html.matchAll(/<input id="([^"]+)"/g)].map(([, id]) => id!);
  expect(new Set(inputs).size).toBe(inputs.length);
  for (const id of inputs) expect(html).toContain(`<label for="${id}">`);
  const ways: [Record<string, string>, string[]][] = [
    [{ way: "api_token", "api_token.email": "a@b.example", "api_token.api_token": "t1" }, ["Basic", "a@b.example:t1"]],
    [{ way: "scoped_token", "scoped_token.api_token": "t2" }, ["Bearer", "t2"]],
    [
      { way: "scoped_token", "scoped_token.email": "a@b.example", "scoped_token.api_token": "t3" },
      ["Basic", "a@b.example:t3"],
    ],
    [{ way: "pat", "pat.pat": " t4 " }, ["Bearer", "t4"]],
    [{ way: "basic", "basic.username": "ada", "basic.password": " pass word " }, ["Basic", "ada: pass word "]],
    [{ way: "anonymous" }, ["", ""]],
  ];
  for (const [i, [fields, authorization]] of ways.entries()) {
    for (const name of Object.keys(fields)) if (name !== "way") expect(inputs).toContain(name);
    expect(html).toContain(`type="radio" name="way" value="${fields["way"]}"`);
    const kept = await keptAfter(await add(`way ${i}`, fields));
    expect([kept.config.auth, kept.config.spaces]).toEqual([fields["way"]!, ["DOC", "HR"]]);
    expect(authorizationFrom(kept)).toEqual(authorization);
  }
});

test("what belongs to a way that was not chosen is not sent, and what the chosen one lacks is named", async () => {
  const both = { "pat.pat": "mine", "basic.username": "ada", "basic.password": "typed in vain" };
  const kept = await keptAfter(await add("one of two", { way: "pat", ...both }));
  expect(kept.secrets).toEqual({ pat: "mine" });
  expect(kept.config).toEqual({
    ...{ kind: "confluence", base_url: WIKI.base_url },
    ...{ spaces: ["DOC", "HR"], auth: "pat" },
  });
  const lacking = await add("lacking", { way: "basic", "basic.username": "ada" });
  expect(lacking.status).toBe(400);
  expect(lacking.html).toContain("Password: is required for “Data Center: user and password”");
  const odd = await add("odd", { way: "scoped_token", "scoped_token.api_token": "two words" });
  expect(odd.status).toBe(400);
  expect(odd.html).toContain("secrets.api_token: must be visible ASCII characters");
  expect(odd.html).not.toContain("two words");
  expect((await add("none", {})).html).toContain("How it signs in: must be one of api_token, scoped_token");
});

test("replaced credentials leave nothing of the former, keep everything else, and are never shown", async () => {
  const scoped = {
    way: "scoped_token",
    ...{ "scoped_token.email": "bot@b.example", "scoped_token.api_token": "first-secret" },
    "scoped_token.cloud_id": "0a1b2c3d-4e5f",
  };
  const { location } = await add("changing", scoped);
  const path = `${location}/credentials`;
  expect((await me.look(location!)).html).toContain(`href="${path}"`);
  const page = await me.look(path);
  expect(page.html).toMatch(/value="scoped_token" checked/);
  expect(page.html).toMatch(/id="scoped_token.email"[^>]*value="bot@b.example"/);
  expect(page.html).toMatch(/id="scoped_token.cloud_id"[^>]*value="0a1b2c3d-4e5f"/);
  expect(page.html).not.toContain("first-secret");

  const refused = await me.send(path, { way: "basic", "basic.password": "x" });
  expect(refused.html).toContain("User: is required");
  const basic = { way: "basic", "basic.username": "ada", "basic.password": "second" };
  const kept = await keptAfter(await me.send(path, basic));
  expect(kept).toEqual({
    config: {
      ...{ kind: "confluence", base_url: WIKI.base_url },
      ...{ spaces: ["DOC", "HR"], auth: "basic", username: "ada" },
    },
    secrets: { password: "second" },
  });
  expect((await keptAfter(await me.send(path, { way: "anonymous" }))).secrets).toEqual({});

  const [stranger, reader] = [await visitor(f, f.tokens.other), await visitor(f, f.tokens.read)];
  expect([(await stranger.look(path)).status, (await stranger.send(path, basic)).status]).toEqual([404, 404]);
  expect((await reader.send(path, basic)).status).toBe(403);
  expect((await reader.look(location!)).html).not.toContain(path);
});

test("the page of credentials knows how a connection signs in that does not say so", async () => {
  const made = await f.send("POST", "/v1/connections", {
    json: {
      ...{ tenant_id: f.tenant, source_type: "CONFLUENCE_PAGE", name: "by the API" },
      config: { kind: "confluence", base_url: WIKI.base_url, username: "grace", cql: "type = page" },
      secrets: { password: "old" },
    },
  });
  const path = `/connections/${made.textAt("connection_id")}/credentials`;
  const { html } = await me.look(path);
  expect(html).toMatch(/value="basic" checked/);
  expect(html).toMatch(/id="basic.username"[^>]*value="grace"/);
  const kept = await keptAfter(await me.send(path, { way: "pat", "pat.pat": "new" }));
  expect(kept.config).toEqual({ kind: "confluence", base_url: WIKI.base_url, cql: "type = page", auth: "pat" });
});

test("where the environment or nothing at all signs in, there are no credentials to replace", async () => {
  const rows = [
    { sourceType: "CONFLUENCE_PAGE", config: { kind: "confluence", environment: true } },
    { sourceType: "FILE_CATALOG_OBJECT", config: { kind: "directory", root: "/srv/docs" } },
  ];
  for (const row of rows) {
    const made = await insertConnection(f.sql, { tenantId: f.tenant, name: row.sourceType, secrets: null, ...row });
    const path = `/connections/${made!.connectionId}`;
    expect((await me.look(path)).html).not.toContain("Replace its credentials");
    expect((await me.look(`${path}/credentials`)).status).toBe(404);
    expect((await me.send(`${path}/credentials`, { way: "pat", "pat.pat": "x" })).status).toBe(404);
  }
});

test("a bucket brings keys of its own, which can be replaced or given up with their endpoint", async () => {
  const keys = { way: "keys", "keys.access_key_id": "id-1", "keys.secret_access_key": "key-1" };
  const own = { kind: "s3", name: "own keys", bucket: "docs", ...keys, "keys.endpoint": "https://s3.example.com" };
  const added = await me.send("/connections", own);
  expect(await keptAfter(added)).toEqual({
    config: { kind: "s3", bucket: "docs", endpoint: "https://s3.example.com" },
    secrets: { access_key_id: "id-1", secret_access_key: "key-1" },
  });
  const half = await me.send("/connections", { ...own, name: "half", "keys.secret_access_key": "" });
  expect(half.html).toContain("Secret access key: is required for “Keys of its own”");
  const path = `${added.location}/credentials`;
  expect((await me.look(path)).html).toMatch(/value="keys" checked/);
  const given = { way: "server", "server.region": "eu-central-1" };
  expect(await keptAfter(await me.send(path, given))).toEqual({
    config: { kind: "s3", bucket: "docs", region: "eu-central-1" },
    secrets: {},
  });
  expect((await me.look(path)).html).toMatch(/value="server" checked/);
});
