/** Puts work into the queue: a job, and the items that its listing found changed. */
import type { Sql, TransactionSql } from "postgres";
import type { ErrorData } from "../errors.ts";
import { meter } from "../metrics_meter.ts";
import type { JobType, Lane, SyncPayload } from "./job.ts";

export interface NewJob {
  tenantId: string;
  jobType: JobType;
  payload: SyncPayload | Record<string, unknown>;
  requestedBy: string;
  correlationId: string;
}

/** A descriptor that needs work, with the id of its source. */
export interface NewItem {
  sourceId: string;
  connectionId: string | null;
  sourceType: string;
  externalRef: string;
  /** JSON text of the descriptor. */
  descriptor: string;
  lane: Lane;
  /** Set for entries that could not even be listed: they enter the ledger as failed. */
  failure?: Pick<ErrorData, "code" | "message">;
  /** The failure is an old one that stands (see quarantine.ts). */
  quarantined?: boolean;
}

/** Inserts a job and returns its id. Sync jobs start with their listing; upload jobs have none and start processing. */
export async function enqueueJob(sql: Sql | TransactionSql, job: NewJob): Promise<string> {
  const jobId = Bun.randomUUIDv7();
  const listed = job.jobType === "upload";
  await sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_status, listing, job_payload_json, requested_by, correlation_id, started_at, listed_at)
    VALUES (${job.tenantId}, ${jobId}, ${job.jobType}, ${listed ? "processing" : "queued"}, ${listed ? "complete" : "pending"},
      ${JSON.stringify(job.payload)}::text::jsonb, ${job.requestedBy}, ${job.correlationId},
      ${listed ? sql`now()` : null}, ${listed ? sql`now()` : null})`;
  return jobId;
}

/**
 * Adds items to a job and counts them, together with `unchanged` descriptors that need no item, in one statement.
 * Sources that the job already has are passed over, so a listing may be repeated. Returns how many were new.
 * Nothing happens (returns null) when the job was canceled or, with a lease, when that was lost.
 */
export async function enqueueItems(
  sql: Sql | TransactionSql,
  job: { tenantId: string; jobId: string; runLease?: string },
  items: NewItem[],
  unchanged: number,
): Promise<number | null> {
  const failed = (item: NewItem): boolean => item.failure !== undefined;
  const [row] = await sql<{ inserted: number }[]>`
    WITH held AS (
      SELECT job_id FROM ingest_jobs
      WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND finished_at IS NULL AND cancel_requested_at IS NULL
        AND (${job.runLease ?? null}::bigint IS NULL OR run_lease = ${job.runLease ?? null}::bigint)
      FOR UPDATE
    ), added AS (
      INSERT INTO ingest_items (tenant_id, job_id, source_id, connection_id, source_type, external_ref, descriptor, lane,
        item_status, error_code, error_message, finished_at)
      SELECT ${job.tenantId}::uuid, held.job_id, n.source_id, n.connection_id, n.source_type, n.external_ref, n.descriptor::jsonb, n.lane,
        CASE WHEN n.error_code = '' THEN 'queued' ELSE 'failed' END, nullif(n.error_code, ''), nullif(n.error_message, ''),
        CASE WHEN n.error_code = '' THEN NULL ELSE now() END
      FROM held, unnest(
        ${items.map((i) => i.sourceId)}::uuid[], ${items.map((i) => i.connectionId)}::uuid[], ${items.map((i) => i.sourceType)}::text[],
        ${items.map((i) => i.externalRef)}::text[], ${items.map((i) => i.descriptor)}::text[], ${items.map((i) => i.lane)}::text[],
        ${items.map((i) => i.failure?.code ?? "")}::text[], ${items.map((i) => i.failure?.message ?? "")}::text[]
      ) AS n (source_id, connection_id, source_type, external_ref, descriptor, lane, error_code, error_message)
      ON CONFLICT (tenant_id, job_id, source_id) DO NOTHING
      RETURNING item_status
    ), counts AS (
      SELECT count(*) AS inserted, count(*) FILTER (WHERE item_status = 'failed') AS failed FROM added
    )
    UPDATE ingest_jobs j SET
      descriptors_listed = descriptors_listed + ${unchanged}::bigint + counts.inserted,
      items_skipped_incremental = items_skipped_incremental + ${unchanged}::bigint,
      items_failed = items_failed + counts.failed,
      items_open = items_open + counts.inserted - counts.failed
    FROM held, counts
    WHERE j.tenant_id = ${job.tenantId} AND j.job_id = held.job_id
    RETURNING counts.inserted::integer AS inserted`;
  if (!row) return null;
  meter.count("sluice_items_unchanged_total", unchanged);
  for (const { failure } of items.filter(failed)) meter.count("sluice_items_settled_total", 1, "failed", failure!.code);
  const unlisted = items.filter((item) => failed(item) && !item.quarantined);
  if (unlisted.length > 0) await recordListingFailures(sql, job.tenantId, unlisted);
  return row.inserted;
}

/** The next sync must not take a source that could not be listed for unchanged. */
async function recordListingFailures(sql: Sql | TransactionSql, tenantId: string, items: NewItem[]): Promise<void> {
  await sql`
    UPDATE source_sync_state s SET last_status = 'failed', error_code = n.code, error_message = n.message, last_synced_at = now(),
      failed_under = NULL
    FROM unnest(${items.map((i) => i.sourceType)}::text[], ${items.map((i) => i.externalRef)}::text[],
      ${items.map((i) => i.failure?.code ?? "")}::text[], ${items.map((i) => i.failure?.message ?? "")}::text[]) AS n (source_type, external_ref, code, message)
    WHERE s.tenant_id = ${tenantId} AND s.source_type = n.source_type AND s.external_ref = n.external_ref`;
}
