/** Claims a job whose sources are still to be listed, and records how its listing ended. */
import type { Sql } from "postgres";
import type { JobLease, SyncPayload } from "./job.ts";

export interface ClaimedJob extends JobLease {
  payload: SyncPayload;
  /** Counts from 1; a snooze or a shutdown spends none. */
  attempt: number;
  /** Its listing was begun before. */
  repeated: boolean;
  correlationId: string;
}

/** Claims the job that has waited longest for its listing; null when there is none. */
export async function claimJob(
  sql: Sql,
  request: { worker: string; leaseSeconds: number },
): Promise<ClaimedJob | null> {
  const [row] = await sql<
    {
      tenant_id: string;
      job_id: string;
      run_lease: string;
      job_payload_json: SyncPayload;
      attempt: number;
      repeated: boolean;
      correlation_id: string;
    }[]
  >`
    WITH next AS (
      SELECT tenant_id, job_id, job_status = 'retrying' AS repeated FROM ingest_jobs
      WHERE job_status IN ('queued', 'retrying') AND available_at <= now() AND cancel_requested_at IS NULL AND run_lease IS NULL
      ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE ingest_jobs j SET job_status = 'processing', attempt = j.attempt + 1, run_lease = nextval('run_leases'), leased_by = ${request.worker},
      leased_until = now() + make_interval(secs => ${request.leaseSeconds}), started_at = coalesce(j.started_at, now())
    FROM next WHERE j.tenant_id = next.tenant_id AND j.job_id = next.job_id
    RETURNING j.tenant_id, j.job_id, j.run_lease::text, j.job_payload_json, j.attempt, next.repeated, j.correlation_id`;
  if (!row) return null;
  return {
    tenantId: row.tenant_id,
    jobId: row.job_id,
    runLease: row.run_lease,
    payload: row.job_payload_json,
    attempt: row.attempt,
    repeated: row.repeated,
    correlationId: row.correlation_id,
  };
}

/**
 * Before a listing is repeated: what the last attempt counted without leaving an item is counted again by the new one,
 * so the counters go back to what the items say.
 */
export async function restartListing(sql: Sql, job: JobLease): Promise<void> {
  await sql`
    WITH kept AS (
      SELECT count(*) AS items, count(*) FILTER (WHERE item_status = 'unchanged') AS unchanged
      FROM ingest_items WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId}
    )
    UPDATE ingest_jobs SET descriptors_listed = kept.items, items_skipped_incremental = kept.unchanged
    FROM kept WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND run_lease = ${job.runLease}`;
}

/** What a listing says of itself when it ends; becomes part of result_json. */
export interface ListingResult {
  complete: boolean;
  errorCode: string | null;
  errorMessage: string | null;
  /** Per connection: what was listed, ignored and tombstoned. */
  summary: Record<string, unknown>;
}

/** Ends the listing and gives the job's lease back. False when the lease was lost. */
export async function finishListing(sql: Sql, job: JobLease, result: ListingResult): Promise<boolean> {
  const rows = await sql`
    UPDATE ingest_jobs SET listing = ${result.complete ? "complete" : "incomplete"}, listed_at = now(),
      run_lease = NULL, leased_by = NULL, leased_until = NULL,
      result_json = ${JSON.stringify(result.summary)}::text::jsonb, error_code = ${result.errorCode}, error_message = ${result.errorMessage}
    WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND run_lease = ${job.runLease} AND finished_at IS NULL
    RETURNING 1`;
  return rows.length > 0;
}

/** Gives a job back to be listed again at `availableAt`; a snooze or a shutdown spends no attempt. */
export async function releaseJob(
  sql: Sql,
  job: JobLease,
  release: { delayMs: number; spendAttempt: boolean; errorCode: string | null; errorMessage: string | null },
): Promise<void> {
  await sql`
    UPDATE ingest_jobs SET job_status = 'retrying', run_lease = NULL, leased_by = NULL, leased_until = NULL,
      attempt = attempt - ${release.spendAttempt ? 0 : 1}, available_at = now() + make_interval(secs => ${release.delayMs / 1000}),
      error_code = ${release.errorCode}, error_message = ${release.errorMessage}
    WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND run_lease = ${job.runLease}`;
}
