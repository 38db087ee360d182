import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createRegistry } from "../../src/connector/registry.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let root = "";
beforeAll(async () => {
  f = await createFixture(({ objects }) => ({
    validateConnectionConfig: (type, config) =>
      createRegistry({ fileCatalogRoots: [root], objects, s3: { region: "x" } }).validate(type, config),
  }));
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
