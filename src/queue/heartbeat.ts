/**
 * Keeps leases alive and hears of cancellations. A lease that is not returned has been lost: another worker owns the row
 * now, and whatever this one still does with it will match nothing.
 */
import type { Sql } from "postgres";
import type { JobLease } from "./job.ts";

export interface ItemLease {
  tenantId: string;
  jobId: string;
  itemId: string;
  runLease: string;
}

/** Item ids that are still held, and those among them whose job was canceled. */
export async function heartbeatItems(
  sql: Sql,
  items: ItemLease[],
  leaseSeconds: number,
): Promise<{ held: Set<string>; canceled: Set<string> }> {
  const rows = await sql<{ item_id: string; canceled: boolean }[]>`
    WITH mine AS (
      SELECT i.tenant_id, i.job_id, i.item_id, j.cancel_requested_at IS NOT NULL AS canceled
      FROM unnest(${items.map((i) => i.tenantId)}::uuid[], ${items.map((i) => i.jobId)}::uuid[], ${items.map((i) => i.itemId)}::bigint[],
        ${items.map((i) => i.runLease)}::bigint[]) AS n (tenant_id, job_id, item_id, run_lease)
      JOIN ingest_items i ON i.tenant_id = n.tenant_id AND i.job_id = n.job_id AND i.item_id = n.item_id AND i.run_lease = n.run_lease
      JOIN ingest_jobs j ON j.tenant_id = n.tenant_id AND j.job_id = n.job_id
      WHERE i.item_status = 'running'
    ), free AS (
      -- Rows that a swap has locked are in good hands; waiting for them could deadlock with it.
      SELECT i.tenant_id, i.job_id, i.item_id, i.run_lease FROM ingest_items i JOIN mine USING (tenant_id, job_id, item_id)
      FOR UPDATE OF i SKIP LOCKED
    ), renewed AS (
      UPDATE ingest_items i SET leased_until = now() + make_interval(secs => ${leaseSeconds}) FROM free
      WHERE i.tenant_id = free.tenant_id AND i.job_id = free.job_id AND i.item_id = free.item_id AND i.run_lease = free.run_lease
        AND i.item_status = 'running'
    )
    SELECT item_id::text, canceled FROM mine`;
  return {
    held: new Set(rows.map((row) => row.item_id)),
    canceled: new Set(rows.filter((row) => row.canceled).map((row) => row.item_id)),
  };
}

/** Renews the lease of a listing. */
export async function heartbeatJob(
  sql: Sql,
  job: JobLease,
  leaseSeconds: number,
): Promise<"held" | "lost" | "canceled"> {
  const [row] = await sql<{ canceled: boolean }[]>`
    UPDATE ingest_jobs SET leased_until = now() + make_interval(secs => ${leaseSeconds})
    WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND run_lease = ${job.runLease}
    RETURNING cancel_requested_at IS NOT NULL AS canceled`;
  if (!row) return "lost";
  return row.canceled ? "canceled" : "held";
}
