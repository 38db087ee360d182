/** Schedules of connections: at most one each, in and out. Who starts a sync that is due is `queue/start_due_sync.ts`. */
import type { Sql, TransactionSql } from "postgres";
import type { JobStatus } from "../queue/job.ts";
import { SERVED_BY } from "./connections.ts";
import { nextRun, type ScheduleSpec } from "./schedule_times.ts";

export type Schedule = ScheduleSpec & {
  tenantId: string;
  connectionId: string;
  connectionName: string;
  startsAt: Date;
  /** In the past while the sync before is still under way. */
  nextRunAt: Date;
  lastRunAt: Date | null;
  lastJobId: string | null;
  /** Null without a last job, or when it is gone from the list of jobs. */
  lastJobStatus: JobStatus | null;
  /** It is due, but a sync of the connection is unfinished. */
  waiting: boolean;
};

interface Row {
  tenant_id: string;
  connection_id: string;
  connection_name: string;
  every_minutes: number | null;
  cron: string | null;
  timezone: string;
  starts_at: Date;
  next_run_at: Date;
  last_run_at: Date | null;
  last_job_id: string | null;
  last_job_status: JobStatus | null;
  waiting: boolean;
}

/** The two columns as the one choice that they are; a CHECK of the table holds it. */
export const specOf = (row: Pick<Row, "every_minutes" | "cron" | "timezone">): ScheduleSpec =>
  row.cron === null
    ? { everyMinutes: row.every_minutes!, cron: null, timezone: row.timezone }
    : { everyMinutes: null, cron: row.cron, timezone: row.timezone };

const fromRow = (row: Row): Schedule => ({
  ...specOf(row),
  tenantId: row.tenant_id,
  connectionId: row.connection_id,
  connectionName: row.connection_name,
  startsAt: row.starts_at,
  nextRunAt: row.next_run_at,
  lastRunAt: row.last_run_at,
  lastJobId: row.last_job_id,
  lastJobStatus: row.last_job_status,
  waiting: row.waiting,
});

/** Whether the sync job `j` lists the connection `c`: it names it, or names none and a source type that comes through it. */
export const listsConnection = (sql: Sql | TransactionSql) => sql`
  coalesce(j.job_payload_json ->> 'connection_id' = c.connection_id::text, j.job_payload_json -> 'source_types' ?| (
    ARRAY[c.source_type] || ARRAY(
      SELECT type FROM unnest(${Object.keys(SERVED_BY)}::text[], ${Object.values(SERVED_BY)}::text[]) AS served (type, through)
      WHERE through = c.source_type)), false)`;

/** The unfinished syncs that list connection `c`, for EXISTS. */
export const openSyncs = (sql: Sql | TransactionSql) => sql`
  SELECT 1 FROM ingest_jobs j
  WHERE j.tenant_id = c.tenant_id AND j.job_type = 'sync' AND j.finished_at IS NULL AND ${listsConnection(sql)}`;

const rows = (sql: Sql) => sql`
  SELECT s.*, c.name AS connection_name, last.job_status AS last_job_status, s.next_run_at <= now() AND EXISTS (${openSyncs(sql)}) AS waiting
  FROM connection_schedules s JOIN connections c USING (tenant_id, connection_id)
    LEFT JOIN ingest_jobs last ON last.tenant_id = s.tenant_id AND last.job_id = s.last_job_id`;

/** Null when the connection has no schedule, or when there is no such connection. */
export async function findSchedule(sql: Sql, tenantId: string, connectionId: string): Promise<Schedule | null> {
  const [row] = await sql<Row[]>`${rows(sql)} WHERE s.tenant_id = ${tenantId} AND s.connection_id = ${connectionId}`;
  return row ? fromRow(row) : null;
}

/** Newest connection first. `cursor` is the id of the last connection of the page before. */
export async function listSchedules(
  sql: Sql,
  tenantId: string,
  limit: number,
  cursor: string | null,
): Promise<Schedule[]> {
  const found = await sql<Row[]>`
    ${rows(sql)} WHERE s.tenant_id = ${tenantId} AND (${cursor}::uuid IS NULL OR s.connection_id < ${cursor}::uuid)
    ORDER BY s.connection_id DESC LIMIT ${limit}`;
  return found.map(fromRow);
}

/**
 * Sets or replaces the schedule of a connection; setting what is set already moves no run. Null when there is no such
 * connection. Throws for a spec that `faultOf` refuses.
 */
export async function setSchedule(
  sql: Sql,
  tenantId: string,
  connectionId: string,
  spec: ScheduleSpec,
): Promise<Schedule | null> {
  const startsAt = new Date();
  const nextRunAt = nextRun({ ...spec, connectionId, startsAt }, startsAt);
  await sql`
    INSERT INTO connection_schedules AS s (tenant_id, connection_id, every_minutes, cron, timezone, starts_at, next_run_at)
    SELECT tenant_id, connection_id, ${spec.everyMinutes}::integer, ${spec.cron}::text, ${spec.timezone}, ${startsAt}::timestamptz, ${nextRunAt}::timestamptz
    FROM connections WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}
    ON CONFLICT (tenant_id, connection_id) DO UPDATE SET every_minutes = excluded.every_minutes, cron = excluded.cron,
      timezone = excluded.timezone, starts_at = excluded.starts_at, next_run_at = excluded.next_run_at
    WHERE (s.every_minutes, s.cron, s.timezone) IS DISTINCT FROM (excluded.every_minutes, excluded.cron, excluded.timezone)`;
  return findSchedule(sql, tenantId, connectionId);
}

/** False when the connection had none. */
export async function deleteSchedule(sql: Sql, tenantId: string, connectionId: string): Promise<boolean> {
  const gone = await sql`
    DELETE FROM connection_schedules WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} RETURNING 1`;
  return gone.length > 0;
}
