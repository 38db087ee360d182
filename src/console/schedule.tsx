/** Schedules: when a connection is synced by itself, set on its page and listed in the settings. */
/** @jsxImportSource hono/jsx */
import { InputError } from "../errors.ts";
import { findSchedule, listSchedules, type Schedule } from "../store/schedules.ts";
import { apiRoute, callApi, readForm } from "./act.ts";
import { duration } from "./format.ts";
import { act, type ConsoleRoute, leadTo } from "./page.ts";
import { Empty, Facts, Option, Status, Table, Time } from "./parts.tsx";
import { mayWrite, shownTenant, type Visit } from "./visit.ts";

const LISTED_MAX = 500;
const INTERVALS = [5, 15, 30, 60, 180, 360, 720, 1440];
const MINUTE_MS = 60_000;

/** `every 30 min`, `0 3 * * 1 (Europe/Berlin)`. */
const when = (schedule: Schedule): string =>
  schedule.cron === null ? every(schedule.everyMinutes) : `${schedule.cron} (${schedule.timezone})`;

/** Without parts that are nought. */
const every = (minutes: number): string => `every ${duration(minutes * MINUTE_MS).replace(/ 0 (?:s|min|h)$/, "")}`;

/** When connections of the tenant are synced, by connection id, in short. */
export async function scheduleWords(visit: Visit, tenantId: string): Promise<Map<string, string>> {
  const schedules = await listSchedules(visit.deps.sql, tenantId, LISTED_MAX, null);
  return new Map(schedules.map((schedule) => [schedule.connectionId, when(schedule)]));
}

/** What the page of a connection says of its schedule. */
export async function ScheduleOf({ visit, tenantId, id }: { visit: Visit; tenantId: string; id: string }) {
  const schedule = await findSchedule(visit.deps.sql, tenantId, id);
  return (
    <section>
      <h2>Schedule</h2>
      {schedule ? <Runs schedule={schedule} /> : <p class="muted">It is synced on demand only.</p>}
      {mayWrite(visit) && <Choose schedule={schedule} id={id} />}
    </section>
  );
}

const Runs = ({ schedule }: { schedule: Schedule }) => (
  <Facts
    of={[
      ["Synced", when(schedule)],
      ["Next", schedule.waiting ? "after the sync that runs now" : <Time at={schedule.nextRunAt} />],
      ["Last", <Time at={schedule.lastRunAt} />],
      ["Last job", <LastJob schedule={schedule} />],
    ]}
  />
);

const LastJob = ({ schedule: { lastJobId, lastJobStatus } }: { schedule: Schedule }) =>
  lastJobId && lastJobStatus ? (
    <a href={`/jobs/${lastJobId}`}>
      <Status of={lastJobStatus} />
    </a>
  ) : null;

function Choose({ schedule, id }: { schedule: Schedule | null; id: string }) {
  const chosen = schedule?.everyMinutes ?? null;
  const offered = chosen === null || INTERVALS.includes(chosen) ? INTERVALS : [...INTERVALS, chosen];
  return (
    <form method="post" action={`/connections/${id}/schedule`} class="filters">
      <label for="every">Sync</label>
      <select id="every" name="every">
        <option value="">on demand</option>
        {offered.map((minutes) => (
          <Option value={String(minutes)} chosen={minutes === chosen}>
            {every(minutes)}
          </Option>
        ))}
      </select>
      <label for="cron">or by cron</label>
      <input
        id="cron"
        name="cron"
        size={14}
        placeholder="0 3 * * 1-5"
        autocomplete="off"
        value={schedule?.cron ?? ""}
      />
      <label for="timezone">in</label>
      <input id="timezone" name="timezone" size={16} autocomplete="off" value={schedule?.timezone ?? "UTC"} />
      <button type="submit">Set</button>
    </form>
  );
}

/** All schedules of the tenant shown. */
export async function Schedules({ visit }: { visit: Visit }) {
  const schedules = await listSchedules(visit.deps.sql, await shownTenant(visit), LISTED_MAX, null);
  return (
    <section>
      <h2>Schedules</h2>
      {schedules.length === 0 ? (
        <Empty>
          Every connection is synced on demand. <a href="/connections">The page of each</a> sets its schedule.
        </Empty>
      ) : (
        <Table label="Schedules" head={["Connection", "Synced", "Next", "Last", "Last job"]}>
          {schedules.map((schedule) => (
            <tr>
              <th scope="row" class="main-cell">
                <a href={`/connections/${schedule.connectionId}`}>{schedule.connectionName}</a>
              </th>
              <td>{when(schedule)}</td>
              <td>{schedule.waiting ? "after the sync that runs now" : <Time at={schedule.nextRunAt} />}</td>
              <td>
                <Time at={schedule.lastRunAt} />
              </td>
              <td>
                <LastJob schedule={schedule} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

const setRoute = apiRoute("put", "/v1/connections/{id}/schedule");
const clearRoute = apiRoute("delete", "/v1/connections/{id}/schedule");

const choose = act("/connections/{id}/schedule", async (visit) => {
  const form = await readForm(visit.context.req.raw);
  const cron = form.get("cron")?.trim();
  const minutes = form.get("every");
  const timezone = form.get("timezone")?.trim() || "UTC";
  if (cron) await callApi(visit, setRoute, { cron, timezone });
  else if (minutes) await callApi(visit, setRoute, { every_minutes: Number(minutes), timezone });
  else
    await callApi(visit, clearRoute).catch((error: unknown) => {
      if (!(error instanceof InputError && error.code === "schedule.not_found")) throw error;
    });
  return leadTo(visit, `/connections/${visit.context.req.param("id")}`);
});

export const schedulePages: ConsoleRoute[] = [choose];
