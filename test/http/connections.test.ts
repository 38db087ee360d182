import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "../../src/connector/registry.ts";
import { createApp } from "../../src/http/app.ts";
import { connectorOpener } from "../../src/pipeline/connectors.ts";
import { createSecretBox } from "../../src/store/secrets.ts";
import { READER, type StandIn, startStandIn } from "../confluence/server.ts";
import { Site } from "../confluence/site.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

const SECRET_KEY = "a key for these tests only";
let f: Fixture;
let root = "";
beforeAll(async () => {
  f = await createFixture(({ objects, sql, config: usual }) => {
    const config = {
      ...usual,
      secretKey: SECRET_KEY,
      confluence: { ...usual.confluence, allowPrivateNetwork: true },
    };
    return {
      config,
      validateConnectionConfig: (type, given, secrets) =>
        createRegistry({ fileCatalogRoots: [root], objects, s3: { region: "x" } }).validate(type, given, secrets),
      openConnector: (tenantId, connectionId) => connectorOpener(config, sql, objects, [root])(tenantId, connectionId),
    };
  });
  root = join(f.dir, "allowed");
  mkdirSync(join(root, "docs"), { recursive: true });
}, START_MS);
afterAll(() => f.stop());

const create = (body: Record<string, unknown>) =>
  f.send("POST", "/v1/connections", {
    json: {
      tenant_id: f.tenant,
      source_type: "FILE_CATALOG_OBJECT",
      name: "docs",
      config: { kind: "directory", root: join(root, "docs") },
      ...body,
    },
  });

test("a connection is created, read, changed and deleted", async () => {
  const created = await create({});
  expect(created.status).toBe(201);
  expect(created.json).toMatchObject({
    tenant_id: f.tenant,
    name: "docs",
    has_secrets: false,
    config: { kind: "directory" },
  });
  const path = `/v1/connections/${created.textAt("connection_id")}`;
  expect((await f.send("GET", path)).json).toEqual(created.json);
  expect((await f.send("GET", "/v1/connections")).at("connections")).toEqual([created.json]);
  const config = { kind: "directory", root, include: ["**/*.md"] };
  expect((await f.send("PATCH", path, { json: { name: "papers", config } })).json).toMatchObject({
    name: "papers",
    config,
  });
  expect((await f.send("PATCH", path, { json: { name: "papers" } })).at("config")).toEqual(config);
  expect((await f.send("DELETE", path)).status).toBe(204);
  expect((await f.send("GET", path)).status).toBe(404);
  expect((await f.send("DELETE", path)).status).toBe(404);
});

test("a name can be had once in a tenant", async () => {
  const first = await create({ name: "one" });
  const second = await create({ name: "two" });
  expect((await create({ name: "one" })).at("error.code")).toBe("connection.duplicate_name");
  const renamed = await f.send("PATCH", `/v1/connections/${second.textAt("connection_id")}`, { json: { name: "one" } });
  expect([renamed.status, renamed.at("error.code")]).toEqual([409, "connection.duplicate_name"]);
  expect(first.status).toBe(201);
});

