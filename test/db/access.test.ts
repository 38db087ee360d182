/** Logins of every kind: who may make roles, who owns the tables, who only works. */
import { afterEach, describe, expect, test } from "bun:test";
import postgres, { type Sql } from "postgres";
import { separate } from "../../src/cli/runtime.ts";
import { readAccess, TENANT_TABLES } from "../../src/db/access.ts";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { asSystem, asTenant } from "../../src/db/tenant_scope.ts";
import { ensurePlannerStatistics } from "../../src/index/planner_statistics.ts";
import { settleIndex } from "../../src/index/settle_index.ts";
import { createTenant, listTenants } from "../../src/store/tenants.ts";
import { createDatabase } from "../support/database.ts";

const server = process.env["TEST_DATABASE_URL"];
let undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.toReversed()) await step();
  undo = [];
});

/** A database, a superuser in it, and a login with these rights. */
async function loginWith(rights: string): Promise<{ root: Sql; url: string; login: string; database: string }> {
  const { target, close } = await createDatabase(server!);
  undo.push(close);
  const login = `sluice_test_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const admin = postgres(server!, { max: 1, onnotice: () => {} });
  undo.push(async () => {
    await admin.unsafe(`DROP ROLE IF EXISTS ${login}`);
    await admin.end({ timeout: 1 });
  });
  await admin.unsafe(`CREATE ROLE ${login} LOGIN PASSWORD 'x' ${rights}`);
  const root = poolOf(target.url, 2);
  // Not a trusted extension: this much an administrator does for whoever owns the tables.
  await root.unsafe("CREATE EXTENSION vector");
  undo.push(async () => {
    await root.unsafe(`DROP OWNED BY ${login} CASCADE`);
    await endDatabase(root, 1);
  });
  const url = new URL(target.url);
  url.username = login;
  url.password = "x";
  return { root, url: url.href, login, database: url.pathname.slice(1) };
}

function poolOf(url: string, max: number, separated = false): Sql {
  return connectDatabase({ url, separated }, { max, applicationName: "test" });
}
function closing(sql: Sql): Sql {
  undo.push(() => endDatabase(sql, 1));
  return sql;
}

describe.if(server !== undefined)("the owner of the tables", () => {
  test("that may not give itself the roles is told which statements an administrator must run, and works meanwhile", async () => {
    const { root, url, login } = await loginWith("NOCREATEROLE");
    await root.unsafe(`GRANT CREATE ON SCHEMA public TO ${login}`);
    const owner = closing(poolOf(url, 2));
    await migrate(owner);
    const { separated, gaps } = await readAccess(owner);
    expect([separated, gaps]).toEqual([
      false,
      [`GRANT sluice_runtime TO "${login}";`, `GRANT sluice_system TO "${login}";`],
    ]);
    expect(await separate({ url })).toEqual({ url, separated: false });
    const tenant = await createTenant(asSystem(owner), "Acme");
    expect((await listTenants(asTenant(owner, tenant.tenantId))).length).toBe(1);

    for (const statement of gaps) await root.unsafe(statement);
    expect(await separate({ url })).toEqual({ url, separated: true });
    const runtime = closing(poolOf(url, 1, true));
    expect((await listTenants(runtime)).length).toBe(0);
    expect((await listTenants(asTenant(runtime, tenant.tenantId))).length).toBe(1);
  });

  test("with CREATEROLE needs nobody", async () => {
    const { root, url, login } = await loginWith("CREATEROLE");
    await root.unsafe(`GRANT CREATE ON SCHEMA public TO ${login}`);
    // On a server where another login has made the roles, that one or an administrator must grant them.
    await root.unsafe(`GRANT sluice_runtime, sluice_system TO ${login} WITH ADMIN OPTION`);
    expect(await separate({ url })).toEqual({ url, separated: true });
  });

  test("a table that has lost its policies is secured again by the next migrate", async () => {
    const { url, root, login } = await loginWith("NOCREATEROLE");
    await root.unsafe(`GRANT CREATE ON SCHEMA public TO ${login}; GRANT sluice_runtime, sluice_system TO ${login}`);
    const owner = closing(poolOf(url, 2));
    await migrate(owner);
    await owner.unsafe("ALTER TABLE chunks DISABLE ROW LEVEL SECURITY; DROP POLICY rows_of_the_tenant ON documents");
    const { separated, gaps } = await readAccess(owner);
    expect([separated, gaps.join()]).toEqual([false, expect.stringMatching(/sluice migrate.*documents, chunks/)]);
    await migrate(owner);
    expect(await readAccess(owner)).toEqual({ separated: true, gaps: [] });
  });
});

test.if(server !== undefined)(
  "a login that owns nothing can run the service, and cannot change the schema",
  async () => {
    const { root, url, login } = await loginWith("NOCREATEROLE");
    await migrate(root);
    await root.unsafe(`GRANT sluice_runtime, sluice_system TO ${login}`);
    expect(await separate({ url })).toEqual({ url, separated: true });
    const runtime = closing(poolOf(url, 2, true));
    const { tenantId } = await createTenant(asSystem(runtime), "Acme");
    const own = asTenant(runtime, tenantId);
    for (const table of TENANT_TABLES) await own.unsafe(`SELECT count(*) FROM ${table}`);
    await settleIndex(runtime);
    await root`INSERT INTO sources (tenant_id, source_id, source_type, external_ref)
      SELECT ${tenantId}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', n::text FROM generate_series(1, 2000) n`;
    expect(await ensurePlannerStatistics(runtime)).toEqual(["sources"]);
    const [statistics] = await root`SELECT reltuples::integer AS rows FROM pg_class WHERE relname = 'sources'`;
    expect(statistics!.rows).toBe(2000);
    for (const statement of [
      "DROP POLICY rows_of_the_tenant ON chunks",
      "ALTER TABLE chunks DISABLE ROW LEVEL SECURITY",
      "CREATE TABLE x ()",
    ])
      expect(
        await own.unsafe(statement).then(
          () => "done",
          (error: { code: string }) => error.code,
        ),
      ).toBe("42501");
  },
);
