/**
 * When a schedule is due: pure arithmetic on its row. Each connection keeps a delay of its own, derived from its id, so
 * that schedules which name the same minute do not all begin in it and yet every run has its foreseeable time. What was
 * missed is not made up for: the next run is the next one that lies ahead.
 */
import { Cron } from "croner";

/** What a caller chooses: an interval or a cron expression. */
export type ScheduleSpec =
  | { everyMinutes: number; cron: null; timezone: string }
  | { everyMinutes: null; cron: string; timezone: string };

export type Timing = ScheduleSpec & {
  connectionId: string;
  /** Intervals are counted from here. */
  startsAt: Date;
};

const MINUTE_MS = 60_000;
/** Delays are a tenth of the time until the run after at most, and never longer than this. */
const DELAY_MAX_MS = 5 * MINUTE_MS;
const DELAY_SHARE = 0.1;

/** What is wrong with a schedule, by field, in words for whoever wrote it; null when it can be kept. */
export function faultOf(spec: ScheduleSpec): { field: "cron" | "timezone"; text: string } | null {
  if (!isTimezone(spec.timezone)) return { field: "timezone", text: "must be a time zone such as Europe/Berlin" };
  if (spec.cron === null) return null;
  if (!spec.cron.startsWith("@") && spec.cron.trim().split(/\s+/).length !== 5)
    return { field: "cron", text: "must have five fields: minute, hour, day of month, month, day of week" };
  try {
    if (cronOf(spec.cron, spec.timezone).nextRuns(2).length < 2)
      return { field: "cron", text: "must name a time that comes again and again" };
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : "it cannot be read";
    return { field: "cron", text: `must be a cron expression: ${reason}` };
  }
}

/** The first run after `after`, with the connection's delay. Throws for a spec that `faultOf` would refuse. */
export function nextRun(timing: Timing, after: Date): Date {
  return timing.cron === null
    ? nextOfInterval(timing, timing.everyMinutes * MINUTE_MS, after)
    : nextOfCron(timing, timing.cron, after);
}

function nextOfInterval(timing: Timing, gapMs: number, after: Date): Date {
  const first = timing.startsAt.getTime() + delayMs(timing.connectionId, gapMs);
  const passed = Math.floor((after.getTime() - first) / gapMs);
  return new Date(first + Math.max(1, passed + 1) * gapMs);
}

function nextOfCron(timing: Timing, pattern: string, after: Date): Date {
  const cron = cronOf(pattern, timing.timezone);
  // Of a time that is past already, the delayed run may still lie ahead.
  let named = cron.nextRun(new Date(after.getTime() - DELAY_MAX_MS));
  while (named !== null) {
    const following = cron.nextRun(named);
    const gapMs = following === null ? Number.POSITIVE_INFINITY : following.getTime() - named.getTime();
    const run = named.getTime() + delayMs(timing.connectionId, gapMs);
    if (run > after.getTime()) return new Date(run);
    named = following;
  }
  throw new Error(`the cron expression ${pattern} names no time after ${after.toISOString()}`);
}

/** Whole seconds, so that times look as they are meant. */
function delayMs(connectionId: string, gapMs: number): number {
  // The last digits of a UUID are random in every version that is in use.
  const share = Number.parseInt(connectionId.slice(-8), 16) / 2 ** 32;
  return Math.floor((share * Math.min(gapMs * DELAY_SHARE, DELAY_MAX_MS)) / 1000) * 1000;
}

/** Without a function to call it only computes times. */
const cronOf = (pattern: string, timezone: string): Cron => new Cron(pattern, { mode: "5-part", timezone });

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