describe("what no connector could work with is refused and not saved", () => {
  const refused: [name: string, body: () => Record<string, unknown>, status: number, code: string][] = [
    [
      "a folder outside the allowed roots",
      () => ({ config: { kind: "directory", root: "/etc" } }),
      403,
      "connector.root_not_allowed",
    ],
    [
      "a way out of an allowed root",
      () => ({ config: { kind: "directory", root: `${root}/../..` } }),
      403,
      "connector.root_not_allowed",
    ],
    ["a relative folder", () => ({ config: { kind: "directory", root: "docs" } }), 422, "connector.bad_config"],
    ["an unknown kind", () => ({ config: { kind: "ftp" } }), 422, "connector.bad_config"],
    [
      "an unknown field of a kind",
      () => ({ config: { kind: "directory", root, depth: 3 } }),
      422,
      "connector.bad_config",
    ],
    ["a bucket without its name", () => ({ config: { kind: "s3" } }), 422, "connector.bad_config"],
    [
      "a Confluence without its address",
      () => ({ source_type: "CONFLUENCE_PAGE", config: { kind: "confluence" } }),
      422,
      "connector.bad_config",
    ],
    [
      "uploads",
      () => ({ source_type: "FILE_UPLOAD_OBJECT", config: { kind: "upload" } }),
      422,
      "connector.not_available",
    ],
  ];
  test.each(refused)("%s", async (_name, body, status, code) => {
    const answer = await create({ name: "refused", ...body() });
    expect([answer.status, answer.at("error.code")]).toEqual([status, code]);
    expect((await f.sql`SELECT 1 FROM connections WHERE name = 'refused'`).length).toBe(0);
  });

  test("the answer says which setting allows a folder", async () => {
    expect((await create({ config: { kind: "directory", root: "/etc" } })).text).toContain("FILE_CATALOG_ROOTS");
  });

  test("nor can a good connection be changed into one", async () => {
    const { connection_id } = (await create({ name: "good" })).json as { connection_id: string };
    const answer = await f.send("PATCH", `/v1/connections/${connection_id}`, {
      json: { config: { kind: "directory", root: "/etc" } },
    });
    expect(answer.at("error.code")).toBe("connector.root_not_allowed");
    expect((await f.send("PATCH", `/v1/connections/${connection_id}`, { json: {} })).status).toBe(400);
    expect((await f.send("GET", `/v1/connections/${connection_id}`)).at("config.root")).toBe(join(root, "docs"));
  });
});

