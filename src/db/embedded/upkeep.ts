/**
 * What background processes do in a Postgres server and nobody does in the embedded one (it has no checkpointer and no
 * autovacuum): checkpoints, so that the write-ahead log and the time to recover stay bounded, VACUUM and ANALYZE of
 * tables that changed much. Each is one statement among the clients' own, and everybody waits while it runs; so at most
 * one table per round.
 */
import type { Sql } from "postgres";

export interface UpkeepLimits {
  /** Time between two rounds, ms. */
  everyMs: number;
  /** Checkpoint when so much write-ahead log has gathered … */
  walBytes: number;
  /** … or when there is any and the last checkpoint is so old, ms. */
  checkpointMs: number;
}

export const UPKEEP_LIMITS: UpkeepLimits = { everyMs: 10_000, walBytes: 64 * 1024 * 1024, checkpointMs: 300_000 };

/** A checkpoint writes its own record: so much log after it means that nothing else was written. */
const QUIET_WAL_BYTES = 1024;

export interface Upkeep {
  /** Resolves when a round that runs has ended. */
  stop(): Promise<void>;
}

/** @param onError a round failed; the next one tries again */
export function startUpkeep(sql: Sql, onError: (error: unknown) => void, limits = UPKEEP_LIMITS): Upkeep {
  let stopped = false;
  let wake: () => void = () => {};
  const run = async () => {
    let checkpointAt = performance.now();
    while (!stopped) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, limits.everyMs).unref();
      });
      if (stopped) return;
      try {
        await tidyOneTable(sql);
        const wal = await walSinceCheckpoint(sql);
        const age = performance.now() - checkpointAt;
        if (wal < limits.walBytes && (age < limits.checkpointMs || wal <= QUIET_WAL_BYTES)) continue;
        await sql`CHECKPOINT`;
        checkpointAt = performance.now();
      } catch (error) {
        if (!stopped) onError(error);
      }
    }
  };
  const running = run();
  return {
    stop() {
      stopped = true;
      wake();
      return running;
    },
  };
}

/** Bytes of write-ahead log that a recovery would have to replay. */
async function walSinceCheckpoint(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::int8 AS bytes FROM pg_control_checkpoint()`;
  return row!.bytes;
}

/**
 * Vacuums the table with the largest share of dead rows, or analyzes the one with the largest share of changed rows.
 * Thresholds are autovacuum's, somewhat laxer: here a vacuum makes everybody wait.
 */
async function tidyOneTable(sql: Sql): Promise<void> {
  // Counts of changes are written out about once a second; a vacuum must not be judged by those from before it.
  await sql`SELECT pg_stat_force_next_flush()`;
  const [table] = await sql<{ name: string; vacuum: boolean }[]>`
    SELECT format('%I.%I', schemaname, relname) AS name, n_dead_tup > 1000 + 0.25 * n_live_tup AS vacuum
    FROM pg_stat_user_tables
    WHERE n_dead_tup > 1000 + 0.25 * n_live_tup OR n_mod_since_analyze > 500 + 0.1 * n_live_tup
    ORDER BY 2 DESC, greatest(n_dead_tup, n_mod_since_analyze)::float8 / (n_live_tup + 1) DESC
    LIMIT 1`;
  if (table) await sql.unsafe(`${table.vacuum ? "VACUUM (ANALYZE)" : "ANALYZE"} ${table.name}`);
}
