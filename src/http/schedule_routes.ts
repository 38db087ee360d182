/** Schedules of connections over HTTP: one each, set as a whole. Times and limits are the store's (schedule_times.ts). */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { JOB_STATUSES } from "../queue/job.ts";
import { findConnection } from "../store/connections.ts";
import { faultOf, type ScheduleSpec } from "../store/schedule_times.ts";
import { deleteSchedule, findSchedule, listSchedules, type Schedule, setSchedule } from "../store/schedules.ts";
import { invalidField } from "./check.ts";
import { decodeCursor, IdKey, pageOf } from "./cursor.ts";
import { instant, nextCursor, pageCursor, pageLimit, shortText, tenantFilter, uuid } from "./fields.ts";
import { jsonRoute, plainRoute } from "./route.ts";
import { found, tenantNamed, tenantOwning } from "./tenancy.ts";

const ScheduleAnswer = v.pipe(
  v.strictObject({
    connection_id: uuid,
    connection_name: v.string(),
    tenant_id: uuid,
    every_minutes: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))),
    cron: v.nullable(v.string()),
    timezone: v.string(),
    next_run_at: v.pipe(instant, v.description("With this connection's own delay. In the past while `waiting`.")),
    last_run_at: v.nullable(instant),
    last_job_id: v.nullable(uuid),
    last_job_status: v.nullable(v.picklist(JOB_STATUSES)),
    waiting: v.pipe(
      v.boolean(),
      v.description("Due, but a sync of the connection is unfinished: it follows that one."),
    ),
  }),
  v.title("Schedule"),
);

const answerOf = (schedule: Schedule): v.InferInput<typeof ScheduleAnswer> => ({
  connection_id: schedule.connectionId,
  connection_name: schedule.connectionName,
  tenant_id: schedule.tenantId,
  every_minutes: schedule.everyMinutes,
  cron: schedule.cron,
  timezone: schedule.timezone,
  next_run_at: schedule.nextRunAt,
  last_run_at: schedule.lastRunAt,
  last_job_id: schedule.lastJobId,
  last_job_status: schedule.lastJobStatus,
  waiting: schedule.waiting,
});

const Body = v.pipe(
  v.strictObject({
    every_minutes: v.optional(
      v.pipe(
        v.number(),
        v.integer("must be a whole number"),
        v.minValue(1, "must be at least 1"),
        v.maxValue(525_600, "must be at most 525600, a year"),
      ),
    ),
    cron: v.optional(
      v.pipe(
        shortText(200),
        v.description(
          "Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly.",
        ),
      ),
    ),
    timezone: v.optional(
      v.pipe(shortText(100), v.description("IANA name, such as Europe/Berlin; the clock that cron is read by.")),
      "UTC",
    ),
  }),
  v.check(
    (body) => (body.every_minutes === undefined) !== (body.cron === undefined),
    "must have either every_minutes or cron",
  ),
);

/** Throws InputError `request.invalid` for a cron expression or a time zone that there is not. */
function specOf(body: v.InferOutput<typeof Body>): ScheduleSpec {
  const { every_minutes: everyMinutes, cron, timezone } = body;
  const spec: ScheduleSpec =
    everyMinutes === undefined ? { everyMinutes: null, cron: cron!, timezone } : { everyMinutes, cron: null, timezone };
  const fault = faultOf(spec);
  if (fault) throw invalidField(fault.field, fault.text);
  return spec;
}

const path = "/v1/connections/{id}/schedule";
const id = { id: uuid };
const tag = "Schedules";

const set = jsonRoute({
  method: "put",
  path,
  summary: "Sync a connection every so many minutes or by a cron expression",
  tag,
  access: "write",
  params: id,
  body: Body,
  answer: ScheduleAnswer,
  async handle(call) {
    const tenant = await tenantOwning(call, "connection", call.params.id);
    const spec = specOf(call.body);
    return answerOf(
      found(await setSchedule(call.deps.sql, tenant, call.params.id, spec), "connection", call.params.id),
    );
  },
});

type CallById = Parameters<typeof tenantOwning>[0] & { params: { id: string } };

/** The tenant of the connection that the path names, once it is known to exist for the caller. */
async function tenantOf(call: CallById): Promise<string> {
  const tenant = await tenantOwning(call, "connection", call.params.id);
  found(await findConnection(call.deps.sql, tenant, call.params.id), "connection", call.params.id);
  return tenant;
}

const none = (connectionId: string): InputError =>
  new InputError("schedule.not_found", `The connection ${connectionId} has no schedule`);

const get = jsonRoute({
  method: "get",
  path,
  summary: "Get the schedule of a connection, with its next and its last run",
  tag,
  access: "read",
  errors: ["schedule.not_found"],
  params: id,
  answer: ScheduleAnswer,
  async handle(call) {
    const schedule = await findSchedule(call.deps.sql, await tenantOf(call), call.params.id);
    if (schedule === null) throw none(call.params.id);
    return answerOf(schedule);
  },
});

const clear = plainRoute({
  method: "delete",
  path,
  summary: "Sync a connection on demand only",
  tag,
  access: "write",
  errors: ["schedule.not_found"],
  params: id,
  mediaType: null,
  async handle(call) {
    if (!(await deleteSchedule(call.deps.sql, await tenantOf(call), call.params.id))) throw none(call.params.id);
    return new Response(null, { status: 204 });
  },
});

const list = jsonRoute({
  method: "get",
  path: "/v1/schedules",
  summary: "List the schedules of all connections, newest connection first",
  tag,
  access: "read",
  query: { tenant_id: tenantFilter, limit: pageLimit(50, 500), cursor: pageCursor },
  answer: v.strictObject({ schedules: v.array(ScheduleAnswer), next_cursor: nextCursor }),
  async handle(call) {
    const { limit, cursor } = call.query;
    const after = decodeCursor(IdKey, cursor)?.[0] ?? null;
    const tenant = await tenantNamed(call, call.query.tenant_id);
    const rows = await listSchedules(call.deps.sql, tenant, limit + 1, after);
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.connectionId]);
    return { schedules: page.map(answerOf), next_cursor };
  },
});

export const scheduleRoutes = [set, get, clear, list];
