/**
 * Settles claimed items: their outcome, the job's counters and the sync state change in one statement, guarded by the
 * fencing token of each claim. What a zombie presents matches nothing and changes nothing.
 */
import type { Sql, TransactionSql } from "postgres";
import type { Warning } from "../convert/converted.ts";
import { meter } from "../metrics_meter.ts";

/** How an item ended. `retry` and `release` put it back; the others close it. */
export interface Settlement {
  itemId: string;
  runLease: string;
  outcome: "ingested" | "unchanged" | "skipped" | "failed" | "canceled" | "retry" | "release";
  /** With retry and release: wait so long before the next claim. */
  delayMs?: number;
  fetched?: boolean;
  errorCode?: string;
  errorMessage?: string;
  warnings?: Warning[];
  documentId?: string;
  sourceVersionId?: string;
  chunks?: number;
  vectorsEmbedded?: number;
  vectorsReused?: number;
  vectorsPending?: number;
  links?: number;
  /** The failure is the document's own, under this (see quarantine.ts). */
  failedUnder?: string | undefined;
}

const MESSAGE_MAX = 2000;
/** Postgres text holds no NUL, and messages quote hostile input. */
const clean = (message: string | undefined): string => (message ?? "").replaceAll("\0", "�").slice(0, MESSAGE_MAX);

/**
 * Settles items of one job. Returns how many were settled (fewer than given: some claims were lost) and whether the
 * job has open items left.
 */
