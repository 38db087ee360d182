/** How much work waits, for the metrics: read from the partial indexes over unfinished jobs, never from the whole history. */
import type { Sql } from "postgres";

export interface QueueDepth {
  jobs: Record<"queued" | "processing" | "retrying", number>;
  /** Items that are neither settled nor canceled. */
  itemsOpen: number;
  /** Chunks of unfinished jobs without a vector. */
  vectorsPending: number;
  /** Seconds that the oldest work which could be claimed has been waiting; 0 when nothing waits. */
  oldestWaitingSeconds: number;
}

interface Row {
  queued: number;
  processing: number;
  retrying: number;
  items_open: number;
  vectors_pending: number;
  oldest_waiting: number;
}

/** One statement; its cost grows with the unfinished jobs alone. */
export async function queueDepth(sql: Sql): Promise<QueueDepth> {
  const [row] = await sql<Row[]>`
    WITH active AS (
      -- In two parts, since neither partial index covers all three statuses: ingest_jobs_to_list, ingest_jobs_active.
      SELECT job_id, job_status, available_at, items_open, vectors_pending FROM ingest_jobs WHERE job_status IN ('queued', 'retrying')
      UNION ALL
      SELECT job_id, job_status, available_at, items_open, vectors_pending FROM ingest_jobs WHERE job_status = 'processing'
    ), oldest AS (
      SELECT min(available_at) AS at FROM active WHERE job_status IN ('queued', 'retrying') AND available_at <= now()
      UNION ALL
      -- One probe of ingest_items_ready for each job and lane.
      SELECT i.available_at FROM active CROSS JOIN (VALUES ('inline'), ('isolated')) AS l (lane) CROSS JOIN LATERAL (
        SELECT available_at FROM ingest_items i
        WHERE i.job_id = active.job_id AND i.lane = l.lane AND i.item_status = 'queued' AND i.available_at <= now()
        ORDER BY available_at LIMIT 1
      ) i WHERE active.items_open > 0
    )
    SELECT count(*) FILTER (WHERE job_status = 'queued')::integer AS queued,
      count(*) FILTER (WHERE job_status = 'processing')::integer AS processing,
      count(*) FILTER (WHERE job_status = 'retrying')::integer AS retrying,
      coalesce(sum(items_open), 0)::float8 AS items_open, coalesce(sum(vectors_pending), 0)::float8 AS vectors_pending,
      coalesce(extract(epoch FROM now() - (SELECT min(at) FROM oldest)), 0)::float8 AS oldest_waiting
    FROM active`;
  return {
    jobs: { queued: row?.queued ?? 0, processing: row?.processing ?? 0, retrying: row?.retrying ?? 0 },
    itemsOpen: row?.items_open ?? 0,
    vectorsPending: row?.vectors_pending ?? 0,
    oldestWaitingSeconds: row?.oldest_waiting ?? 0,
  };
}

/** Items of unfinished jobs that are not settled; one statement over the same partial indexes. */
export async function itemsOpen(sql: Sql): Promise<number> {
  const [row] = await sql<{ items_open: number }[]>`
    SELECT coalesce(sum(items_open), 0)::float8 AS items_open FROM (
      SELECT items_open FROM ingest_jobs WHERE job_status IN ('queued', 'retrying')
      UNION ALL SELECT items_open FROM ingest_jobs WHERE job_status = 'processing') AS active`;
  return row?.items_open ?? 0;
}
