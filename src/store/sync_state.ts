/**
 * The incremental diff: which listed descriptors changed since the last sync. One set-based statement a page, before any
 * payload is fetched; an unchanged corpus costs its listing and nothing else.
 */
import type { Sql } from "postgres";
import type { ErrorCode } from "../error_codes.ts";
import { DOUBTFUL, DOUBTFUL_TIMES } from "../queue/quarantine.ts";

export interface ListedSource {
  sourceId: string;
  externalRef: string;
  fingerprint: string;
}

/** A source that failed for good before and has not changed since. */
export interface Quarantined {
  position: number;
  code: ErrorCode;
  message: string;
}

export interface Diff {
  /** Positions (in `listed`) of what must be ingested. */
  changed: number[];
  unchanged: number;
  quarantined: Quarantined[];
}

/**
 * What must be ingested, how many are unchanged, and what is in quarantine under `verdictKey`. `known` ones have an item in this job
 * already (the listing is being repeated) and count as neither.
 */
export async function diffAgainstSyncState(
  sql: Sql,
  scope: { tenantId: string; jobId: string; sourceType: string; force: boolean; repeated: boolean; verdictKey: string },
  listed: ListedSource[],
): Promise<Diff> {
  const known = scope.repeated ? await sourcesWithItems(sql, scope, listed) : new Set<string>();
  const candidates = listed
    .map((source, index) => ({ source, index }))
    .filter(({ source }) => !known.has(source.sourceId));
  if (scope.force) return { changed: candidates.map(({ index }) => index), unchanged: 0, quarantined: [] };
  // Answers only with what changed: for an unchanged corpus nothing comes back but an empty set.
  const rows = await sql<{ position: number; quarantined: boolean; error_code: ErrorCode; error_message: string }[]>`
    SELECT n.position::integer AS position, s.error_code, coalesce(s.error_message, '') AS error_message,
      s.last_status = 'failed' AND s.fingerprint = n.fingerprint AND coalesce(s.failed_under = ${scope.verdictKey}, false)
        AND (s.error_code <> ALL (${DOUBTFUL}::text[]) OR s.failed_times >= ${DOUBTFUL_TIMES}) AS quarantined
    FROM unnest(${candidates.map(({ source }) => source.externalRef)}::text[], ${candidates.map(({ source }) => source.fingerprint)}::text[])
      WITH ORDINALITY AS n (external_ref, fingerprint, position)
    -- LIMIT: one by one, by key; the planner would rather read the whole table for each page.
    LEFT JOIN LATERAL (
      SELECT * FROM source_sync_state
      WHERE tenant_id = ${scope.tenantId} AND source_type = ${scope.sourceType} AND external_ref = n.external_ref LIMIT 1
    ) s ON true
    WHERE s.external_ref IS NULL OR s.fingerprint <> n.fingerprint OR s.last_status = 'failed'
      -- It says nothing of the bytes: what was moved away during a sync may come back with its old change mark.
      OR s.last_status = 'skipped' AND s.error_code = 'connector.gone'
    ORDER BY n.position`;
  const at = (row: { position: number }) => candidates[row.position - 1]!.index;
  return {
    changed: rows.filter((row) => !row.quarantined).map(at),
    unchanged: candidates.length - rows.length,
    quarantined: rows
      .filter((row) => row.quarantined)
      .map((row) => ({ position: at(row), code: row.error_code, message: row.error_message })),
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
