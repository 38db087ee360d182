import { expect, test } from "bun:test";
import { Wake } from "../../src/queue/wake.ts";

const NEVER_MS = 60_000;

test("a hint that comes while the queue is being asked is not lost", async () => {
  const wake = new Wake(null);
  const seen = wake.hints;
  wake.ring(); // while the statement is under way
  await wake.wait(NEVER_MS, undefined, seen);
  wake.close();
});

test("a ring says that there is work, a nudge only that there is room", () => {
  const wake = new Wake(null);
  wake.nudge();
  expect([wake.hints, wake.rings]).toEqual([1, 0]);
  wake.ring();
  expect([wake.hints, wake.rings]).toEqual([2, 1]);
  wake.close();
});

test("a ring reaches the other threads of the process", async () => {
  const [here, there] = [new Wake(null), new Wake(null)];
  const heard = there.wait(NEVER_MS);
  here.ring();
  await heard;
  expect(there.rings).toBe(1);
  here.close();
  there.close();
});
