/** Tenants: the owners of everything else. Names are unique whatever their case. */
import type { Sql } from "postgres";
import { InputError } from "../errors.ts";
import type { OwnLimits } from "./tenant_limits.ts";

export interface Tenant {
  tenantId: string;
  name: string;
  createdAt: Date;
  limits: OwnLimits;
}

interface Row {
  tenant_id: string;
  name: string;
  created_at: Date;
  limits: OwnLimits;
}

const fromRow = (row: Row): Tenant => ({
  tenantId: row.tenant_id,
  name: row.name,
  createdAt: row.created_at,
  limits: row.limits,
});

/** Throws InputError `tenant.duplicate_name`. */
export async function createTenant(sql: Sql, name: string): Promise<Tenant> {
  const [row] = await sql<Row[]>`
    INSERT INTO tenants (tenant_id, name) VALUES (${Bun.randomUUIDv7()}, ${name}) ON CONFLICT DO NOTHING RETURNING *`;
  if (!row) throw new InputError("tenant.duplicate_name", `There is a tenant named ${name}`, { name });
  return fromRow(row);
}

/** By name; all of them, or a page. `after` is the id of the last tenant of the page before. */
export async function listTenants(
  sql: Sql,
  { limit, after }: { limit: number | null; after: string | null } = { limit: null, after: null },
): Promise<Tenant[]> {
  const rows = await sql<Row[]>`
    SELECT * FROM tenants
    WHERE ${after}::uuid IS NULL OR lower(name) > (SELECT lower(name) FROM tenants WHERE tenant_id = ${after}::uuid)
    ORDER BY lower(name) LIMIT ${limit}`;
  return rows.map(fromRow);
}

/** By id or by name; null when there is none. */
export async function findTenant(sql: Sql, idOrName: string): Promise<Tenant | null> {
  return (
    (await listTenants(sql)).find((tenant) => tenant.tenantId === idOrName.toLowerCase() || tenant.name === idOrName) ??
    null
  );
}

/** Any case of the id will do. */
export async function tenantExists(sql: Sql, tenantId: string): Promise<boolean> {
  const rows = await sql`SELECT 1 FROM tenants WHERE tenant_id = ${tenantId}`;
  return rows.length > 0;
}

/** What an id may name; each has its tenant in its row. */
export type OwnedKind = "job" | "document" | "connection" | "webhook";

/**
 * The tenant that owns a row, for callers who may act for any. Every primary key starts with the tenant, hence the
 * array of all of them: an index probe for each instead of a scan.
 */
export async function findOwner(sql: Sql, kind: OwnedKind, id: string): Promise<string | null> {
  const [row] = await {
    job: () => sql<{ tenant_id: string }[]>`SELECT tenant_id FROM ingest_jobs WHERE job_id = ${id}`,
    document: () => sql<{ tenant_id: string }[]>`
      SELECT tenant_id FROM documents WHERE tenant_id = ANY (ARRAY(SELECT tenant_id FROM tenants)) AND document_id = ${id}`,
    connection: () => sql<{ tenant_id: string }[]>`SELECT tenant_id FROM connections WHERE connection_id = ${id}`,
    webhook: () => sql<{ tenant_id: string }[]>`SELECT tenant_id FROM webhooks WHERE webhook_id = ${id}`,
  }[kind]();
  return row?.tenant_id ?? null;
}
