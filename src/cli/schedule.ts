/** `sluice schedule`: when connections are synced by themselves. The workers of `sluice serve` do it. */
import { InputError } from "../errors.ts";
import { type Context, idOf, withApi } from "./connection.ts";
import { allPages } from "./pages.ts";
import { EXIT, print, printJson, table } from "./terminal.ts";

interface ScheduleAnswer {
  connection_name: string;
  every_minutes: number | null;
  cron: string | null;
  timezone: string;
  next_run_at: string;
  last_run_at: string | null;
  last_job_status: string | null;
  waiting: boolean;
}

export interface SetOptions {
  every?: number;
  cron?: string;
  timezone?: string;
  json: boolean;
}

/** Prints all schedules of the tenant. */
export const scheduleList = (options: { json: boolean }, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const schedules = await allPages<ScheduleAnswer>(api, "/v1/schedules", "schedules");
    if (options.json) printJson({ schedules });
    else if (schedules.length === 0) print(`No schedules in tenant ${context[0].tenant}.`);
    else print(scheduleTable(schedules));
    return EXIT.ok;
  });

/** Sets or replaces the schedule of a connection and prints it. */
export async function scheduleSet(idOrName: string, options: SetOptions, ...context: Context): Promise<number> {
  const { every, cron, timezone } = options;
  if ((every === undefined) === (cron === undefined))
    throw new InputError("cli.bad_option", "give either --every or --cron");
  return withApi(context, async (api) => {
    const path = `/v1/connections/${await idOf(api, idOrName)}/schedule`;
    const set = await api.call<ScheduleAnswer>("PUT", path, { every_minutes: every, cron, timezone });
    if (options.json) printJson(set);
    else print(scheduleTable([set]));
    return EXIT.ok;
  });
}

/** Removes the schedule of a connection. */
export const scheduleClear = (idOrName: string, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    await api.call("DELETE", `/v1/connections/${await idOf(api, idOrName)}/schedule`);
    print(`${idOrName} is synced on demand only.`);
    return EXIT.ok;
  });

const scheduleTable = (schedules: ScheduleAnswer[]): string =>
  table([
    ["CONNECTION", "SCHEDULE", "NEXT RUN", "LAST RUN", "LAST JOB"],
    ...schedules.map((one) => [
      one.connection_name,
      one.cron === null ? `every ${one.every_minutes} min` : `${one.cron} (${one.timezone})`,
      one.waiting ? "after the sync under way" : minuteOf(one.next_run_at),
      one.last_run_at === null ? "-" : minuteOf(one.last_run_at),
      one.last_job_status ?? "-",
    ]),
  ]);

const minuteOf = (instant: string): string => `${instant.slice(0, 16).replace("T", " ")} UTC`;
