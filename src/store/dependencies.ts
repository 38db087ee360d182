/**
 * Which sources show the content of others (includes of pages). A change of what is included is a change of the page
 * that includes it, although nothing in the list of pages says so.
 */
import type { Sql, TransactionSql } from "postgres";
import type { PreparedDocument } from "./prepared.ts";

/** Writes what these documents include now; documents of types that include nothing are passed over. */
export async function replaceDependencies(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
): Promise<void> {
  const able = documents.filter((d) => d.dependsOn !== null);
  if (able.length === 0) return;
  const rows = able.flatMap((d) => [...new Set(d.dependsOn)].map((dependsOn) => ({ sourceId: d.sourceId, dependsOn })));
  const statements: PromiseLike<unknown>[] = [
    tx`DELETE FROM source_dependencies WHERE tenant_id = ${tenantId} AND source_id = ANY (${able.map((d) => d.sourceId)}::uuid[])`,
  ];
  if (rows.length > 0)
    statements.push(tx`
      INSERT INTO source_dependencies (tenant_id, source_id, depends_on)
      SELECT ${tenantId}::uuid, n.* FROM unnest(${rows.map((r) => r.sourceId)}::uuid[], ${rows.map((r) => r.dependsOn)}::uuid[]) AS n
      ON CONFLICT DO NOTHING`);
  await Promise.all(statements);
}

/** Ids of the connection's sources that include others. */
export async function sourcesWithDependencies(sql: Sql, tenantId: string, connectionId: string): Promise<Set<string>> {
  const rows = await sql<{ source_id: string }[]>`
    SELECT DISTINCT d.source_id FROM source_dependencies d
    JOIN sources s ON s.tenant_id = d.tenant_id AND s.source_id = d.source_id
    WHERE d.tenant_id = ${tenantId} AND s.connection_id = ${connectionId}`;
  return new Set(rows.map((row) => row.source_id));
}

/** Of these sources, those that include one which this job found changed. */
export async function sourcesWithChangedParts(
  sql: Sql,
  job: { tenantId: string; jobId: string },
  sourceIds: string[],
): Promise<Set<string>> {
  if (sourceIds.length === 0) return new Set();
  const rows = await sql<{ source_id: string }[]>`
    SELECT DISTINCT d.source_id FROM source_dependencies d
    JOIN ingest_items i ON i.tenant_id = d.tenant_id AND i.source_id = d.depends_on AND i.job_id = ${job.jobId}
    WHERE d.tenant_id = ${job.tenantId} AND d.source_id = ANY (${sourceIds}::uuid[])`;
  return new Set(rows.map((row) => row.source_id));
}
