/**
 * Requests that may be sent twice: who makes one, and what it was answered. A request holds its key by a lease that it
 * renews, so that a process which dies leaves no key that can never be used again.
 */
import type { Sql } from "postgres";

/** A key is remembered for so long. */
const KEPT_HOURS = 24;

export interface KeyedRequest {
  /** Of the token; null for admins. */
  tenantId: string | null;
  key: string;
  /** Names this very call. */
  runId: string;
}

export interface EarlierRequest {
  fingerprint: Uint8Array;
  /** Null while it runs. */
  answer: Uint8Array | null;
}

/** "begun": the caller must make the request, and then keep its answer or forget it. Else the request that holds the key. */
export async function beginRequest(
  sql: Sql,
  request: KeyedRequest,
  fingerprint: Uint8Array,
  leaseSeconds: number,
): Promise<"begun" | EarlierRequest> {
  for (;;) {
    const begun = await sql`
      INSERT INTO idempotency_keys AS k (tenant_id, idempotency_key, fingerprint, run_id, running_until, expires_at)
      VALUES (${request.tenantId}, ${request.key}, ${fingerprint}, ${request.runId}, now() + make_interval(secs => ${leaseSeconds}),
        now() + make_interval(hours => ${KEPT_HOURS}))
      ON CONFLICT ON CONSTRAINT idempotency_keys_are_unique DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id,
        running_until = excluded.running_until, expires_at = excluded.expires_at, answer = NULL
      WHERE k.expires_at <= now() OR k.answer IS NULL AND k.running_until <= now()
      RETURNING 1`;
    if (begun.length > 0) return "begun";
    const [earlier] = await sql<EarlierRequest[]>`
      SELECT fingerprint, answer FROM idempotency_keys
      WHERE tenant_id IS NOT DISTINCT FROM ${request.tenantId}::uuid AND idempotency_key = ${request.key}`;
    if (earlier) return earlier;
  }
}

/** Says that the request still runs. */
export async function renewRequest(sql: Sql, request: KeyedRequest, leaseSeconds: number): Promise<void> {
  await sql`
    UPDATE idempotency_keys SET running_until = now() + make_interval(secs => ${leaseSeconds})
    WHERE run_id = ${request.runId} AND ${ofKey(sql, request)}`;
}

/** From here on, the same request gets this answer. */
export async function keepAnswer(sql: Sql, request: KeyedRequest, answer: Uint8Array): Promise<void> {
  await sql`UPDATE idempotency_keys SET answer = ${answer} WHERE run_id = ${request.runId} AND ${ofKey(sql, request)}`;
}

/** The request came to nothing: its key may be used again. */
export async function forgetRequest(sql: Sql, request: KeyedRequest): Promise<void> {
  await sql`DELETE FROM idempotency_keys WHERE run_id = ${request.runId} AND ${ofKey(sql, request)}`;
}

/** Removes keys past their time; gives how many. */
export async function deleteExpiredKeys(sql: Sql): Promise<number> {
  return (await sql`DELETE FROM idempotency_keys WHERE expires_at <= now()`).count;
}

const ofKey = (sql: Sql, { tenantId, key }: KeyedRequest) =>
  sql`tenant_id IS NOT DISTINCT FROM ${tenantId}::uuid AND idempotency_key = ${key}`;
