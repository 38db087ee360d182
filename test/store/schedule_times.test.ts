import { describe, expect, test } from "bun:test";
import { faultOf, nextRun, type ScheduleSpec } from "../../src/store/schedule_times.ts";

const at = (text: string): Date => new Date(text);
/** The share of the longest delay that a connection takes is its last eight digits. */
const PUNCTUAL = "0192f000-0000-7000-8000-000000000000";
const LATE = "0192f000-0000-7000-8000-0000ffffffff";
const every = (everyMinutes: number): ScheduleSpec => ({ everyMinutes, cron: null, timezone: "UTC" });
const cron = (pattern: string, timezone = "UTC"): ScheduleSpec => ({ everyMinutes: null, cron: pattern, timezone });
const runs = (spec: ScheduleSpec, connectionId: string, from: string, count: number, startsAt = from): string[] => {
  const times: string[] = [];
  let after = at(from);
  for (let i = 0; i < count; i++) {
    after = nextRun({ ...spec, connectionId, startsAt: at(startsAt) }, after);
    times.push(after.toISOString());
  }
  return times;
};

test("an interval is counted from its start, and runs that were missed are left out", () => {
  expect(runs(every(90), PUNCTUAL, "2026-03-01T10:00:00Z", 2)).toEqual([
    "2026-03-01T11:30:00.000Z",
    "2026-03-01T13:00:00.000Z",
  ]);
  expect(runs(every(90), PUNCTUAL, "2026-03-05T09:14:00Z", 1, "2026-03-01T10:00:00Z")).toEqual([
    "2026-03-05T10:00:00.000Z",
  ]);
});

test("a run that came late does not move the ones after it", () => {
  expect(runs(every(60), PUNCTUAL, "2026-03-01T12:41:07Z", 1, "2026-03-01T10:00:00Z")).toEqual([
    "2026-03-01T13:00:00.000Z",
  ]);
});

test("each connection has its own delay: the same at every run, a tenth of the gap and five minutes at most", () => {
  expect(runs(every(10), LATE, "2026-03-01T10:00:00Z", 2)).toEqual([
    "2026-03-01T10:10:59.000Z",
    "2026-03-01T10:20:59.000Z",
  ]);
  expect(runs(every(1440), LATE, "2026-03-01T10:00:00Z", 1)).toEqual(["2026-03-02T10:04:59.000Z"]);
  expect(runs(cron("*/5 * * * *"), LATE, "2026-03-01T10:00:00Z", 2)).toEqual([
    "2026-03-01T10:00:29.000Z",
    "2026-03-01T10:05:29.000Z",
  ]);
  expect(runs(cron("0 2 * * *"), LATE, "2026-03-01T02:01:00Z", 1)).toEqual(["2026-03-01T02:04:59.000Z"]);
});

test("a cron expression is read by the clock of its zone, also where that clock is put forward and back", () => {
  expect(runs(cron("30 2 * * *", "Europe/Berlin"), PUNCTUAL, "2026-03-28T00:00:00Z", 3)).toEqual([
    "2026-03-28T01:30:00.000Z",
    // There is no half past two on this day; the clock goes from two to three.
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  // Half past two comes twice and counts once.
  expect(runs(cron("30 2 * * *", "Europe/Berlin"), PUNCTUAL, "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z",
  ]);
});

describe("what names no time is refused in words", () => {
  test.each([
    [cron("61 * * * *"), "cron", /Invalid value for minute: 61/],
    [cron("* * * * * *"), "cron", /five fields/],
    [cron("soon"), "cron", /five fields/],
    [cron("2027-01-01T00:00:00"), "cron", /five fields/],
    [cron("0 0 30 2 *"), "cron", /again and again/],
    [cron("0 0 * * *", "Europe/Nowhere"), "timezone", /Europe\/Berlin/],
  ] as const)("%j", (spec, field, text) => {
    expect(faultOf(spec)).toMatchObject({ field, text: expect.stringMatching(text) });
  });
  test.each([[every(1)], [cron("0 9 * * MON-FRI")], [cron("@daily", "America/New_York")], [cron("0 0 L * *")]])(
    "%j is kept",
    (spec) => expect(faultOf(spec)).toBeNull(),
  );
});
