/**
 * A tenant at a glance: what it holds, what happened in the last hour, what fails. Nothing is kept for it: items of the
 * last hour are found through the few jobs that were open in it, failures through the index over items by status.
 */
import type { Sql } from "postgres";
import type { JobStatus } from "../queue/job.ts";

export interface Holdings {
  sources: number;
  /** Missing from the last complete listing. */
  sources_hidden: number;
  documents: number;
  chunks: number;
  vectors_pending: number;
}

/** One pass over the tenant's documents and one over its sources. */
export async function holdings(sql: Sql, tenantId: string): Promise<Holdings> {
  const [row] = await sql<Holdings[]>`
    SELECT s.*, d.* FROM
      (SELECT count(*) FILTER (WHERE presence = 'present')::float8 AS sources, count(*) FILTER (WHERE presence = 'hidden')::float8 AS sources_hidden
       FROM sources WHERE tenant_id = ${tenantId}) s,
      (SELECT count(*)::float8 AS documents, coalesce(sum(chunk_count), 0)::float8 AS chunks,
         coalesce(sum(vectors_pending), 0)::float8 AS vectors_pending
       FROM documents WHERE tenant_id = ${tenantId}) d`;
  return row!;
}

/** What ended in one minute. */
export interface Minute {
  ingested: number;
  chunks: number;
  failed: number;
  /** Unchanged, skipped, canceled. */
  other: number;
}

const MINUTES = 60;

/** The last 60 minutes, oldest first; the last one is the minute that has not ended. */
export async function lastHour(sql: Sql, tenantId: string): Promise<Minute[]> {
  const rows = await sql<(Minute & { ago: number })[]>`
    SELECT least(floor(extract(epoch FROM now() - i.finished_at) / 60), ${MINUTES - 1})::integer AS ago,
      count(*) FILTER (WHERE item_status = 'ingested')::integer AS ingested,
      coalesce(sum(i.chunks) FILTER (WHERE item_status = 'ingested'), 0)::integer AS chunks,
      count(*) FILTER (WHERE item_status = 'failed')::integer AS failed,
      count(*) FILTER (WHERE item_status NOT IN ('ingested', 'failed'))::integer AS other
    FROM ingest_items i
    WHERE i.tenant_id = ${tenantId} AND i.finished_at > now() - interval '1 hour' AND i.job_id = ANY (ARRAY(
      SELECT job_id FROM ingest_jobs WHERE tenant_id = ${tenantId} AND (finished_at IS NULL OR finished_at > now() - interval '1 hour')))
    GROUP BY 1`;
  const minutes = Array.from({ length: MINUTES }, (): Minute => ({ ingested: 0, chunks: 0, failed: 0, other: 0 }));
  for (const { ago, ...minute } of rows) minutes[MINUTES - 1 - Math.max(0, ago)] = minute;
  return minutes;
}

/** Jobs by status: unfinished ones, and those that ended in the last day. */
export async function jobCounts(sql: Sql, tenantId: string): Promise<Partial<Record<JobStatus, number>>> {
  const rows = await sql<{ job_status: JobStatus; jobs: number }[]>`
    SELECT job_status, count(*)::integer AS jobs FROM ingest_jobs
    WHERE tenant_id = ${tenantId} AND (finished_at IS NULL OR finished_at > now() - interval '1 day')
    GROUP BY job_status`;
  return Object.fromEntries(rows.map((row) => [row.job_status, row.jobs]));
}

export interface Failures {
  error_code: string;
  items: number;
  /** The latest job in which it happened. */
  job_id: string;
  example: string;
}

/** Why items failed in jobs of the last day, most frequent first. */
export async function failuresOfDay(sql: Sql, tenantId: string): Promise<Failures[]> {
  return sql<Failures[]>`
    SELECT i.error_code, count(*)::integer AS items, (array_agg(j.job_id ORDER BY j.created_at DESC))[1] AS job_id,
      (array_agg(coalesce(i.descriptor ->> 'name', i.external_ref) ORDER BY j.created_at DESC))[1] AS example
    FROM ingest_jobs j JOIN ingest_items i ON i.tenant_id = j.tenant_id AND i.job_id = j.job_id AND i.item_status = 'failed'
    WHERE j.tenant_id = ${tenantId} AND j.items_failed > 0 AND (j.finished_at IS NULL OR j.finished_at > now() - interval '1 day')
    GROUP BY i.error_code ORDER BY items DESC, i.error_code LIMIT 20`;
}
