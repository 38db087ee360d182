/** Jobs and items as their readers see them; what changes them is in queue/. */
import type { Sql } from "postgres";
import type { Warning } from "../convert/converted.ts";
import type { ItemStatus, JobStatus, JobType, Ledger } from "../queue/job.ts";

export interface JobRow extends Ledger {
  job_id: string;
  tenant_id: string;
  job_type: JobType;
  job_status: JobStatus;
  job_payload_json: Record<string, unknown>;
  result_json: Record<string, unknown> | null;
  error_code: string | null;
  error_message: string | null;
  listing: "pending" | "complete" | "incomplete";
  attempt: number;
  requested_by: string;
  correlation_id: string;
  cancel_requested_at: Date | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

/** Where the page before ended: `created_at` with microseconds, and the id that breaks ties. */
export type NewestPosition = readonly [createdAt: string, id: string] | null;

const columns = (sql: Sql) => sql`
  job_id, tenant_id, job_type, job_status, job_payload_json, result_json, error_code, error_message, listing, attempt, requested_by,
  correlation_id, cancel_requested_at, created_at, started_at, finished_at, descriptors_listed::float8, items_fetched::float8,
  items_skipped_incremental::float8, items_skipped::float8, items_ingested::float8, items_failed::float8, items_canceled::float8,
  items_open::float8, chunks::float8, vectors_embedded::float8, vectors_reused::float8, vectors_pending::float8, links::float8`;

/**
 * A timestamp as text that loses none of its microseconds. On its way back it must be cast `::text::timestamptz`: the
 * driver turns a parameter of type timestamptz into a Date, which has only milliseconds.
 */
export const exactTime = (sql: Sql, column: string) =>
  sql`to_char(${sql(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Null when the tenant has no such job. */
export async function findJob(sql: Sql, tenantId: string, jobId: string): Promise<JobRow | null> {
  const [row] = await sql<
    JobRow[]
  >`SELECT ${columns(sql)} FROM ingest_jobs WHERE tenant_id = ${tenantId} AND job_id = ${jobId}`;
  return row ?? null;
}

/** Newest first, `limit` rows at most; `position` is the `exact_created_at` and id of the last row of the page before. */
export async function listJobs(
  sql: Sql,
  tenantId: string,
  wanted: { status: JobStatus | null; limit: number; position: NewestPosition },
): Promise<(JobRow & { exact_created_at: string })[]> {
  const [createdAt, id] = wanted.position ?? [null, null];
  return sql<(JobRow & { exact_created_at: string })[]>`
    SELECT ${columns(sql)}, ${exactTime(sql, "created_at")} AS exact_created_at FROM ingest_jobs
    WHERE tenant_id = ${tenantId} AND (${wanted.status}::text IS NULL OR job_status = ${wanted.status})
      AND (${createdAt}::text::timestamptz IS NULL OR (created_at, job_id) < (${createdAt}::text::timestamptz, ${id}::uuid))
    ORDER BY created_at DESC, job_id DESC LIMIT ${wanted.limit}`;
}

export interface ItemRow {
  /** A bigint: JSON numbers could not hold all of them. */
  item_id: string;
  source_id: string;
  source_type: string;
  external_ref: string;
  name: string | null;
  item_status: ItemStatus;
  attempt: number;
  error_code: string | null;
  error_message: string | null;
  warnings: Warning[] | null;
  document_id: string | null;
  source_version_id: string | null;
  chunks: number;
  created_at: Date;
  available_at: Date;
  finished_at: Date | null;
}

/** In the order in which they were enqueued; `after` is the id of the last item of the page before. */
export async function listItems(
  sql: Sql,
  job: { tenantId: string; jobId: string },
  wanted: { status: ItemStatus | null; limit: number; after: string | null },
): Promise<ItemRow[]> {
  return sql<ItemRow[]>`
    SELECT item_id::text, source_id, source_type, external_ref, descriptor ->> 'name' AS name, item_status, attempt, error_code, error_message,
      warnings, document_id, source_version_id, chunks, created_at, available_at, finished_at
    FROM ingest_items
    WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND (${wanted.status}::text IS NULL OR item_status = ${wanted.status})
      AND (${wanted.after}::bigint IS NULL OR item_id > ${wanted.after}::bigint)
    ORDER BY ingest_items.item_id LIMIT ${wanted.limit}`;
}
