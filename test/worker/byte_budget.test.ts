import { expect, test } from "bun:test";
import { ByteBudget } from "../../src/worker/byte_budget.ts";

const signal = new AbortController().signal;

/** Whether it has been let in by now. */
async function isIn(turn: Promise<unknown>): Promise<boolean> {
  let inside = false;
  void turn.then(() => {
    inside = true;
  });
  for (let i = 0; i < 10; i++) await Promise.resolve();
  return inside;
}

test("payloads share the room, large ones wait, and the next in turn goes first", async () => {
  const budget = new ByteBudget(100);
  const giveBack = await budget.take(60, signal);
  const large = budget.take(70, signal);
  const small = budget.take(10, signal);
  expect([await isIn(large), await isIn(small)]).toEqual([false, false]);
  expect(await isIn(budget.take(0, signal))).toBe(true);
  giveBack();
  giveBack();
  expect([await isIn(large), await isIn(small)]).toEqual([true, true]);
});

test("one that is larger than all room has it for itself", async () => {
  const budget = new ByteBudget(100);
  const giveBack = await budget.take(1, signal);
  const huge = budget.take(5000, signal);
  expect(await isIn(huge)).toBe(false);
  giveBack();
  (await huge)();
  expect(await isIn(budget.take(100, signal))).toBe(true);
});

test("who gives up lets the others pass", async () => {
  const budget = new ByteBudget(100);
  await budget.take(50, signal);
  const caller = new AbortController();
  const large = budget.take(80, caller.signal);
  const small = budget.take(50, signal);
  caller.abort(new Error("canceled"));
  expect(await large.catch((error: Error) => error.message)).toBe("canceled");
  expect(await isIn(small)).toBe(true);
});
