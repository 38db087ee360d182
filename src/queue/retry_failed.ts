/** Puts the failed items of a finished job back into the queue, and nothing else; the good ones stay as they are. */
import type { Sql } from "postgres";

/** How many items wait again; null when the job is not finished or has nothing that failed. */
export async function retryFailed(sql: Sql, tenantId: string, jobId: string): Promise<number | null> {
  const [row] = await sql<{ again: number }[]>`
    WITH job AS (
      SELECT job_id FROM ingest_jobs
      WHERE tenant_id = ${tenantId} AND job_id = ${jobId} AND job_status = 'error' AND items_failed > 0 FOR UPDATE
    ), again AS (
      UPDATE ingest_items i SET item_status = 'queued', attempt = 0, available_at = now(), finished_at = NULL
      FROM job WHERE i.tenant_id = ${tenantId} AND i.job_id = job.job_id AND i.item_status = 'failed' RETURNING 1
    )
    UPDATE ingest_jobs j SET job_status = 'processing', finished_at = NULL, error_code = NULL, error_message = NULL, drained_at = NULL,
      items_failed = items_failed - (SELECT count(*) FROM again), items_open = items_open + (SELECT count(*) FROM again)
    FROM job WHERE j.tenant_id = ${tenantId} AND j.job_id = job.job_id
    RETURNING (SELECT count(*) FROM again)::integer AS again`;
  return row?.again ?? null;
}
