/**
 * Starts a sync whose time has come. Any number of processes may look at once: the row of the schedule is locked while
 * its job is queued and its next run set, both in one transaction. A connection that is being synced already is passed
 * over and stays due, so however many runs were missed, one follows.
 */
import type { Sql, TransactionSql } from "postgres";
import { SERVED_BY } from "../store/connections.ts";
import { nextRun } from "../store/schedule_times.ts";
import { openSyncs, specOf } from "../store/schedules.ts";
import { insertSync, lockSyncs } from "./enqueue_sync.ts";

export interface StartedSync {
  tenantId: string;
  connectionId: string;
  jobId: string;
  correlationId: string;
  /** When it should have begun. */
  dueAt: Date;
  nextRunAt: Date;
}

interface Due {
  tenant_id: string;
  connection_id: string;
  source_type: string;
  every_minutes: number | null;
  cron: string | null;
  timezone: string;
  starts_at: Date;
  next_run_at: Date;
  now: Date;
}

/** Queues the sync that is overdue most; null when none is due. Call it until then. */
export async function startDueSync(sql: Sql): Promise<StartedSync | null> {
  for (;;) {
    const started = await sql.begin(startNext);
    if (started !== "forestalled") return started;
  }
}

async function startNext(tx: TransactionSql): Promise<StartedSync | "forestalled" | null> {
  const [due] = await tx<Due[]>`
    SELECT s.*, c.source_type, now() AS now FROM connection_schedules s JOIN connections c USING (tenant_id, connection_id)
    WHERE s.next_run_at <= now() AND NOT EXISTS (${openSyncs(tx)})
    ORDER BY s.next_run_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED`;
  if (!due) return null;
  const { tenant_id: tenantId, connection_id: connectionId } = due;
  await lockSyncs(tx, tenantId);
  // Somebody may have asked for a sync before the lock was held.
  const [open] = await tx`
    SELECT 1 FROM connections c WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND EXISTS (${openSyncs(tx)})`;
  if (open) return "forestalled";
  const spec = specOf(due);
  const correlationId = Bun.randomUUIDv7();
  const jobId = await insertSync(tx, {
    tenantId,
    payload: {
      source_types: [due.source_type, ...typesThrough(due.source_type)],
      connection_id: connectionId,
      force_reindex: false,
      confirm_deletions: false,
    },
    requestedBy: spec.cron === null ? `schedule: every ${spec.everyMinutes} min` : `schedule: ${spec.cron}`,
    correlationId,
  });
  const nextRunAt = nextRun({ ...spec, connectionId, startsAt: due.starts_at }, due.now);
  await tx`
    UPDATE connection_schedules SET next_run_at = ${nextRunAt}, last_run_at = now(), last_job_id = ${jobId}
    WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}`;
  return { tenantId, connectionId, jobId, correlationId, dueAt: due.next_run_at, nextRunAt };
}

const typesThrough = (sourceType: string): string[] =>
  Object.keys(SERVED_BY).filter((type) => SERVED_BY[type] === sourceType);
