/** Invariants of jobs and items: the ledger balances, nothing is stuck, nothing is held by nobody. */
import type { Sql } from "postgres";
import { rescueExpired } from "../queue/rescue.ts";
import type { Invariant } from "./fsck_invariants.ts";

/** Any working process takes an expired lease back within seconds. */
const ABANDONED = "interval '10 minutes'";
/** Longer than any lease, backoff or Retry-After: only a clock that was set back leaves such times behind. */
const NEVER = "interval '1 day'";

/** What the rows of items say about each job. */
const COUNTED = `
  SELECT tenant_id, job_id, count(*) AS items,
    count(*) FILTER (WHERE item_status = 'ingested') AS ingested, count(*) FILTER (WHERE item_status = 'unchanged') AS unchanged,
    count(*) FILTER (WHERE item_status = 'skipped') AS skipped, count(*) FILTER (WHERE item_status = 'failed') AS failed,
    count(*) FILTER (WHERE item_status = 'canceled') AS canceled, count(*) FILTER (WHERE item_status IN ('queued', 'running')) AS open,
    count(*) FILTER (WHERE fetched AND finished_at IS NOT NULL) AS fetched, sum(vectors_pending) AS vectors_pending
  FROM ingest_items GROUP BY tenant_id, job_id`;

/** Jobs whose counters differ from that. Unchanged descriptors need no item, and a retried item is fetched again. */
const MISCOUNTED = `
  SELECT j.tenant_id, j.job_id, j.job_id::text AS id FROM ingest_jobs j LEFT JOIN (${COUNTED}) c USING (tenant_id, job_id)
  WHERE (j.items_ingested, j.items_skipped, j.items_failed, j.items_canceled, j.items_open, j.vectors_pending)
      IS DISTINCT FROM (coalesce(c.ingested, 0), coalesce(c.skipped, 0), coalesce(c.failed, 0), coalesce(c.canceled, 0),
        coalesce(c.open, 0), coalesce(c.vectors_pending, 0))
    OR j.items_skipped_incremental < coalesce(c.unchanged, 0) OR j.items_fetched < coalesce(c.fetched, 0)
    OR j.descriptors_listed <> j.items_ingested + j.items_skipped_incremental + j.items_skipped + j.items_failed + j.items_canceled + j.items_open`;

/** Counts again, with the job rows locked first: who settles or enqueues meanwhile adds to the new numbers. */
async function recount(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    const jobs = await tx.unsafe<{ job_id: string }[]>(
      `SELECT job_id FROM ingest_jobs WHERE job_id IN (SELECT job_id FROM (${MISCOUNTED}) m) ORDER BY job_id FOR UPDATE`,
    );
    await tx.unsafe(
      `
      UPDATE ingest_jobs j SET items_ingested = c.ingested, items_skipped = c.skipped, items_failed = c.failed, items_canceled = c.canceled,
        items_open = c.open, vectors_pending = c.vectors_pending, items_skipped_incremental = c.incremental,
        items_fetched = greatest(j.items_fetched, c.fetched),
        descriptors_listed = c.ingested + c.skipped + c.failed + c.canceled + c.open + c.incremental,
        job_status = CASE WHEN c.open > 0 AND j.finished_at IS NOT NULL THEN 'processing'
          WHEN j.job_status = 'done' AND (c.failed > 0 OR c.vectors_pending > 0) THEN 'error' ELSE j.job_status END,
        error_code = CASE WHEN c.open > 0 AND j.finished_at IS NOT NULL THEN NULL
          WHEN j.job_status = 'done' AND c.failed > 0 THEN 'ITEMS_FAILED'
          WHEN j.job_status = 'done' AND c.vectors_pending > 0 THEN 'EMBEDDINGS_UNAVAILABLE' ELSE j.error_code END,
        finished_at = CASE WHEN c.open > 0 THEN NULL ELSE j.finished_at END
      FROM (
        SELECT k.tenant_id, k.job_id, coalesce(ingested, 0) AS ingested, coalesce(skipped, 0) AS skipped, coalesce(failed, 0) AS failed,
          coalesce(canceled, 0) AS canceled, coalesce(open, 0) AS open, coalesce(fetched, 0) AS fetched,
          coalesce(n.vectors_pending, 0) AS vectors_pending, greatest(k.items_skipped_incremental, coalesce(unchanged, 0)) AS incremental
        FROM ingest_jobs k LEFT JOIN (${COUNTED}) n USING (tenant_id, job_id)
      ) c
      WHERE j.tenant_id = c.tenant_id AND j.job_id = c.job_id AND j.job_id = ANY ($1::uuid[])`,
      [jobs.map((job) => job.job_id)],
    );
  });
}

