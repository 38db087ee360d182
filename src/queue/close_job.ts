/**
 * Closes jobs. A job is `done` only if its listing was complete, nothing failed, no vector is missing and the ledger
 * balances (a CHECK of the table); with failures it ends `error` and the good items stay. Safe to call at any time by
 * anybody: the statement finds only what may be closed, so a crash between two steps heals at the next look.
 */
import type { Sql } from "postgres";
import { tellWebhooks } from "../store/webhook_deliveries.ts";
import type { ClosedJob } from "./job.ts";

/**
 * Closes the given job, or without one every job that can be closed.
 * Jobs that lack only vectors are closed once they have waited `embeddingDeadlineSeconds`.
 */
export async function closeJobs(
  sql: Sql,
  options: { job?: { tenantId: string; jobId: string }; embeddingDeadlineSeconds: number },
): Promise<ClosedJob[]> {
  const only = options.job;
  await sql`
    UPDATE ingest_jobs SET drained_at = now()
    WHERE job_status = 'processing' AND listing <> 'pending' AND items_open = 0 AND vectors_pending > 0 AND drained_at IS NULL
      AND (${only?.jobId ?? null}::uuid IS NULL OR (job_id = ${only?.jobId ?? null}::uuid AND tenant_id = ${only?.tenantId ?? null}::uuid))`;
  return sql<ClosedJob[]>`
    WITH closed AS (
      UPDATE ingest_jobs j SET
        job_status = CASE
          WHEN cancel_requested_at IS NOT NULL THEN 'canceled'
          WHEN items_failed > 0 OR listing <> 'complete' OR vectors_pending > 0 THEN 'error' ELSE 'done' END,
        error_code = CASE
          WHEN cancel_requested_at IS NOT NULL THEN NULL
          WHEN listing = 'incomplete' THEN coalesce(error_code, 'LISTING_INCOMPLETE')
          WHEN items_failed > 0 THEN 'ITEMS_FAILED'
          WHEN vectors_pending > 0 THEN 'EMBEDDINGS_UNAVAILABLE' END,
        error_message = CASE
          WHEN cancel_requested_at IS NOT NULL THEN NULL
          WHEN listing = 'incomplete' THEN coalesce(error_message, 'the listing was not complete')
          WHEN items_failed > 0 THEN items_failed || ' of ' || descriptors_listed || ' sources failed; see the job''s items'
          WHEN vectors_pending > 0 THEN vectors_pending || ' chunks have no vector yet; they are found by words and will be embedded when the endpoint answers' END,
        result_json = coalesce(result_json, '{}') || jsonb_build_object(
          'descriptors_listed', descriptors_listed, 'items_fetched', items_fetched, 'items_skipped_incremental', items_skipped_incremental,
          'items_skipped', items_skipped, 'items_ingested', items_ingested, 'items_failed', items_failed, 'items_canceled', items_canceled,
          'chunks', chunks, 'vectors_embedded', vectors_embedded, 'vectors_reused', vectors_reused, 'vectors_pending', vectors_pending,
          'links', links),
        run_lease = NULL, leased_by = NULL, leased_until = NULL, finished_at = clock_timestamp()
      WHERE finished_at IS NULL AND items_open = 0
        AND (${only?.jobId ?? null}::uuid IS NULL OR (job_id = ${only?.jobId ?? null}::uuid AND tenant_id = ${only?.tenantId ?? null}::uuid))
        AND (cancel_requested_at IS NOT NULL AND (run_lease IS NULL OR leased_until < now())
          OR job_status = 'processing' AND listing <> 'pending'
            AND (vectors_pending = 0 OR drained_at < now() - make_interval(secs => ${options.embeddingDeadlineSeconds})))
      RETURNING j.*
    ), told AS (${tellWebhooks(sql)})
    SELECT tenant_id, job_id, job_type, job_status, error_code, descriptors_listed::integer, items_fetched::integer,
      items_skipped_incremental::integer, items_skipped::integer, items_ingested::integer, items_failed::integer, items_canceled::integer,
      items_open::integer, chunks::integer, vectors_embedded::integer, vectors_reused::integer, vectors_pending::integer, links::integer,
      (extract(epoch FROM finished_at - created_at) * 1000)::integer AS duration_ms
    FROM closed`;
}
