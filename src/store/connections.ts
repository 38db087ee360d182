/** Connections: configured instances of a source type. Rows in and out; secrets stay encrypted here. */
import type { Sql } from "postgres";
import type { JsonObject, SourceType } from "../connector/connector.ts";

export interface ConnectionRow {
  tenantId: string;
  connectionId: string;
  sourceType: SourceType;
  name: string;
  config: JsonObject;
  secrets: Uint8Array | null;
  createdAt: Date;
  updatedAt: Date;
}

interface Row {
  tenant_id: string;
  connection_id: string;
  source_type: SourceType;
  name: string;
  config: JsonObject;
  secrets: Uint8Array | null;
  created_at: Date;
  updated_at: Date;
}

const fromRow = (row: Row): ConnectionRow => ({
  tenantId: row.tenant_id,
  connectionId: row.connection_id,
  sourceType: row.source_type,
  name: row.name,
  config: row.config,
  secrets: row.secrets,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Null when a connection of that name exists. */
export async function insertConnection(
  sql: Sql,
  connection: {
    tenantId: string;
    /** For whoever sealed secrets under it; made here when left out. */
    connectionId?: string;
    sourceType: string;
    name: string;
    config: JsonObject;
    secrets: Uint8Array | null;
  },
): Promise<ConnectionRow | null> {
  const [row] = await sql<Row[]>`
    INSERT INTO connections (tenant_id, connection_id, source_type, name, config, secrets)
    VALUES (${connection.tenantId}, ${connection.connectionId ?? Bun.randomUUIDv7()}, ${connection.sourceType}, ${connection.name},
      ${JSON.stringify(connection.config)}::text::jsonb, ${connection.secrets})
    ON CONFLICT DO NOTHING RETURNING *`;
  return row ? fromRow(row) : null;
}

/** Null when the tenant has no such connection. */
export async function findConnection(sql: Sql, tenantId: string, connectionId: string): Promise<ConnectionRow | null> {
  const [row] = await sql<
    Row[]
  >`SELECT * FROM connections WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}`;
  return row ? fromRow(row) : null;
}

/** By id or by name. */
export async function findConnectionNamed(sql: Sql, tenantId: string, idOrName: string): Promise<ConnectionRow | null> {
  const [row] = await sql<Row[]>`
    SELECT * FROM connections WHERE tenant_id = ${tenantId} AND (connection_id::text = ${idOrName} OR name = ${idOrName})
    ORDER BY connection_id::text = ${idOrName} DESC LIMIT 1`;
  return row ? fromRow(row) : null;
}

/** Newest first. `cursor` is the id of the last connection of the page before. */
export async function listConnections(
  sql: Sql,
  tenantId: string,
  limit: number,
  cursor: string | null,
): Promise<ConnectionRow[]> {
  const rows = await sql<Row[]>`
    SELECT * FROM connections WHERE tenant_id = ${tenantId} AND (${cursor}::uuid IS NULL OR connection_id < ${cursor}::uuid)
    ORDER BY connection_id DESC LIMIT ${limit}`;
  return rows.map(fromRow);
}

/** Changes name, config or secrets; what is undefined stays. Null when there is no such connection. */
export async function updateConnection(
  sql: Sql,
  tenantId: string,
  connectionId: string,
  change: { name?: string | undefined; config?: JsonObject | undefined; secrets?: Uint8Array | null | undefined },
): Promise<ConnectionRow | null> {
  const [row] = await sql<Row[]>`
    UPDATE connections SET name = coalesce(${change.name ?? null}, name),
      config = coalesce(${change.config ? JSON.stringify(change.config) : null}::text::jsonb, config),
      secrets = CASE WHEN ${change.secrets === undefined} THEN secrets ELSE ${change.secrets ?? null}::bytea END, updated_at = now()
    WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} RETURNING *`;
  return row ? fromRow(row) : null;
}

/**
 * Removes the connection. Its documents stay, since no listing says that they are gone, but belong to nobody until
 * another connection lists them.
 */
export async function deleteConnection(sql: Sql, tenantId: string, connectionId: string): Promise<boolean> {
  return sql.begin(async (tx) => {
    const rows =
      await tx`DELETE FROM connections WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} RETURNING 1`;
    await tx`UPDATE sources SET connection_id = NULL WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}`;
    await tx`UPDATE source_sync_state SET connection_id = NULL WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}`;
    return rows.length > 0;
  });
}

/** Source types whose sources come through connections of another type as well: pages bring their attachments. */
export const SERVED_BY: Readonly<Record<string, string>> = { CONFLUENCE_ATTACHMENT: "CONFLUENCE_PAGE" };

/** The connections that a sync job is to list. */
export async function connectionsOfJob(
  sql: Sql,
  tenantId: string,
  payload: { source_types: string[]; connection_id: string | null },
): Promise<ConnectionRow[]> {
  const types = payload.source_types.flatMap((type) => [type, SERVED_BY[type] ?? type]);
  const rows = await sql<Row[]>`
    SELECT * FROM connections WHERE tenant_id = ${tenantId} AND source_type = ANY (${types}::text[])
      AND (${payload.connection_id}::uuid IS NULL OR connection_id = ${payload.connection_id}::uuid)
    ORDER BY connection_id`;
  return rows.map(fromRow);
}
