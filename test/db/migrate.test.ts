import { afterEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate, migrationStatus } from "../../src/db/migrate.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../src/db/migrations.ts";
import { createDatabase, emptyDatabase } from "../support/database.ts";

let undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.toReversed()) await step();
  undo = [];
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );

test("a migrated database has nothing pending, and migrating again does nothing", async () => {
  const { sql } = await emptyDatabase();
  const status = await migrationStatus(sql);
  expect(status.map((migration) => migration.version)).toEqual(MIGRATIONS.map((migration) => migration.version));
  expect(status.every((migration) => migration.appliedAt !== null)).toBe(true);
  expect(await migrate(sql)).toEqual([]);
});

test("a database newer than the binary is refused, and so is one whose migrations had other contents", async () => {
  const { sql } = await emptyDatabase();
  undo.push(() => sql`DELETE FROM schema_migrations WHERE version > ${SCHEMA_VERSION}`);
  await sql`INSERT INTO schema_migrations (version, name, checksum) VALUES (${SCHEMA_VERSION + 1}, 'from the future', 'x')`;
  expect(await codeOf(migrate(sql))).toBe("schema.newer");
  await undo.pop()!();
  const [first] = await sql<{ checksum: string }[]>`SELECT checksum FROM schema_migrations WHERE version = 1`;
  undo.push(() => sql`UPDATE schema_migrations SET checksum = ${first!.checksum} WHERE version = 1`);
  await sql`UPDATE schema_migrations SET checksum = 'edited' WHERE version = 1`;
  expect(await codeOf(migrate(sql))).toBe("schema.changed");
});

const server = process.env["TEST_DATABASE_URL"];

test.if(server !== undefined)(
  "binaries that start at once migrate once, and a fresh database says what is pending",
  async () => {
    const database = await createDatabase(server!);
    undo.push(database.close);
    const pools: Sql[] = Array.from({ length: 4 }, () =>
      connectDatabase(database.target, { max: 2, applicationName: "test" }),
    );
    undo.push(() => Promise.all(pools.map((sql) => endDatabase(sql, 1))));
    expect((await migrationStatus(pools[0]!)).every((migration) => migration.appliedAt === null)).toBe(true);
    const applied = await Promise.all(pools.map((sql) => migrate(sql)));
    expect(applied.flat().toSorted()).toEqual(MIGRATIONS.map((migration) => migration.name));
  },
);

test.if(server !== undefined)(
  "every tenant table leads its primary key and every unique index with tenant_id",
  async () => {
    const { sql } = await emptyDatabase();
    const rows = await sql<{ table: string; index: string; columns: string[] }[]>`
    SELECT t.relname AS table, i.relname AS index, array_agg(a.attname::text ORDER BY k.n) AS columns
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
      CROSS JOIN unnest(x.indkey) WITH ORDINALITY AS k (attnum, n)
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace
      AND EXISTS (SELECT 1 FROM pg_attribute c WHERE c.attrelid = t.oid AND c.attname = 'tenant_id' AND NOT c.attisdropped)
    GROUP BY t.relname, i.relname`;
    // Tokens are looked up by hash before any tenant is known.
    const exempt = new Set(["api_tokens"]);
    expect(rows.filter((row) => !exempt.has(row.table) && row.columns[0] !== "tenant_id")).toEqual([]);
    expect(rows.length).toBeGreaterThan(12);
  },
);
