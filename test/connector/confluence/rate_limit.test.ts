/** Turns over a slow count: the rate is used up all the same, and never exceeded. */
import { expect, test } from "bun:test";
import { LocalRateLimits, Pace } from "../../../src/connector/confluence/rate_limit.ts";

const signal = new AbortController().signal;

class SlowLimits extends LocalRateLimits {
  asked: number[] = [];
  override async acquire(key: string, perSecond: number, count: number): Promise<number> {
    this.asked.push(count);
    await Bun.sleep(80);
    return await super.acquire(key, perSecond, count);
  }
}

test("a count that answers late does not slow the takers down", async () => {
  const pace = new Pace(new SlowLimits(), "test", 200);
  const startedAt = performance.now();
  let left = 200;
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      while (left-- > 0) {
        await pace.turn(signal, 10_000);
        await Bun.sleep(20);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  // 200 turns take 1 s; waiting for the count each time would make it 1.5 s.
  expect(seconds).toBeLessThan(1.3);
  expect(seconds).toBeGreaterThan(0.9);
});

test("a lone taker finds its next turn reserved, and no more than that", async () => {
  const limits = new SlowLimits();
  const pace = new Pace(limits, "test", 1000);
  await pace.turn(signal, 1000);
  await Bun.sleep(100);
  const startedAt = performance.now();
  await pace.turn(signal, 1000);
  expect(performance.now() - startedAt).toBeLessThan(40);
  expect(limits.asked).toEqual([1, 1, 1]);
});

test("a pause takes back what was reserved", async () => {
  const pace = new Pace(new LocalRateLimits(), "test", 100);
  await pace.turn(signal, 1000);
  await pace.pause(200);
  const startedAt = performance.now();
  await pace.turn(signal, 1000);
  expect(performance.now() - startedAt).toBeGreaterThan(190);
});

test("who gives up leaves the queue at once", async () => {
  const limits = new LocalRateLimits();
  await limits.pause("test", 60_000);
  const pace = new Pace(limits, "test", 10);
  const stop = new AbortController();
  const waiting = Array.from({ length: 20 }, () =>
    pace.turn(stop.signal, 90_000).catch((error: Error) => error.message),
  );
  await Bun.sleep(5);
  stop.abort(new Error("stop"));
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["stop"]));
});
