/**
 * The incremental diff: which listed descriptors changed since the last sync. One set-based statement a page, before any
 * payload is fetched; an unchanged corpus costs its listing and nothing else.
 */
import type { Sql } from "postgres";

export interface ListedSource {
  sourceId: string;
  externalRef: string;
  fingerprint: string;
}

/**
 * Positions (in `listed`) of what must be ingested, and how many are unchanged. `known` ones have an item in this job
 * already (the listing is being repeated) and count as neither.
 */
export async function diffAgainstSyncState(
  sql: Sql,
  scope: { tenantId: string; jobId: string; sourceType: string; force: boolean; repeated: boolean },
  listed: ListedSource[],
): Promise<{ changed: number[]; unchanged: number }> {
  const known = scope.repeated ? await sourcesWithItems(sql, scope, listed) : new Set<string>();
  const candidates = listed
    .map((source, index) => ({ source, index }))
    .filter(({ source }) => !known.has(source.sourceId));
  if (scope.force) return { changed: candidates.map(({ index }) => index), unchanged: 0 };
  // Answers only with what changed: for an unchanged corpus nothing comes back but an empty set.
  const rows = await sql<{ position: number }[]>`
    SELECT n.position::integer AS position
    FROM unnest(${candidates.map(({ source }) => source.externalRef)}::text[], ${candidates.map(({ source }) => source.fingerprint)}::text[])
      WITH ORDINALITY AS n (external_ref, fingerprint, position)
    LEFT JOIN source_sync_state s
      ON s.tenant_id = ${scope.tenantId} AND s.source_type = ${scope.sourceType} AND s.external_ref = n.external_ref
    WHERE s.external_ref IS NULL OR s.fingerprint <> n.fingerprint OR s.last_status = 'failed'
      -- It says nothing of the bytes: what was moved away during a sync may come back with its old change mark.
      OR s.last_status = 'skipped' AND s.error_code = 'connector.gone'
    ORDER BY n.position`;
  return {
    changed: rows.map((row) => candidates[row.position - 1]!.index),
    unchanged: candidates.length - rows.length,
  };
}

async function sourcesWithItems(
  sql: Sql,
  scope: { tenantId: string; jobId: string },
  listed: ListedSource[],
): Promise<Set<string>> {
  const rows = await sql<{ source_id: string }[]>`
    SELECT source_id FROM ingest_items
    WHERE tenant_id = ${scope.tenantId} AND job_id = ${scope.jobId} AND source_id = ANY (${listed.map((s) => s.sourceId)}::uuid[])`;
  return new Set(rows.map((row) => row.source_id));
}
