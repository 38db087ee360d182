/**
 * What has to stay true so that the tables can one day be partitioned or distributed by tenant without a change of any
 * statement: the tenant is part of every key, and no key leads from one tenant's row to another tenant's.
 */
import { beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { TENANT_TABLES } from "../../src/db/access.ts";
import { emptyDatabase } from "../support/database.ts";

/** Found before any tenant is known: by the hash of a token. Small, and the same on every node. */
const LOOKED_UP_FIRST = new Set(["api_tokens"]);

let sql: Sql;
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
});

test("every unique key of a tenant's table holds the tenant", async () => {
  const keys = await sql<{ table: string; index: string; columns: string[] }[]>`
    SELECT t.relname AS table, x.relname AS index, array_agg(a.attname::text) AS columns
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
    WHERE i.indisunique AND t.relname = ANY (${TENANT_TABLES as string[]}) AND t.relnamespace = current_schema()::regnamespace
    GROUP BY t.relname, x.relname`;
  const tables = new Set(keys.map((key) => key.table));
  expect(TENANT_TABLES.filter((table) => !tables.has(table))).toEqual([]);
  // Names of tenants are unique among all tenants.
  const without = keys.filter((key) => !key.columns.includes("tenant_id") && key.index !== "tenants_name");
  expect(without.filter((key) => !LOOKED_UP_FIRST.has(key.table))).toEqual([]);
});

test("every reference between tenants' tables goes from a tenant's row to a row of the same tenant", async () => {
  const references = await sql<{ from: string; to: string; pairs: string[] }[]>`
    SELECT k.conrelid::regclass::text AS from, k.confrelid::regclass::text AS to, array_agg(own.attname || ' = ' || other.attname) AS pairs
    FROM pg_constraint k CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (own, other)
    JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = u.own
    JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attnum = u.other
    WHERE k.contype = 'f' AND k.conrelid::regclass::text = ANY (${TENANT_TABLES as string[]})
    GROUP BY k.oid, k.conrelid, k.confrelid`;
  expect(references.length).toBeGreaterThan(15);
  expect(references.filter(({ pairs }) => !pairs.includes("tenant_id = tenant_id"))).toEqual([]);
});

test("a table with a column tenant_id counts as a tenant's", async () => {
  const rows = await sql<{ name: string }[]>`
    SELECT c.relname::text AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace`;
  expect(rows.map(({ name }) => name).toSorted()).toEqual([...TENANT_TABLES].toSorted());
});
