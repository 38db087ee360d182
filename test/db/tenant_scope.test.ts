import { beforeAll, describe, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { readAccess, TENANT_TABLES } from "../../src/db/access.ts";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { asLogin, asSystem, asTenant, inScope, SYSTEM_ROLE, TENANT_ROLE } from "../../src/db/tenant_scope.ts";
import { emptyDatabase, type TestDatabase } from "../support/database.ts";
import { imageOf, type TenantRows, tenantWithRows } from "../support/tenant_rows.ts";

let database: TestDatabase;
let sql: Sql;
let runtime: Sql;
let victim: TenantRows;
let other: TenantRows;

beforeAll(async () => {
  database = await emptyDatabase();
  ({ sql, runtime } = database);
  victim = await tenantWithRows(sql);
  other = await tenantWithRows(sql);
}, 60_000);

const codeOf = (work: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(work).then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("in the database itself", () => {
  test("every table with a tenant has its policies, and the roles of the service own nothing and bypass nothing", async () => {
    const tables = await sql<{ name: string; secured: boolean; policies: string[]; owner: string }[]>`
      SELECT c.relname::text AS name, c.relrowsecurity AS secured, pg_get_userbyid(c.relowner)::text AS owner,
        ARRAY(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`;
    expect(tables.map(({ name }) => name)).toEqual([...TENANT_TABLES].sort());
    for (const { name, secured, policies, owner } of tables)
      expect({ name, secured, policies, owned: [TENANT_ROLE, SYSTEM_ROLE].includes(owner) }).toEqual({
        ...{ name, secured: true, owned: false },
        policies: ["rows_of_all_tenants", "rows_of_the_tenant"],
      });
    const roles = await sql`
      SELECT rolsuper OR rolbypassrls OR rolcanlogin AS strong FROM pg_roles WHERE rolname = ANY (${[TENANT_ROLE, SYSTEM_ROLE]}::text[])`;
    expect(roles.map((role) => role.strong)).toEqual([false, false]);
    expect(await readAccess(sql)).toEqual({ separated: true, gaps: [] });
  });

  test.each([...TENANT_TABLES])(
    "%s shows nothing without a tenant, and to a tenant its own rows alone",
    async (table) => {
      const owners = async (pool: Sql) =>
        (
          await pool.unsafe<{ tenant_id: string }[]>(
            `SELECT DISTINCT tenant_id FROM ${table} WHERE tenant_id IS NOT NULL`,
          )
        ).map((row) => row.tenant_id);
      expect((await owners(sql)).sort()).toEqual([victim.tenant, other.tenant].sort());
      expect((await owners(asSystem(runtime))).sort()).toEqual([victim.tenant, other.tenant].sort());
      expect(await owners(runtime)).toEqual([]);
      expect(await owners(asTenant(runtime, other.tenant))).toEqual([other.tenant]);
    },
  );

  test.each([...TENANT_TABLES])("%s: a tenant can neither change, delete nor add another one's rows", async (table) => {
    const before = await imageOf(sql, victim.tenant);
    const own = asTenant(runtime, other.tenant);
    for (const pool of [own, runtime]) {
      const changed =
        table === "source_versions"
          ? { count: 0 }
          : await pool.unsafe(`UPDATE ${table} SET tenant_id = tenant_id WHERE tenant_id = $1`, [victim.tenant]);
      const gone = await pool.unsafe(`DELETE FROM ${table} WHERE tenant_id = $1`, [victim.tenant]);
      expect([changed.count, gone.count]).toEqual([0, 0]);
      // Before any other constraint is looked at.
      const columns = await sql<{ name: string }[]>`
        SELECT attname::text AS name FROM pg_attribute WHERE attrelid = ${table}::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''`;
      const names = columns.map(({ name }) => name).join(", ");
      const [row] = await sql.unsafe<{ row: string }[]>(
        `SELECT to_jsonb(t)::text AS row FROM ${table} t WHERE tenant_id = $1`,
        [victim.tenant],
      );
      const added = pool.unsafe(
        `INSERT INTO ${table} (${names}) SELECT ${names} FROM jsonb_populate_record(NULL::${table}, $1::text::jsonb)`,
        [row!.row],
      );
      expect(await codeOf(added)).toBe("42501");
    }
    expect(await imageOf(sql, victim.tenant)).toEqual(before);
  });

  test("a reader with a login of its own sees the tenant that it names, and without one nothing", async () => {
    const reader = `sluice_test_reader_${process.pid}`;
    await sql.unsafe(
      `CREATE ROLE ${reader} NOLOGIN; GRANT USAGE ON SCHEMA public TO ${reader}; GRANT SELECT ON documents TO ${reader}`,
    );
    try {
      const seen = await sql.begin(async (tx) => {
        await tx.unsafe(`SET LOCAL ROLE ${reader}`);
        const without = await tx`SELECT tenant_id FROM documents`;
        await tx`SELECT set_config('sluice.tenant_id', ${other.tenant}, true)`;
        const within = await tx`SELECT DISTINCT tenant_id FROM documents`;
        return [without.length, within.map((row) => row.tenant_id)];
      });
      expect(seen).toEqual([0, [other.tenant]]);
    } finally {
      await sql.unsafe(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`);
    }
  });
});

describe("a handle within a scope", () => {
  const names = (pool: Sql) => pool<{ tenant_id: string }[]>`SELECT tenant_id FROM tenants ORDER BY tenant_id`;

  test("ends with its statement: the next one of the same connection has no tenant", async () => {
    const one = connectDatabase({ ...database.target, separated: true }, { max: 1, applicationName: "test" });
    try {
      for (const pool of [asTenant(one, victim.tenant), asSystem(one), asTenant(asSystem(one), other.tenant)])
        expect([(await names(pool)).length > 0, (await names(one)).length]).toEqual([true, 0]);
      await asLogin(one, async (connection) => {
        expect((await names(connection)).length).toBe(2);
      });
      expect((await names(one)).length).toBe(0);
      await expect(asTenant(one, victim.tenant).begin(async () => Promise.reject(new Error("mine")))).rejects.toThrow(
        "mine",
      );
      expect((await names(one)).length).toBe(0);
    } finally {
      await endDatabase(one, 1);
    }
  });

  test("takes fragments, identifiers, transactions and parameters as the pool does", async () => {
    const own = asTenant(runtime, victim.tenant);
    const column = own("name");
    const where = own`tenant_id = ${victim.tenant}`;
    const [row] = await own<{ name: string }[]>`SELECT ${column} FROM tenants WHERE ${where}`;
    expect(row!.name).toContain(victim.tenant);
    const [inner, rows] = await own.begin("read only", async (tx) => [
      await tx`SELECT 1`,
      await names(tx as unknown as Sql),
    ]);
    expect([inner.length, rows.map((found) => found.tenant_id)]).toEqual([1, [victim.tenant]]);
    expect((await own.unsafe<{ n: number }[]>("SELECT $1::int AS n", [7])).at(0)).toEqual({ n: 7 });
  });

  test("reports what fails at its commit", async () => {
    const own = asTenant(runtime, victim.tenant);
    const late = own`UPDATE sources SET current_version_id = gen_random_uuid() WHERE source_id = ${victim.source}`;
    expect(await codeOf(late)).toBe("23503");
  });

  test("fails rather than finds nothing where a prepared statement has to be made anew", async () => {
    const one = connectDatabase({ ...database.target, separated: true }, { max: 1, applicationName: "test" });
    const own = asTenant(one, victim.tenant);
    const sources = () => own`SELECT * FROM sources`.then((rows) => rows.length);
    try {
      const before = await sources();
      expect(before).toBeGreaterThan(0);
      await sql`ALTER TABLE sources ADD COLUMN added integer`;
      // "cached plan must not change result type"; run again by the driver, it would be outside of its transaction.
      expect(await codeOf(sources())).toBe("0A000");
      expect(await sources()).toBe(before);
    } finally {
      await sql`ALTER TABLE sources DROP COLUMN IF EXISTS added`;
      await endDatabase(one, 1);
    }
  });

  test("keeps the order of what is sent at once, in many transactions on few connections", async () => {
    const few = connectDatabase({ ...database.target, separated: true }, { max: 2, applicationName: "test" });
    try {
      const seen = await Promise.all(
        Array.from({ length: 200 }, (_, i) => {
          const tenant = i % 2 === 0 ? victim.tenant : other.tenant;
          const own = asTenant(few, tenant);
          if (i % 10 === 3) return codeOf(own`SELECT ${i} / 0`);
          if (i % 10 === 5) return own.begin(async (tx) => (await names(tx as unknown as Sql))[0]!.tenant_id);
          return own<{ id: string }[]>`SELECT tenant_id || ${`#${i}`} AS id FROM tenants`.then((rows) => rows[0]!.id);
        }),
      );
      for (const [i, found] of seen.entries()) {
        const tenant = i % 2 === 0 ? victim.tenant : other.tenant;
        expect(found).toBe(i % 10 === 3 ? "22012" : i % 10 === 5 ? tenant : `${tenant}#${i}`);
      }
      expect((await names(few)).length).toBe(0);
    } finally {
      await endDatabase(few, 1);
    }
  });

  test("follows its scope from statement to statement", async () => {
    let tenantId: string | null = null;
    const pool = inScope(runtime, () => (tenantId ? { tenantId } : null));
    const seen = [];
    for (tenantId of [null, victim.tenant, other.tenant]) seen.push((await names(pool)).map((row) => row.tenant_id));
    expect(seen).toEqual([[], [victim.tenant], [other.tenant]]);
  });
});
