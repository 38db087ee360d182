/**
 * Cancels a job: what waits is closed at once, what runs hears of it with its next heartbeat and settles as canceled.
 * Items are locked before the job row, as in settle, so that the two cannot deadlock.
 */
import type { Sql } from "postgres";

/** False when the job is finished already. */
export async function requestCancel(sql: Sql, tenantId: string, jobId: string): Promise<boolean> {
  const rows = await sql`
    UPDATE ingest_jobs SET cancel_requested_at = coalesce(cancel_requested_at, now())
    WHERE tenant_id = ${tenantId} AND job_id = ${jobId} AND finished_at IS NULL RETURNING 1`;
  if (rows.length === 0) return false;
  await cancelQueuedItems(sql, tenantId, jobId);
  return true;
}

/** Closes the waiting items of a canceled job. Called again when a running item or the listing ends. */
export async function cancelQueuedItems(sql: Sql, tenantId: string, jobId: string): Promise<void> {
  await sql`
    WITH waiting AS (
      SELECT item_id FROM ingest_items
      WHERE tenant_id = ${tenantId} AND job_id = ${jobId} AND item_status = 'queued' FOR UPDATE SKIP LOCKED
    ), canceled AS (
      UPDATE ingest_items i SET item_status = 'canceled', finished_at = now() FROM waiting
      WHERE i.tenant_id = ${tenantId} AND i.job_id = ${jobId} AND i.item_id = waiting.item_id RETURNING 1
    )
    UPDATE ingest_jobs SET items_canceled = items_canceled + (SELECT count(*) FROM canceled), items_open = items_open - (SELECT count(*) FROM canceled)
    WHERE tenant_id = ${tenantId} AND job_id = ${jobId} AND cancel_requested_at IS NOT NULL`;
}

/** Waiting items of canceled jobs: a running item may have gone back to the queue after the cancel. */
export async function cancelLeftovers(sql: Sql): Promise<void> {
  const jobs = await sql<{ tenant_id: string; job_id: string }[]>`
    SELECT tenant_id, job_id FROM ingest_jobs
    WHERE job_status IN ('queued', 'processing', 'retrying') AND cancel_requested_at IS NOT NULL AND items_open > 0`;
  for (const job of jobs) await cancelQueuedItems(sql, job.tenant_id, job.job_id);
}
