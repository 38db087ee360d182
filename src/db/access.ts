/**
 * Keeps tenants apart in the database itself: two roles that the service acts as, and on each tenant's table row-level
 * security with a policy for each of them. Neither role owns a table, so no policy can be passed over; the login that
 * migrates is the owner and is bound by none of them, and so are dumps and binaries from before. All of it is brought
 * up to date after migrations, as often as need be; what this login may not do, `gaps` says in SQL for one that may.
 */
import type { Sql, TransactionSql } from "postgres";
import { SYSTEM_ROLE, TENANT_ROLE } from "./tenant_scope.ts";

/** Tables whose rows belong to one tenant each: all that have a column tenant_id. */
export const TENANT_TABLES: readonly string[] = [
  "tenants",
  "api_tokens",
  "connections",
  "connection_schedules",
  "webhooks",
  "webhook_deliveries",
  "idempotency_keys",
  "upload_usage",
  "ingest_jobs",
  "ingest_items",
  "sources",
  "source_versions",
  "source_sync_state",
  "source_dependencies",
  "documents",
  "document_aliases",
  "document_links",
  "cross_links",
  "chunks",
  "chunk_vectors",
  "chunk_fts",
  "lexical_statistics",
  "lexeme_stats",
];
/** Tables of the installation. */
const SHARED_TABLES = ["settings", "rate_limits", "console_sessions"];

const ROLES = [TENANT_ROLE, SYSTEM_ROLE];

export interface Access {
  /** The service acts as roles of its own, and the policies hold. */
  separated: boolean;
  /** The statements that are missing, for a login that may run them; then `sluice migrate` completes the rest. */
  gaps: string[];
}

interface RoleRow {
  name: string;
  present: boolean;
  usable: boolean;
  login: string;
}

/** How things are; changes nothing. */
export async function readAccess(sql: Sql | TransactionSql): Promise<Access> {
  const roles = await readRoles(sql);
  const gaps = roles.flatMap(({ name, present, usable, login }) => [
    ...(present ? [] : [`CREATE ROLE ${name} NOLOGIN;`]),
    ...(usable ? [] : [`GRANT ${name} TO "${login.replaceAll('"', '""')}";`]),
  ]);
  if (gaps.length > 0) return { separated: false, gaps };
  const open = await openTables(sql);
  return {
    separated: open.length === 0,
    gaps:
      open.length > 0 ? [`-- as the owner of the tables, run: sluice migrate  (not secured: ${open.join(", ")})`] : [],
  };
}

/** Makes roles, policies and grants that are missing, as far as this login may; only the owner of the tables can. */
export async function secureTables(sql: TransactionSql): Promise<void> {
  await makeRoles(sql);
  if ((await readRoles(sql)).some((role) => !role.present)) return;
  const open = await openTables(sql);
  const [owner] = await sql<{ is: boolean }[]>`
    SELECT pg_has_role(relowner, 'USAGE') AS is FROM pg_class WHERE oid = to_regclass('tenants')`;
  if (open.length === 0 || !owner?.is) return;
  const both = ROLES.join(", ");
  const statements = [
    `GRANT USAGE ON SCHEMA ${await schemaName(sql)} TO ${both}`,
    `GRANT SELECT ON schema_migrations, tenant_fts, tenant_links TO ${both}`,
    // Rows behind tenant_links are locked while an edge is made of them.
    `GRANT UPDATE ON tenant_links TO ${both}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${SHARED_TABLES.join(", ")} TO ${both}`,
    `GRANT USAGE ON SEQUENCE run_leases TO ${both}`,
    `GRANT EXECUTE ON FUNCTION merge_pending_words(), analyze_columns(regclass, text[]) TO ${both}`,
    ...open.flatMap((table) => [
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${both}`,
      `DROP POLICY IF EXISTS rows_of_the_tenant ON ${table}`,
      `DROP POLICY IF EXISTS rows_of_all_tenants ON ${table}`,
      // Of everybody who may read the table, not only of the service: nobody reads past it by being granted SELECT.
      `CREATE POLICY rows_of_the_tenant ON ${table} USING (tenant_id = current_tenant_id())`,
      `CREATE POLICY rows_of_all_tenants ON ${table} TO ${SYSTEM_ROLE} USING (true)`,
      `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
    ]),
  ];
  await sql.unsafe(statements.join(";\n")).simple();
}

async function readRoles(sql: Sql | TransactionSql): Promise<RoleRow[]> {
  return sql<RoleRow[]>`
    SELECT r.name, to_regrole(r.name) IS NOT NULL AS present, session_user::text AS login,
      -- From 16 on, being a member and being allowed to act as the role are two things.
      to_regrole(r.name) IS NOT NULL AND pg_has_role(session_user, to_regrole(r.name)::oid,
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS usable
    FROM unnest(${ROLES}::text[]) AS r (name)`;
}

/** Roles belong to the whole server: another database of it may have made them, or be making them now. */
async function makeRoles(sql: TransactionSql): Promise<void> {
  for (const { name, present, usable, login } of await readRoles(sql)) {
    const grant = `GRANT ${name} TO "${login.replaceAll('"', '""')}"`;
    for (const statement of [...(present ? [] : [`CREATE ROLE ${name} NOLOGIN`]), ...(usable ? [] : [grant])])
      await sql
        .savepoint((inner) => inner.unsafe(statement))
        .catch((error: { code?: string }) => {
          if (!REFUSED.has(error.code ?? "")) throw error;
        });
  }
}

/** insufficient_privilege, duplicate_object, unique_violation, undefined_object, "tuple concurrently updated" */
const REFUSED = new Set(["42501", "42710", "23505", "42704", "XX000"]);

/** Tenants' tables that exist and lack policies or grants; and all of them, if the views cannot be read. */
async function openTables(sql: Sql | TransactionSql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    SELECT t.name FROM unnest(${[...TENANT_TABLES]}::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
    WHERE NOT c.relrowsecurity OR (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) < 2
      OR NOT has_table_privilege(${TENANT_ROLE}, c.oid, 'DELETE') OR NOT has_table_privilege(${SYSTEM_ROLE}, c.oid, 'DELETE')
      OR NOT has_table_privilege(${TENANT_ROLE}, to_regclass('tenant_fts'), 'SELECT')`;
  return rows.map((row) => row.name);
}

async function schemaName(sql: TransactionSql): Promise<string> {
  const [row] = await sql<{ name: string }[]>`SELECT quote_ident(current_schema()) AS name`;
  return row!.name;
}
