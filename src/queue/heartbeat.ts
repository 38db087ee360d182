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
export async function heartbeatItems(sql: Sql, items: ItemLease[], leaseSeconds: number): Promise<{ held: Set<string>; canceled: Set<string> }> {
  const rows = await sql<{ item_id: string; canceled: boolean }[]>`
    UPDATE ingest_items i SET leased_until = now() + make_interval(secs => ${leaseSeconds})
    FROM unnest(${items.map((i) => i.tenantId)}::uuid[], ${items.map((i) => i.jobId)}::uuid[], ${items.map((i) => i.itemId)}::bigint[],
      ${items.map((i) => i.runLease)}::bigint[]) AS n (tenant_id, job_id, item_id, run_lease)
      JOIN ingest_jobs j ON j.tenant_id = n.tenant_id AND j.job_id = n.job_id
    WHERE i.tenant_id = n.tenant_id AND i.job_id = n.job_id AND i.item_id = n.item_id AND i.run_lease = n.run_lease AND i.item_status = 'running'
    RETURNING i.item_id::text, j.cancel_requested_at IS NOT NULL AS canceled`;
  return {
    held: new Set(rows.map((row) => row.item_id)),
    canceled: new Set(rows.filter((row) => row.canceled).map((row) => row.item_id)),
  };
}

export async function heartbeatJob(sql: Sql, job: JobLease, leaseSeconds: number): Promise<"held" | "lost" | "canceled"> {
  const [row] = await sql<{ canceled: boolean }[]>`
    UPDATE ingest_jobs SET leased_until = now() + make_interval(secs => ${leaseSeconds})
    WHERE tenant_id = ${job.tenantId} AND job_id = ${job.jobId} AND run_lease = ${job.runLease}
    RETURNING cancel_requested_at IS NOT NULL AS canceled`;
  if (!row) return "lost";
  return row.canceled ? "canceled" : "held";
}
