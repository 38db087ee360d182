/**
 * The pace of a source, shared through the database by every thread and machine that works on it. One row a key holds the
 * time of the next free turn; taking turns moves it on. The database's clock is the only one that counts.
 */
import type { Sql } from "postgres";

/** Turns that nobody took may be made up for so long: a late statement must not lower the rate. */
const CATCH_UP_MS = 300;

export interface SharedRateLimits {
  /** Reserves `count` turns; milliseconds until the first of them. */
  acquire(key: string, perSecond: number, count: number): Promise<number>;
  /** Nobody gets a turn within the next `ms`. */
  pause(key: string, ms: number): Promise<void>;
}

export function sharedRateLimits(sql: Sql): SharedRateLimits {
  return {
    async acquire(key, perSecond, count) {
      const seconds = count / perSecond;
      const [row] = await sql<{ wait_ms: number }[]>`
        INSERT INTO rate_limits AS r (limit_key, next_at) VALUES (${key}, clock_timestamp() + make_interval(secs => ${seconds}))
        ON CONFLICT (limit_key) DO UPDATE SET
          next_at = greatest(r.next_at, clock_timestamp() - make_interval(secs => ${CATCH_UP_MS / 1000})) + make_interval(secs => ${seconds})
        RETURNING (extract(epoch FROM next_at - make_interval(secs => ${seconds}) - clock_timestamp()) * 1000)::float8 AS wait_ms`;
      return Math.max(0, row?.wait_ms ?? 0);
    },
    async pause(key, ms) {
      await sql`
        INSERT INTO rate_limits AS r (limit_key, next_at) VALUES (${key}, clock_timestamp() + make_interval(secs => ${ms / 1000}))
        ON CONFLICT (limit_key) DO UPDATE SET next_at = greatest(r.next_at, excluded.next_at)`;
    },
  };
}
