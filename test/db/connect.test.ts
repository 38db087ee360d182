import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Sql } from "postgres";
import { connectDatabase, type DatabaseTarget, endDatabase } from "../../src/db/connect.ts";
import { withTimeout } from "../../src/db/deadline.ts";
import type { EmbeddedDatabase } from "../../src/db/embedded/embedded.ts";
import { toSluiceError } from "../../src/db/sqlstate.ts";
import { TransientError } from "../../src/errors.ts";
import { errorOf, removeDirs, startFresh } from "./embedded_fixture.ts";

/** Whether the queue would try again. */
const isTransient = (error: unknown): boolean => toSluiceError(error, "test") instanceof TransientError;

setDefaultTimeout(60_000);

/** Accepts connections and never says a word: a host that is gone without having closed anything. */
const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
const server = process.env.TEST_DATABASE_URL;

let database: EmbeddedDatabase;
const targets: Record<string, () => DatabaseTarget> = { embedded: () => database.target };
if (server) targets.server = () => ({ url: server });
beforeAll(async () => {
  database = await startFresh();
});
afterAll(async () => {
  silent.stop(true);
  await database.stop();
  removeDirs();
});

for (const [name, target] of Object.entries(targets))
  describe(`a pool for the ${name} database`, () => {
    let sql: Sql;
    beforeAll(() => {
      sql = connectDatabase(target(), { max: 2, applicationName: "connect test" });
    });
    afterAll(() => endDatabase(sql));

    test("takes and gives values of every type that we use", async () => {
      const uuid = "8f14e45f-ceea-467f-ab1e-3f1c5a1f2b3c";
      const values = {
        uuid,
        json: { a: [1, "ü", null], b: { c: true } },
        texts: ["a", 'quote " and \\ and , and {}', "", "NULL", "ü\n"],
        uuids: [uuid, uuid],
        bytes: Buffer.from([0, 1, 255, 92]),
        at: new Date("2026-02-03T04:05:06.789Z"),
        floats: [1.5, -2.25e-10, 3e300],
        ints: [1, -2, 2 ** 31 - 1],
        big: 2 ** 53 - 1,
        flag: false,
        empty: [] as string[],
        nothing: null,
        hole: null,
      };
      const [row] = await sql`
        SELECT ${values.uuid}::uuid AS uuid, ${sql.json(values.json)}::jsonb AS json, ${values.texts}::text[] AS texts,
               ${values.uuids}::uuid[] AS uuids, ${values.bytes}::bytea AS bytes, ${values.at}::timestamptz AS at,
               ${values.floats}::float8[] AS floats, ${values.ints}::int4[] AS ints, ${values.big}::int8 AS big,
               ${values.flag}::bool AS flag, ${values.empty}::text[] AS empty, ${values.nothing}::text AS nothing,
               (${["x", null]}::text[])[2] AS hole`;
      expect(row).toEqual(values);
    });

    test("takes columns for unnest as arrays, also of dates, bytes and documents", async () => {
      const dates = [new Date("2026-01-01T00:00:00Z"), new Date("2026-01-02T00:00:00Z")];
      const bytes = [Buffer.from([1]), Buffer.from([2, 0])];
      const documents = [{ a: 1 }, { b: ["x"] }];
      const rows = await sql`
        SELECT * FROM unnest(${sql.array(dates, 1184)}::timestamptz[], ${sql.array(bytes, 17)}::bytea[],
                             ${sql.array(documents.map((document) => JSON.stringify(document)))}::text[]::jsonb[])
          AS rows (at, bytes, document)`;
      expect([...rows]).toEqual(dates.map((at, i) => ({ at, bytes: bytes[i], document: documents[i] })));
    });

    test("gives int8 as a number while that is exact, else as text", async () => {
      const [row] = await sql`SELECT count(*) AS n, 9007199254740993::int8 AS huge FROM generate_series(1, 3)`;
      expect(row).toEqual({ n: 3, huge: "9007199254740993" });
    });
  });

