/**
 * How many requests a tenant may make in a minute: a bucket of tokens for each tenant, in this process alone, so that a
 * request costs no write. Behind a balancer over n processes a tenant therefore gets up to n times its limit.
 */
import { SnoozeError } from "../errors.ts";

interface Bucket {
  tokens: number;
  /** Milliseconds, monotonic. */
  at: number;
}

/** A tenant that made no request for so long has a full bucket again, whatever its limit. */
const FULL_AGAIN_MS = 60_000;
const BUCKETS_MAX = 10_000;

export class RequestPace {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** `perMinute` may come all at once, then they come evenly. Throws SnoozeError `tenant.too_many_requests`. */
  take(tenantId: string, perMinute: number): void {
    const now = this.now();
    const before = this.buckets.get(tenantId) ?? { tokens: perMinute, at: now };
    const tokens = Math.min(perMinute, before.tokens + ((now - before.at) / FULL_AGAIN_MS) * perMinute);
    this.buckets.delete(tenantId);
    this.buckets.set(tenantId, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    if (this.buckets.size > BUCKETS_MAX) this.buckets.delete(this.buckets.keys().next().value!);
    if (tokens >= 1) return;
    const waitMs = ((1 - tokens) / perMinute) * FULL_AGAIN_MS;
    throw new SnoozeError(
      "tenant.too_many_requests",
      `The tenant may make ${perMinute} requests a minute`,
      new Date(Date.now() + waitMs),
      { limit: perMinute },
    );
  }
}
