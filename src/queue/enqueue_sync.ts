/**
 * Asks for a sync. One that still waits for its listing and was asked for in the same words serves both callers, since
 * it will see whatever the second one wants to have seen.
 */
import type { Sql, TransactionSql } from "postgres";
import { admitJob, type TenantLimits } from "../store/tenant_limits.ts";
import { enqueueJob } from "./enqueue.ts";
import type { SyncPayload } from "./job.ts";

export interface NewSync {
  tenantId: string;
  payload: SyncPayload;
  requestedBy: string;
  correlationId: string;
  /** Those of tenants that have none of their own. Without it the tenant's limits are not heeded. */
  limits?: TenantLimits;
}

export interface QueuedSync {
  jobId: string;
  /** True when it joined a job that was waiting already. */
  merged: boolean;
}

/** The job that will do what is asked: a waiting one with the same payload, or a new one. */
export const enqueueSync = (sql: Sql, sync: NewSync): Promise<QueuedSync> =>
  sql.begin(async (tx) => {
    await lockSyncs(tx, sync.tenantId);
    // Locked: whoever claims it first has begun to list, and then its status is looked at again.
    const [waiting] = await tx<{ job_id: string }[]>`
      SELECT job_id FROM ingest_jobs
      WHERE tenant_id = ${sync.tenantId} AND job_type = 'sync' AND finished_at IS NULL AND job_status = 'queued'
        AND cancel_requested_at IS NULL AND job_payload_json = ${JSON.stringify(inOrder(sync.payload))}::text::jsonb
      ORDER BY created_at LIMIT 1 FOR UPDATE`;
    if (waiting) return { jobId: waiting.job_id, merged: true };
    if (sync.limits) await admitJob(tx, sync.tenantId, sync.limits);
    return { jobId: await insertSync(tx, sync), merged: false };
  });

/** Within a transaction that holds `lockSyncs`, once it is known that a new job is needed. */
export const insertSync = (tx: TransactionSql, sync: NewSync): Promise<string> =>
  enqueueJob(tx, { ...sync, jobType: "sync", payload: inOrder(sync.payload) });

/** Until the end of the transaction, nobody else decides whether the tenant needs another sync. */
export async function lockSyncs(tx: TransactionSql, tenantId: string): Promise<void> {
  await tx`SELECT pg_advisory_xact_lock(hashtextextended(${`sluice sync ${tenantId}`}, 0))`;
}

/** Source types in any order ask for the same. */
const inOrder = (payload: SyncPayload): SyncPayload => ({ ...payload, source_types: payload.source_types.toSorted() });