describe("a transaction whose connection is lost", () => {
  // What patches/postgres@3.4.9.patch is for.
  test("fails, does nothing outside of itself, and leaves its pool usable", async () => {
    const strict = await startFresh({ idleInTransactionMs: 100 });
    const sql = connectDatabase(strict.target, { max: 1, applicationName: "test" });
    const other = connectDatabase(strict.target, { max: 1, applicationName: "test" });
    await sql`CREATE TABLE outside (n int)`;
    let second: unknown;
    const transaction = sql.begin(async (tx) => {
      await tx`INSERT INTO outside VALUES (1)`;
      // Answered once the silent transaction has been cut off; then the pool has connected again.
      await other`SELECT 1`;
      await sql`SELECT 1`.catch(() => sql`SELECT 1`);
      second = await errorOf(tx`INSERT INTO outside VALUES (2)`);
    });
    expect(isTransient(await errorOf(transaction))).toBe(true);
    expect(await sql`SELECT n FROM outside`).toHaveLength(0);
    while (second === undefined) await other`SELECT 1`;
    expect(isTransient(second)).toBe(true);
    expect(await sql`SELECT n FROM outside`).toHaveLength(0);
    await endDatabase(sql);
    await endDatabase(other);
    await strict.stop();
  });
});

describe("closing a pool", () => {
  test("ends although a connection never answers", async () => {
    const target = { url: `postgres://u:p@127.0.0.1:${silent.port}/x` };
    const sql = connectDatabase(target, { max: 1, applicationName: "test", connectTimeoutSeconds: 60 });
    const query = errorOf(sql`SELECT 1`);
    await endDatabase(sql, 0.05);
    expect(isTransient(await query)).toBe(true);
  });
});

describe("a deadline", () => {
  test("ends the wait on a half-open connection as transient", async () => {
    const target = { url: `postgres://u:p@127.0.0.1:${silent.port}/x` };
    const sql = connectDatabase(target, { max: 1, applicationName: "test", connectTimeoutSeconds: 60 });
    const error = await errorOf(withTimeout(sql`SELECT 1`, 20, "claim"));
    expect(error).toMatchObject({ code: "database.timeout", fate: "transient" });
    expect(error.message).toContain("claim");
    await endDatabase(sql, 0);
  });

  test("withdraws a query that still waits for a connection", async () => {
    const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
    await sql`CREATE TABLE withdrawn (n int)`;
    const held = await sql.reserve();
    await errorOf(withTimeout(sql`INSERT INTO withdrawn VALUES (1)`, 20, "insert"));
    held.release();
    expect(await sql`SELECT n FROM withdrawn`).toHaveLength(0);
    await endDatabase(sql);
  });

  test("hands on the value and the error of what ends in time", async () => {
    expect(await withTimeout(Promise.resolve(7), 1000, "x")).toBe(7);
    expect((await errorOf(withTimeout(Promise.reject(new Error("own")), 1000, "x"))).message).toBe("own");
  });
});

describe("errors of the database", () => {
  test("are transient when the server is away, and a defect when the statement is wrong", async () => {
    const nobody = connectDatabase({ url: "postgres://u:p@127.0.0.1:1/x" }, { max: 1, applicationName: "test" });
    const away = toSluiceError(await errorOf(nobody`SELECT 1`), "claim");
    expect(away).toMatchObject({ code: "database.unavailable", fate: "transient" });
    await endDatabase(nobody, 0);
    const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
    for (const statement of ["SELEKT", "SELECT 1/0", "SELECT * FROM no_such_table"]) {
      const fault = await errorOf(sql.unsafe(statement));
      expect(isTransient(fault)).toBe(false);
      expect(toSluiceError(fault, "claim")).toBe(fault);
    }
    for (const [sqlstate, code] of [
      ["40P01", "database.conflict"],
      ["40001", "database.conflict"],
      ["55P03", "database.conflict"],
      ["57014", "database.timeout"],
      ["57P01", "database.unavailable"],
      ["53300", "database.unavailable"],
      ["08006", "database.unavailable"],
      ["28P01", "database.refused"],
    ]) {
      const raised = await errorOf(sql.unsafe(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${sqlstate}'; END $$`));
      expect(toSluiceError(raised, "claim")).toMatchObject({ code, fate: "transient", details: { sqlstate } });
    }
    await endDatabase(sql);
    const missing = connectDatabase(
      { ...database.target, path: "/tmp/no-such.sock" },
      { max: 1, applicationName: "test" },
    );
    expect(isTransient(await errorOf(missing`SELECT 1`))).toBe(true);
    await endDatabase(missing, 0);
  });
});
