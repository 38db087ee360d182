/**
 * What a tenant may use at most: unfinished jobs, items in the queue, bytes uploaded in a day, requests in a minute. The
 * installation has a default for each, a tenant may have its own. What several processes must agree on is counted in the
 * transaction that adds the work, under a lock of the tenant; tenants without limits cost one look at their row.
 */
import type { Sql, TransactionSql } from "postgres";
import { InputError, SnoozeError } from "../errors.ts";

export const LIMIT_NAMES = ["open_jobs", "queued_items", "upload_bytes_per_day", "requests_per_minute"] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];
/** Null: no limit. */
export type TenantLimits = Record<LimitName, number | null>;
/** A tenant's own; where one is missing, the installation's default holds. */
export type OwnLimits = Partial<TenantLimits>;

/** When there may be room again, where nobody knows. */
const BACK_AFTER_MS = 30_000;

/** Sets a tenant's own limits, all of them anew. False when there is no such tenant. */
export async function setLimits(sql: Sql, tenantId: string, limits: OwnLimits): Promise<boolean> {
  const rows = await sql`
    UPDATE tenants SET limits = ${JSON.stringify(limits)}::text::jsonb WHERE tenant_id = ${tenantId} RETURNING 1`;
  return rows.length > 0;
}

/**
 * Lets one more job in, and `bytes` of uploads with it; before the job is inserted, in its transaction. Throws SnoozeError
 * `tenant.too_many_jobs`, `tenant.queue_full`, `tenant.upload_quota`, InputError `tenant.upload_too_large`.
 */
export async function admitJob(tx: TransactionSql, tenantId: string, defaults: TenantLimits, bytes = 0): Promise<void> {
  const limits = await limitsOf(tx, tenantId, defaults);
  const quota = bytes > 0 ? limits.upload_bytes_per_day : null;
  if (limits.open_jobs === null && limits.queued_items === null && quota === null) return;
  // Of two that take the last place at once, one must see the other.
  await tx`SELECT pg_advisory_xact_lock(hashtextextended(${`sluice limits ${tenantId}`}, 0))`;
  const [used] = await tx<{ jobs: number; items: number }[]>`
    SELECT count(*)::integer AS jobs, coalesce(sum(items_open), 0)::float8 AS items FROM ingest_jobs
    WHERE tenant_id = ${tenantId} AND finished_at IS NULL`;
  const { jobs = 0, items = 0 } = used ?? {};
  if (limits.open_jobs !== null && jobs >= limits.open_jobs)
    throw refused("tenant.too_many_jobs", `The tenant has ${jobs} unfinished jobs`, limits.open_jobs);
  if (limits.queued_items !== null && items >= limits.queued_items)
    throw refused("tenant.queue_full", `The tenant has ${items} items in the queue`, limits.queued_items);
  if (quota !== null) await countUpload(tx, tenantId, bytes, quota);
}

/** Before the bytes are taken in: whether that many could be accepted now. Throws as `admitJob` does for uploads. */
export async function requireUploadRoom(
  sql: Sql,
  tenantId: string,
  defaults: TenantLimits,
  bytes: number,
): Promise<void> {
  const quota = (await limitsOf(sql, tenantId, defaults)).upload_bytes_per_day;
  if (quota === null) return;
  requireFitting(bytes, quota);
  const { used, seconds } = await uploadedToday(sql, tenantId);
  if (used + bytes > quota) throw quotaSpent(used, quota, seconds);
}

async function countUpload(tx: TransactionSql, tenantId: string, bytes: number, quota: number): Promise<void> {
  requireFitting(bytes, quota);
  const counted = await tx`
    INSERT INTO upload_usage AS u (tenant_id, day, bytes) VALUES (${tenantId}, (now() AT TIME ZONE 'UTC')::date, ${bytes})
    ON CONFLICT (tenant_id, day) DO UPDATE SET bytes = u.bytes + excluded.bytes WHERE u.bytes + excluded.bytes <= ${quota}
    RETURNING 1`;
  if (counted.length > 0) return;
  const { used, seconds } = await uploadedToday(tx, tenantId);
  throw quotaSpent(used, quota, seconds);
}

/** Bytes, and seconds until the next day of UTC begins. */
async function uploadedToday(sql: Sql | TransactionSql, tenantId: string): Promise<{ used: number; seconds: number }> {
  const [row] = await sql<{ used: number; seconds: number }[]>`
    SELECT coalesce((SELECT bytes FROM upload_usage WHERE tenant_id = ${tenantId} AND day = (now() AT TIME ZONE 'UTC')::date), 0)::float8 AS used,
      86400 - extract(epoch FROM now() AT TIME ZONE 'UTC' - (now() AT TIME ZONE 'UTC')::date)::float8 AS seconds`;
  return row!;
}

async function limitsOf(sql: Sql | TransactionSql, tenantId: string, defaults: TenantLimits): Promise<TenantLimits> {
  const [row] = await sql<{ limits: OwnLimits }[]>`SELECT limits FROM tenants WHERE tenant_id = ${tenantId}`;
  return { ...defaults, ...row?.limits };
}

function requireFitting(bytes: number, quota: number): void {
  if (bytes > quota)
    throw new InputError("tenant.upload_too_large", `${bytes} bytes are more than the tenant may upload in a day`, {
      limit: quota,
    });
}

const quotaSpent = (used: number, limit: number, seconds: number): SnoozeError =>
  new SnoozeError(
    "tenant.upload_quota",
    `The tenant has uploaded ${used} bytes today`,
    new Date(Date.now() + seconds * 1000),
    { limit },
  );

const refused = (code: "tenant.too_many_jobs" | "tenant.queue_full", message: string, limit: number): SnoozeError =>
  new SnoozeError(code, message, new Date(Date.now() + BACK_AFTER_MS), { limit });
