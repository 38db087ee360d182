/**
 * Takes back what dead workers held. Expired items are settled with the very token that expired, so a rescue and a late
 * settle by the owner cannot both win. An item that has used up its attempts is quarantined: failed, with a code.
 */
import type { Sql } from "postgres";
import { type Settlement, settleItems } from "./settle.ts";

interface ExpiredRow {
  item_id: string;
  run_lease: string;
  attempt: number;
  leased_by: string | null;
}

/** Ends all leases at once: for a database that this process alone can have open, so that whoever held them is gone. */
export async function expireLeases(sql: Sql): Promise<void> {
  await sql`UPDATE ingest_items SET leased_until = now() WHERE item_status = 'running'`;
  await sql`UPDATE ingest_jobs SET leased_until = now() WHERE run_lease IS NOT NULL`;
}

/** Returns how many items and jobs were taken back. */
export async function rescueExpired(sql: Sql, attemptsMax: number): Promise<{ items: number; jobs: number }> {
  const affected = await sql<{ tenant_id: string; job_id: string }[]>`
    SELECT DISTINCT tenant_id, job_id FROM ingest_items WHERE item_status = 'running' AND leased_until < now()`;
  let items = 0;
  for (const job of affected)
    items += await rescueItems(sql, { tenantId: job.tenant_id, jobId: job.job_id }, attemptsMax);
  const jobs = await sql`
    UPDATE ingest_jobs SET
      job_status = CASE WHEN attempt < ${attemptsMax} THEN 'retrying' ELSE job_status END,
      listing = CASE WHEN attempt < ${attemptsMax} THEN listing ELSE 'incomplete' END,
      error_code = CASE WHEN attempt < ${attemptsMax} THEN 'queue.lease_expired' ELSE 'queue.attempts_exhausted' END,
      error_message = 'worker ' || leased_by || ' stopped answering while it listed the sources',
      available_at = now(), run_lease = NULL, leased_by = NULL, leased_until = NULL
    WHERE job_status = 'processing' AND run_lease IS NOT NULL AND leased_until < now() AND cancel_requested_at IS NULL
    RETURNING 1`;
  return { items, jobs: jobs.length };
}

/** In one transaction, so that no late heartbeat can renew a lease between the look at it and its end. */
async function rescueItems(sql: Sql, job: { tenantId: string; jobId: string }, attemptsMax: number): Promise<number> {
  return sql.begin(async (tx) => {
    const expired = await tx<ExpiredRow[]>`
      SELECT item_id::text, run_lease::text, attempt, leased_by FROM ingest_items
      WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND item_status = 'running' AND leased_until < now()
      -- What is locked is being swapped in, renewed or settled, by its holder or by another rescue.
      ORDER BY item_id LIMIT 1000 FOR UPDATE SKIP LOCKED`;
    if (expired.length === 0) return 0;
    return (
      await settleItems(
        tx,
        job,
        expired.map((row) => verdictOn(row, attemptsMax)),
      )
    ).settled;
  });
}

function verdictOn(row: ExpiredRow, attemptsMax: number): Settlement {
  const claim = { itemId: row.item_id, runLease: row.run_lease };
  if (row.attempt < attemptsMax)
    return {
      ...claim,
      outcome: "retry",
      errorCode: "queue.lease_expired",
      errorMessage: `worker ${row.leased_by} stopped answering`,
    };
  return {
    ...claim,
    outcome: "failed",
    errorCode: "queue.attempts_exhausted",
    errorMessage: `${row.attempt} attempts ended without an answer; the last worker was ${row.leased_by}`,
  };
}