export async function settleItems(
  sql: Sql | TransactionSql,
  job: { tenantId: string; jobId: string },
  settlements: Settlement[],
): Promise<{ settled: number; itemsOpen: number }> {
  const s = settlements;
  const [row] = await sql<{ settled: number; items_open: number }[]>`
    WITH input AS (
      SELECT * FROM unnest(
        ${s.map((x) => x.itemId)}::bigint[], ${s.map((x) => x.runLease)}::bigint[], ${s.map((x) => x.outcome)}::text[],
        ${s.map((x) => (x.delayMs ?? 0) / 1000)}::float8[], ${s.map((x) => Number(x.fetched ?? false))}::integer[],
        ${s.map((x) => x.errorCode ?? "")}::text[], ${s.map((x) => clean(x.errorMessage))}::text[],
        ${s.map((x) => (x.warnings?.length ? JSON.stringify(x.warnings).replaceAll("\\u0000", "�") : ""))}::text[],
        ${s.map((x) => x.documentId ?? null)}::uuid[], ${s.map((x) => x.sourceVersionId ?? null)}::uuid[],
        ${s.map((x) => x.chunks ?? 0)}::integer[], ${s.map((x) => x.vectorsEmbedded ?? 0)}::integer[],
        ${s.map((x) => x.vectorsReused ?? 0)}::integer[], ${s.map((x) => x.vectorsPending ?? 0)}::integer[], ${s.map((x) => x.links ?? 0)}::integer[],
        ${s.map((x) => x.failedUnder ?? "")}::text[]
      ) AS t (item_id, run_lease, outcome, delay, fetched, error_code, error_message, warnings, document_id, source_version_id,
              chunks, vectors_embedded, vectors_reused, vectors_pending, links, failed_under)
    ), settled AS (
      UPDATE ingest_items i SET
        item_status = CASE WHEN n.outcome IN ('retry', 'release') THEN 'queued' ELSE n.outcome END,
        attempt = i.attempt - CASE WHEN n.outcome = 'release' THEN 1 ELSE 0 END,
        available_at = CASE WHEN n.outcome IN ('retry', 'release') THEN now() + make_interval(secs => n.delay) ELSE i.available_at END,
        finished_at = CASE WHEN n.outcome IN ('retry', 'release') THEN NULL ELSE now() END,
        -- Its worker died of it, perhaps: from now on it is converted where it can harm nobody.
        lane = CASE WHEN n.error_code = 'queue.lease_expired' THEN 'isolated' ELSE i.lane END,
        run_lease = NULL, leased_by = NULL, leased_until = NULL,
        fetched = i.fetched OR n.fetched = 1,
        error_code = nullif(n.error_code, ''), error_message = nullif(n.error_message, ''), warnings = nullif(n.warnings, '')::jsonb,
        document_id = n.document_id, source_version_id = n.source_version_id, chunks = n.chunks, vectors_pending = n.vectors_pending
      FROM input n
      WHERE i.tenant_id = ${job.tenantId} AND i.job_id = ${job.jobId} AND i.item_id = n.item_id
        AND i.run_lease = n.run_lease AND i.item_status = 'running'
      RETURNING i.item_id, i.source_type, i.external_ref, i.source_id, i.connection_id, i.descriptor, i.error_code, i.error_message,
        n.outcome, i.fetched, n.chunks, n.vectors_embedded, n.vectors_reused, n.vectors_pending, n.links, n.failed_under
    ), counts AS (
      SELECT count(*) AS settled,
        count(*) FILTER (WHERE outcome = 'ingested') AS ingested, count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
        count(*) FILTER (WHERE outcome = 'skipped') AS skipped, count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome = 'canceled') AS canceled, count(*) FILTER (WHERE fetched AND outcome NOT IN ('retry', 'release')) AS fetched,
        count(*) FILTER (WHERE outcome NOT IN ('retry', 'release')) AS closed,
        coalesce(sum(chunks), 0) AS chunks, coalesce(sum(vectors_embedded), 0) AS vectors_embedded,
        coalesce(sum(vectors_reused), 0) AS vectors_reused, coalesce(sum(vectors_pending), 0) AS vectors_pending, coalesce(sum(links), 0) AS links
      FROM settled
    ), remembered AS (
      -- Ingested items wrote their sync state when they were swapped in.
      INSERT INTO source_sync_state AS st (tenant_id, source_type, external_ref, source_id, connection_id, fingerprint,
        last_seen_modified_at, last_status, error_code, error_message, failed_under, failed_times)
      SELECT ${job.tenantId}::uuid, source_type, external_ref, source_id, connection_id, descriptor ->> 'fingerprint',
        (descriptor ->> 'modifiedAt')::timestamptz, outcome, error_code, error_message,
        nullif(failed_under, ''), CASE WHEN failed_under = '' THEN 0 ELSE 1 END
      FROM settled WHERE outcome IN ('unchanged', 'skipped', 'failed') AND descriptor ? 'fingerprint'
      ON CONFLICT (tenant_id, source_type, external_ref) DO UPDATE SET
        fingerprint = excluded.fingerprint, last_seen_modified_at = excluded.last_seen_modified_at, connection_id = excluded.connection_id,
        last_synced_at = now(), last_status = excluded.last_status, error_code = excluded.error_code, error_message = excluded.error_message,
        failed_under = excluded.failed_under,
        failed_times = CASE WHEN (st.fingerprint, st.failed_under) = (excluded.fingerprint, excluded.failed_under) THEN st.failed_times + 1
          ELSE excluded.failed_times END
    )
    UPDATE ingest_jobs j SET
      items_ingested = items_ingested + c.ingested, items_skipped_incremental = items_skipped_incremental + c.unchanged,
      items_skipped = items_skipped + c.skipped, items_failed = items_failed + c.failed, items_canceled = items_canceled + c.canceled,
      items_fetched = items_fetched + c.fetched, items_open = items_open - c.closed, chunks = j.chunks + c.chunks,
      vectors_embedded = j.vectors_embedded + c.vectors_embedded, vectors_reused = j.vectors_reused + c.vectors_reused,
      vectors_pending = j.vectors_pending + c.vectors_pending, links = j.links + c.links
    FROM counts c WHERE j.tenant_id = ${job.tenantId} AND j.job_id = ${job.jobId}
    RETURNING c.settled::integer AS settled, j.items_open::integer AS items_open`;
  if (row?.settled === s.length) for (const settlement of s) measure(settlement);
  else meter.count("sluice_items_settled_total", row?.settled ?? 0, "unknown", "");
  return { settled: row?.settled ?? 0, itemsOpen: row?.items_open ?? 0 };
}

function measure({ outcome, errorCode, chunks, vectorsReused }: Settlement): void {
  meter.count("sluice_items_settled_total", 1, outcome, errorCode ?? "");
  meter.count("sluice_chunks_total", chunks ?? 0);
  meter.count("sluice_vectors_total", vectorsReused ?? 0, "reused");
}
