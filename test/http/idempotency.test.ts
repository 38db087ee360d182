import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { insertConnection } from "../../src/store/connections.ts";
import { deleteExpiredKeys } from "../../src/store/idempotency.ts";
import type { ObjectStore } from "../../src/store/objects.ts";
import { type Answer, createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
/** What the object store waits for before it takes a file. */
let gate: Promise<void> = Promise.resolve();
beforeAll(async () => {
  f = await createFixture(({ objects }) => ({ objects: gated(objects) }));
  await insertConnection(f.sql, {
    tenantId: f.tenant,
    sourceType: "FILE_CATALOG_OBJECT",
    name: "docs",
    config: { kind: "x" },
    secrets: null,
  });
}, START_MS);
afterAll(() => f.stop());

const gated = (objects: ObjectStore): ObjectStore =>
  new Proxy(objects, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "putNew") return value.bind(target);
      return async (...args: Parameters<ObjectStore["putNew"]>) => {
        await gate;
        return target.putNew(...args);
      };
    },
  });

const keyed = (key: string) => ({ headers: { "idempotency-key": key } });
const upload = (key: string, content: string, token = f.tokens.write): Promise<Answer> => {
  const body = new FormData();
  body.append("tenant_id", f.tenant);
  body.append("file", new File([content], "a.md"));
  return f.send("POST", "/v1/ingest/files/upload", { body, token, ...keyed(key) });
};
const jobs = async () => Number((await f.sql`SELECT count(*)::int AS n FROM ingest_jobs`)[0]!.n);
const replayed = (answer: Answer) => answer.headers.get("idempotency-replayed");

test("the same request under the same key is made once and answered alike", async () => {
  const key = crypto.randomUUID();
  const before = await jobs();
  const first = await upload(key, "# One");
  const second = await upload(key, "# One");
  expect([first.status, replayed(first)]).toEqual([202, null]);
  expect([second.status, replayed(second), second.json]).toEqual([202, "true", first.json]);
  expect(await jobs()).toBe(before + 1);
  expect(await f.spooled()).toEqual([]);
  // Without a key, and under another one, it is another request.
  expect((await upload(crypto.randomUUID(), "# One")).textAt("job_id")).not.toBe(first.textAt("job_id"));
});

describe("another request under the same key is refused and not made", () => {
  test("a file with other bytes", async () => {
    const key = crypto.randomUUID();
    await upload(key, "# One");
    const before = await jobs();
    const other = await upload(key, "# Two");
    expect([other.status, other.at("error.code")]).toEqual([422, "request.idempotency_key_reused"]);
    expect(await jobs()).toBe(before);
    expect(await f.spooled()).toEqual([]);
  });

  test("another body, another path, another caller", async () => {
    const key = crypto.randomUUID();
    const sync = (json: object, token = f.tokens.write) =>
      f.send("POST", "/v1/ingest/sources/sync", { json, token, ...keyed(key) });
    const json = { tenant_id: f.tenant, source_types: ["FILE_CATALOG_OBJECT"] };
    expect((await sync(json)).status).toBe(202);
    // Said in other words, but the same.
    expect(
      replayed(await sync({ source_types: ["FILE_CATALOG_OBJECT"], force_reindex: false, tenant_id: f.tenant })),
    ).toBe("true");
    const { createToken } = await import("../../src/store/tokens.ts");
    const { token } = await createToken(f.sql, { tenantId: f.tenant, name: "b", scope: "write", expiresAt: null });
    const others = [
      await sync({ ...json, force_reindex: true }),
      await sync(json, token),
      await f.send("POST", `/v1/jobs/${f.tenant}/cancel`, keyed(key)),
    ];
    expect(others.map((answer) => answer.at("error.code"))).toEqual(Array(3).fill("request.idempotency_key_reused"));
  });

  test("keys of different tenants and of admins do not meet", async () => {
    const key = crypto.randomUUID();
    const json = { name: `tenant ${key}` };
    expect((await f.send("POST", "/v1/tenants", { json, token: f.tokens.admin, ...keyed(key) })).status).toBe(201);
    expect((await upload(key, "# One")).status).toBe(202);
    expect((await upload(key, "# One", f.tokens.other)).at("error.code")).toBe("auth.wrong_tenant");
  });
});

test("of two requests at once one is made, and the other waits for its answer", async () => {
  const key = crypto.randomUUID();
  const before = await jobs();
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  const both = [upload(key, "# Both"), upload(key, "# Both")];
  while ((await f.sql`SELECT 1 FROM idempotency_keys WHERE idempotency_key = ${key}`).length === 0) await Bun.sleep(5);
  const other = await upload(key, "# Neither");
  expect(other.at("error.code")).toBe("request.idempotency_key_reused");
  resolve();
  const [a, b] = await Promise.all(both);
  expect(a!.json).toEqual(b!.json);
  expect([replayed(a!), replayed(b!)].toSorted()).toEqual(["true", null].toSorted());
  expect(await jobs()).toBe(before + 1);
});

test("a request that failed leaves its key free, and so does one whose process died", async () => {
  const key = crypto.randomUUID();
  const create = () => f.send("POST", "/v1/tenants", { json: { name: "Acme" }, token: f.tokens.admin, ...keyed(key) });
  expect((await create()).at("error.code")).toBe("tenant.duplicate_name");
  expect((await f.sql`SELECT 1 FROM idempotency_keys WHERE idempotency_key = ${key}`).length).toBe(0);
  await f.sql`
    INSERT INTO idempotency_keys (tenant_id, idempotency_key, fingerprint, run_id, running_until, expires_at)
    VALUES (NULL, ${key}, ${Buffer.alloc(32)}, ${crypto.randomUUID()}, now() - interval '1 second', now() + interval '1 day')`;
  const renamed = { name: `Acme ${key}` };
  expect((await f.send("POST", "/v1/tenants", { json: renamed, token: f.tokens.admin, ...keyed(key) })).status).toBe(
    201,
  );
});

test("a token is shown again to whoever repeats the request, and can be read nowhere in the database", async () => {
  const key = crypto.randomUUID();
  const make = () =>
    f.send("POST", "/v1/tokens", {
      json: { tenant_id: f.tenant, name: "ci", scope: "write" },
      token: f.tokens.admin,
      ...keyed(key),
    });
  const first = await make();
  expect((await make()).json).toEqual(first.json);
  const [row] = await f.sql`SELECT answer, k::text AS whole FROM idempotency_keys k WHERE idempotency_key = ${key}`;
  expect((row!.answer as Buffer).includes(first.textAt("token").slice(4))).toBe(false);
  expect(row!.whole).not.toContain(first.textAt("token_id"));
});

test("a key is forgotten after its day", async () => {
  const key = crypto.randomUUID();
  const first = await upload(key, "# One");
  await f.sql`UPDATE idempotency_keys SET expires_at = now() WHERE idempotency_key = ${key}`;
  const next = await upload(key, "# Two");
  expect([next.status, replayed(next)]).toEqual([202, null]);
  expect(next.textAt("job_id")).not.toBe(first.textAt("job_id"));
  await f.sql`UPDATE idempotency_keys SET expires_at = now() WHERE idempotency_key = ${key}`;
  expect(await deleteExpiredKeys(f.sql)).toBe(1);
});

test.each(["", "with blank", "x".repeat(256), "ümlaut"])("%j is no key", async (key) => {
  const answer = await f.send("POST", "/v1/tenants", { json: { name: "x" }, token: f.tokens.admin, ...keyed(key) });
  expect([answer.status, answer.at("error.code")]).toEqual([400, "request.bad_idempotency_key"]);
});
