/** The shared pace: turns of several takers together never exceed the rate, and a pause holds all of them. */
import { beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { Pace } from "../../src/connector/confluence/rate_limit.ts";
import { sharedRateLimits } from "../../src/store/rate_limits.ts";
import { emptyDatabase } from "../support/database.ts";

let sql: Sql;
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
}, 60_000);

const signal = new AbortController().signal;

test("several takers share one rate and use it up", async () => {
  const key = `test ${Bun.randomUUIDv7()}`;
  const perSecond = 100;
  const paces = [1, 2, 3].map(() => new Pace(sharedRateLimits(sql), key, perSecond));
  const startedAt = performance.now();
  const turns: number[] = [];
  await Promise.all(
    paces.flatMap((pace) =>
      Array.from({ length: 40 }, async () => {
        await pace.turn(signal, 10_000);
        turns.push(performance.now());
      }),
    ),
  );
  const seconds = (turns.at(-1)! - startedAt) / 1000;
  expect(turns).toHaveLength(120);
  // 120 turns take 1.2 s at 100 a second, less what may be made up for at the start.
  expect(seconds).toBeGreaterThan(0.85);
  expect(seconds).toBeLessThan(2.5);
});

test("a pause of one holds the turns of all", async () => {
  const key = `test ${Bun.randomUUIDv7()}`;
  const limits = sharedRateLimits(sql);
  await limits.acquire(key, 100, 1);
  await new Pace(limits, key, 100).pause(500);
  expect(await sharedRateLimits(sql).acquire(key, 100, 1)).toBeGreaterThan(400);
  // A shorter pause does not shorten a longer one.
  await limits.pause(key, 10);
  expect(await limits.acquire(key, 100, 1)).toBeGreaterThan(300);
});

test("a taker that gives up leaves at once, with its own reason", async () => {
  const key = `test ${Bun.randomUUIDv7()}`;
  const limits = sharedRateLimits(sql);
  await limits.pause(key, 60_000);
  const stop = new AbortController();
  const turn = new Pace(limits, key, 10).turn(stop.signal, 90_000);
  stop.abort(new Error("stop"));
  await expect(turn).rejects.toThrow("stop");
});

test("a turn that is too far away is not waited for, and says when to come back", async () => {
  const key = `test ${Bun.randomUUIDv7()}`;
  const limits = sharedRateLimits(sql);
  await limits.pause(key, 60_000);
  const error = await new Pace(limits, key, 10).turn(signal, 1000).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "connector.rate_limited", fate: "snooze" });
  expect((error as { until: Date }).until.getTime() - Date.now()).toBeGreaterThan(50_000);
});
