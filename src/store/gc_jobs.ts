/** Retention of jobs: a finished job goes with all of its items or not at all, so that its ledger is true while it is there. */
import type { Sql } from "postgres";

/** In one statement; a job may have a million items, which go with it. */
const JOBS_AT_ONCE = 20;

/** Deletes jobs that finished more than `days` ago; with `dryRun` only counts them. */
export async function deleteOldJobs(sql: Sql, days: number, dryRun: boolean): Promise<{ jobs: number; items: number }> {
  const total = { jobs: 0, items: 0 };
  if (dryRun) {
    const [row] = await sql<{ jobs: number; items: number }[]>`
      SELECT count(DISTINCT j.job_id)::float8 AS jobs, count(i.item_id)::float8 AS items
      FROM ingest_jobs j LEFT JOIN ingest_items i ON i.tenant_id = j.tenant_id AND i.job_id = j.job_id
      WHERE j.finished_at < now() - make_interval(days => ${days})`;
    return row ?? total;
  }
  for (;;) {
    const rows = await sql.begin(async (tx) => {
      // The items of a very large job take longer than a statement of the service may.
      await tx`SELECT set_config('statement_timeout', '0', true)`;
      return tx<{ items: number }[]>`
        WITH due AS (
          SELECT tenant_id, job_id FROM ingest_jobs WHERE finished_at < now() - make_interval(days => ${days})
          ORDER BY finished_at LIMIT ${JOBS_AT_ONCE} FOR UPDATE SKIP LOCKED
        ), counted AS (
          SELECT count(*)::float8 AS items FROM ingest_items i JOIN due USING (tenant_id, job_id)
        )
        DELETE FROM ingest_jobs j USING due, counted
        WHERE j.tenant_id = due.tenant_id AND j.job_id = due.job_id RETURNING counted.items`;
    });
    total.jobs += rows.length;
    total.items += rows[0]?.items ?? 0;
    if (rows.length < JOBS_AT_ONCE) return total;
  }
}
