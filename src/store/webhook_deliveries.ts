/**
 * What webhooks are told, at least once: a delivery is written by the very statement that closes its job, claimed under a
 * lease like any other work, and ends delivered or failed, where everybody can see it.
 */
import type { Sql } from "postgres";
import { exactTime, type NewestPosition } from "./jobs.ts";
import { listsConnection } from "./schedules.ts";

export const DELIVERY_STATUSES = ["pending", "delivered", "failed"] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** Finished deliveries are shown for so long. */
const KEPT_DAYS = 30;

/** For the statement that closes jobs: one delivery for each job of `closed` and each webhook that is to hear of it. */
export const tellWebhooks = (sql: Sql) => sql`
  INSERT INTO webhook_deliveries (tenant_id, webhook_id, job_id, job)
  SELECT w.tenant_id, w.webhook_id, j.job_id, jsonb_build_object(
    'job_id', j.job_id, 'job_type', j.job_type, 'job_status', j.job_status, 'connection_id', j.job_payload_json -> 'connection_id',
    'error_code', j.error_code, 'error_message', j.error_message, 'requested_by', j.requested_by, 'correlation_id', j.correlation_id,
    'created_at', ${inUtc(sql, "created_at")}, 'finished_at', ${inUtc(sql, "finished_at")},
    'descriptors_listed', j.descriptors_listed, 'items_fetched', j.items_fetched, 'items_ingested', j.items_ingested,
    'items_skipped_incremental', j.items_skipped_incremental, 'items_skipped', j.items_skipped, 'items_failed', j.items_failed,
    'items_canceled', j.items_canceled)
  FROM closed j JOIN webhooks w ON w.tenant_id = j.tenant_id
    LEFT JOIN connections c ON c.tenant_id = w.tenant_id AND c.connection_id = w.connection_id
  WHERE w.connection_id IS NULL OR ${listsConnection(sql)}`;

const inUtc = (sql: Sql, column: string) =>
  sql`to_char(j.${sql(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** A delivery to be made now, and the claim that settling it must present. */
export interface ClaimedDelivery {
  tenant_id: string;
  webhook_id: string;
  delivery_id: string;
  run_lease: string;
  /** Counts from 1. */
  attempt: number;
  job: Record<string, unknown>;
  url: string;
  secret: Uint8Array;
}

/** One due delivery of each webhook at most, so that a receiver that hangs keeps only its own waiting. */
export async function claimDeliveries(
  sql: Sql,
  request: { limit: number; leaseSeconds: number },
): Promise<ClaimedDelivery[]> {
  return sql<ClaimedDelivery[]>`
    WITH next AS (
      SELECT d.*, w.url, w.secret FROM webhooks w CROSS JOIN LATERAL (
        SELECT tenant_id, webhook_id, delivery_id FROM webhook_deliveries d
        WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id AND delivery_status = 'pending' AND available_at <= now()
          AND (leased_until IS NULL OR leased_until < now())
        ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED) d
      LIMIT ${request.limit}
    )
    UPDATE webhook_deliveries d SET attempt = d.attempt + 1, run_lease = nextval('run_leases'),
      leased_until = now() + make_interval(secs => ${request.leaseSeconds})
    FROM next WHERE (d.tenant_id, d.webhook_id, d.delivery_id) = (next.tenant_id, next.webhook_id, next.delivery_id)
    RETURNING d.tenant_id, d.webhook_id, d.delivery_id, d.run_lease::text, d.attempt, d.job, next.url, next.secret`;
}

/** How an attempt went; `retryMs` is null when there is no further one. */
export interface Attempted {
  ok: boolean;
  status: number | null;
  code: string | null;
  message: string | null;
  retryMs: number | null;
}

/** False when the claim was lost, then nothing changes. */
export async function settleDelivery(sql: Sql, claim: ClaimedDelivery, attempted: Attempted): Promise<boolean> {
  const { ok, status, code, message, retryMs } = attempted;
  const state: DeliveryStatus = ok ? "delivered" : retryMs === null ? "failed" : "pending";
  const settled = await sql`
    UPDATE webhook_deliveries SET delivery_status = ${state}, run_lease = NULL, leased_until = NULL,
      available_at = now() + make_interval(secs => ${(retryMs ?? 0) / 1000}), finished_at = CASE WHEN ${state} = 'pending' THEN NULL ELSE now() END,
      response_status = ${status}, error_code = ${code}, error_message = ${message}
    WHERE tenant_id = ${claim.tenant_id} AND webhook_id = ${claim.webhook_id} AND delivery_id = ${claim.delivery_id}
      AND run_lease = ${claim.run_lease} RETURNING 1`;
  return settled.length > 0;
}

export interface DeliveryRow {
  delivery_id: string;
  job_id: string;
  delivery_status: DeliveryStatus;
  attempt: number;
  /** Of the last attempt. */
  response_status: number | null;
  error_code: string | null;
  error_message: string | null;
  created_at: Date;
  /** When it is tried (again); null once it is finished. */
  next_attempt_at: Date | null;
  finished_at: Date | null;
}

/** Newest first, `limit` rows at most; `position` is the `exact_created_at` and id of the last row of the page before. */
export async function listDeliveries(
  sql: Sql,
  webhook: { tenantId: string; webhookId: string },
  wanted: { status: DeliveryStatus | null; limit: number; position: NewestPosition },
): Promise<(DeliveryRow & { exact_created_at: string })[]> {
  const [createdAt, id] = wanted.position ?? [null, null];
  return sql<(DeliveryRow & { exact_created_at: string })[]>`
    SELECT delivery_id, job_id, delivery_status, attempt, response_status, error_code, error_message, created_at,
      CASE WHEN delivery_status = 'pending' THEN available_at END AS next_attempt_at, finished_at,
      ${exactTime(sql, "created_at")} AS exact_created_at
    FROM webhook_deliveries
    WHERE tenant_id = ${webhook.tenantId} AND webhook_id = ${webhook.webhookId}
      AND (${wanted.status}::text IS NULL OR delivery_status = ${wanted.status})
      AND (${createdAt}::text::timestamptz IS NULL OR (created_at, delivery_id) < (${createdAt}::text::timestamptz, ${id}::uuid))
    ORDER BY created_at DESC, delivery_id DESC LIMIT ${wanted.limit}`;
}

/** Removes finished deliveries that are no longer shown; gives how many. */
export async function deleteOldDeliveries(sql: Sql): Promise<number> {
  return (await sql`DELETE FROM webhook_deliveries WHERE finished_at < now() - make_interval(days => ${KEPT_DAYS})`)
    .count;
}