/** In all of these cases no statement of the queue finds the job any more. */
const STUCK = `
  SELECT tenant_id, job_id, job_id::text AS id FROM ingest_jobs
  WHERE finished_at IS NULL AND (
      job_status = 'processing' AND listing = 'pending' AND run_lease IS NULL AND cancel_requested_at IS NULL
      OR job_status IN ('queued', 'retrying') AND run_lease IS NOT NULL)
    OR finished_at IS NOT NULL AND job_status NOT IN ('done', 'error', 'canceled')`;

const ABANDONED_ITEMS = `
  SELECT job_id || '/' || item_id AS id FROM ingest_items
  WHERE item_status = 'running' AND (leased_by IS NULL OR leased_until < now() - ${ABANDONED})
  UNION ALL
  SELECT job_id::text FROM ingest_jobs
  WHERE run_lease IS NOT NULL AND (leased_by IS NULL OR leased_until < now() - ${ABANDONED})`;

const UNREACHABLE_TIMES = `
  SELECT 'item ' || job_id || '/' || item_id AS id FROM ingest_items
  WHERE item_status = 'queued' AND available_at > now() + ${NEVER} OR item_status = 'running' AND leased_until > now() + ${NEVER}
  UNION ALL
  SELECT 'job ' || job_id FROM ingest_jobs
  WHERE finished_at IS NULL AND (available_at > now() + ${NEVER} OR leased_until > now() + ${NEVER})
  UNION ALL
  SELECT 'document ' || document_id FROM documents WHERE vectors_pending > 0 AND embed_after > now() + ${NEVER}`;

async function bringNear(sql: Sql): Promise<void> {
  await sql.unsafe(`
    UPDATE ingest_items SET available_at = least(available_at, now()), leased_until = CASE WHEN leased_until > now() THEN now() ELSE leased_until END
    WHERE item_status = 'queued' AND available_at > now() + ${NEVER} OR item_status = 'running' AND leased_until > now() + ${NEVER}`);
  await sql.unsafe(`
    UPDATE ingest_jobs SET available_at = least(available_at, now()), leased_until = CASE WHEN leased_until > now() THEN now() ELSE leased_until END
    WHERE finished_at IS NULL AND (available_at > now() + ${NEVER} OR leased_until > now() + ${NEVER})`);
  await sql.unsafe(
    `UPDATE documents SET embed_after = now() WHERE vectors_pending > 0 AND embed_after > now() + ${NEVER}`,
  );
}

export const QUEUE_INVARIANTS: readonly Invariant[] = [
  {
    name: "ledgers_balance",
    sentence: "the counters of every job say what the rows of its items say",
    broken: MISCOUNTED,
    repair: {
      because: "counts the items again; a finished job that still has open items is opened, so that they get done",
      run: recount,
    },
  },
  {
    name: "finished_jobs_are_closed",
    sentence: "no finished job has open items",
    broken: `
      SELECT i.job_id || '/' || i.item_id AS id FROM ingest_items i JOIN ingest_jobs j USING (tenant_id, job_id)
      WHERE i.item_status IN ('queued', 'running') AND j.finished_at IS NOT NULL`,
    repair: {
      because: "opens the job again, so that its items get done; every step of an item may be repeated",
      run: recount,
    },
  },
  {
    name: "jobs_can_go_on",
    sentence: "every unfinished job can be claimed, or is held by a worker",
    broken: STUCK,
    repair: {
      because: "puts the job back into the queue; a listing may be repeated",
      run: (sql) =>
        sql.unsafe(`
          UPDATE ingest_jobs j SET job_status = CASE WHEN listing = 'pending' THEN 'retrying' ELSE 'processing' END, available_at = now(),
            run_lease = NULL, leased_by = NULL, leased_until = NULL, finished_at = NULL
          FROM (${STUCK}) s WHERE j.tenant_id = s.tenant_id AND j.job_id = s.job_id`),
    },
  },
  {
    name: "leases_are_alive",
    sentence: "nothing is leased to nobody, or past its lease for ten minutes",
    broken: ABANDONED_ITEMS,
    repair: {
      because: "takes the work back as any running process would; the token that ended settles nothing any more",
      run: (sql, { attemptsMax }) => rescueExpired(sql, attemptsMax),
    },
  },
  {
    name: "leases_are_unique",
    sentence: "no two claims hold the same token",
    broken: `
      SELECT 'token ' || run_lease AS id FROM (
        SELECT run_lease FROM ingest_items WHERE run_lease IS NOT NULL UNION ALL SELECT run_lease FROM ingest_jobs WHERE run_lease IS NOT NULL
      ) held GROUP BY run_lease HAVING count(*) > 1`,
    help: "The sequence run_leases was set back, e.g. by a partial restore: stop all processes and set it above every token.",
  },
  {
    name: "waits_end",
    sentence: "no open work waits for a time more than a day ahead",
    broken: UNREACHABLE_TIMES,
    repair: { because: "lets it be tried now, which is only sooner than it was to be", run: bringNear },
  },
];