describe("secrets", () => {
  const wiki = { source_type: "CONFLUENCE_PAGE", config: { kind: "confluence", base_url: "https://wiki.example.com" } };
  const sealedOf = async (id: string): Promise<Uint8Array | null> =>
    (await f.sql<{ secrets: Uint8Array | null }[]>`SELECT secrets FROM connections WHERE connection_id = ${id}`)[0]!
      .secrets;

  test("are sealed for their connection and appear in no answer and no log line", async () => {
    const created = await create({ ...wiki, name: "sealed", secrets: { pat: "first-secret" } });
    expect([created.status, created.at("has_secrets")]).toEqual([201, true]);
    const id = created.textAt("connection_id");
    const box = createSecretBox(SECRET_KEY);
    expect(box.open(id, (await sealedOf(id))!)).toEqual({ pat: "first-secret" });
    expect(Buffer.from((await sealedOf(id))!).includes("first-secret")).toBe(false);

    const path = `/v1/connections/${id}`;
    const change = (secrets: unknown) => f.send("PATCH", path, { json: { secrets } });
    const changed = await change({ api_token: "second-secret" });
    expect(box.open(id, (await sealedOf(id))!)).toEqual({ api_token: "second-secret" });
    const renamed = await f.send("PATCH", path, { json: { name: "still sealed" } });
    expect(renamed.at("has_secrets")).toBe(true);
    const refused = [
      await change({ api_token: "bad secret\n" }),
      await change({ key: "bad-secret" }),
      await change("bad-secret"),
      await change({}),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    const answers = [created, changed, renamed, ...refused, await f.send("GET", path)];
    expect(answers.map(({ text }) => text).join() + JSON.stringify(f.logged)).not.toMatch(/(first|second|bad).secret/);

    expect((await change(null)).at("has_secrets")).toBe(false);
    expect(await sealedOf(id)).toBeNull();
  });

  test("do not go to another server than they were given for", async () => {
    const created = await create({ ...wiki, name: "moved", secrets: { pat: "secret" } });
    const path = `/v1/connections/${created.textAt("connection_id")}`;
    const elsewhere = { kind: "confluence", base_url: "https://thief.example.com" };
    const moved = await f.send("PATCH", path, { json: { config: elsewhere } });
    expect([moved.status, moved.at("error.code")]).toEqual([422, "connection.secrets_required"]);
    const same = { kind: "confluence", base_url: "https://wiki.example.com/confluence" };
    expect((await f.send("PATCH", path, { json: { config: same } })).status).toBe(200);
    expect((await f.send("PATCH", path, { json: { config: elsewhere, secrets: { pat: "other" } } })).status).toBe(200);
  });

  test("of a bucket are its two keys, which stay with its endpoint", async () => {
    const config = { kind: "s3", bucket: "docs", endpoint: "https://s3.example.com" };
    const keys = { access_key_id: "key-id", secret_access_key: "key-secret" };
    const codeOf = async (name: string, secrets?: Record<string, string>) => {
      const answer = await create({ name, config, ...(secrets ? { secrets } : {}) });
      return [answer.at("error.code"), answer.at("error.details.field")];
    };
    expect(await codeOf("keyless")).toEqual(["connector.not_configured", undefined]);
    expect(await codeOf("half", { access_key_id: "x" })).toEqual(["connector.bad_config", "secrets.secret_access_key"]);
    expect(await codeOf("odd", { ...keys, pat: "x" })).toEqual(["connector.bad_config", "secrets.pat"]);
    const folder = await create({ name: "folder", secrets: { pat: "x" } });
    expect(folder.at("error.details.field")).toBe("secrets.pat");
    const created = await create({ name: "bucket", config, secrets: keys });
    const id = created.textAt("connection_id");
    expect(createSecretBox(SECRET_KEY).open(id, (await sealedOf(id))!)).toEqual(keys);
    const elsewhere = { ...config, endpoint: "https://thief.example.com" };
    const moved = await f.send("PATCH", `/v1/connections/${id}`, { json: { config: elsewhere } });
    expect(moved.at("error.code")).toBe("connection.secrets_required");
  });

  test("are refused where there is no key to seal them, and the answer names the setting", async () => {
    const app = createApp({ ...f.deps, config: { ...f.deps.config, secretKey: null } });
    const answer = await app.request("/v1/connections", {
      method: "POST",
      headers: { authorization: `Bearer ${f.tokens.write}`, "content-type": "application/json" },
      body: JSON.stringify({ tenant_id: f.tenant, ...wiki, name: "keyless", secrets: { pat: "secret" } }),
    });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({
      error: { code: "connection.no_secret_key", message: expect.stringContaining("SECRET_KEY") },
    });
    expect((await f.sql`SELECT 1 FROM connections WHERE name = 'keyless'`).length).toBe(0);
  });
});

describe("a connection is tried", () => {
  let wiki: StandIn;
  beforeAll(() => {
    const site = new Site({});
    site.addSpace({ key: "DOC", name: "Documentation" });
    wiki = startStandIn({ deployment: "datacenter", site });
  });
  afterAll(() => wiki.stop());
  const tryOut = (id: string, token?: string) =>
    f.send("POST", `/v1/connections/${id}/test`, token === undefined ? {} : { token });

  test("and changed secrets are noticed at once", async () => {
    const config = { kind: "confluence", base_url: wiki.url, deployment: "datacenter" };
    const body = { source_type: "CONFLUENCE_PAGE", name: "wiki", config, secrets: { pat: READER.pat! } };
    const id = (await create(body)).textAt("connection_id");
    const good = await tryOut(id);
    expect([good.status, good.at("ok")]).toEqual([200, true]);
    expect(good.at("checks")).toContainEqual({ name: "spaces", ok: true, message: "1 can be read: DOC" });
    await f.send("PATCH", `/v1/connections/${id}`, { json: { secrets: { pat: "wrong" } } });
    const bad = await tryOut(id);
    expect([bad.status, bad.at("ok")]).toEqual([200, false]);
    expect(bad.at("checks")).toContainEqual(expect.objectContaining({ ok: false, code: "connector.forbidden" }));
    await f.send("PATCH", `/v1/connections/${id}`, { json: { secrets: null } });
    expect((await tryOut(id)).at("checks.0.code")).toBe("connector.not_configured");
    expect((await tryOut(id, f.tokens.other)).status).toBe(404);
    expect((await tryOut(id, f.tokens.read)).status).toBe(403);
  });

  test("by the start of its list, where the connector has no test of its own", async () => {
    const id = (await create({ name: "listed" })).textAt("connection_id");
    expect((await tryOut(id)).json).toMatchObject({ ok: true, checks: [{ name: "list", ok: true }] });
  });
});
