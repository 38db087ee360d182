import { expect, test } from "bun:test";
import { PermanentError, TransientError } from "../../src/errors.ts";
import { Batcher } from "../../src/pipeline/batch.ts";

const options = { max: 10, keyOf: () => "", concurrency: 1 };

test("a lone call goes at once; calls that come while it runs share the next batch", async () => {
  const batches: number[][] = [];
  const gate = Promise.withResolvers<void>();
  const batcher = new Batcher(async (inputs: number[]) => {
    batches.push(inputs);
    if (batches.length === 1) await gate.promise;
    return inputs.map((n) => n * 2);
  }, options);
  const first = batcher.add(1);
  await Bun.sleep(1);
  const later = [batcher.add(2), batcher.add(3)];
  gate.resolve();
  expect(await Promise.all([first, ...later])).toEqual([2, 4, 6]);
  expect(batches).toEqual([[1], [2, 3]]);
});

test("inputs of different keys never share a batch, and batches stay within count and weight", async () => {
  const batches: string[][] = [];
  const batcher = new Batcher(
    async (inputs: string[]) => {
      batches.push(inputs);
      return inputs;
    },
    { max: 3, keyOf: (input) => input[0]!, weigh: (input) => input.length, weightMax: 6, concurrency: 1 },
  );
  await Promise.all(["a1", "b1", "a2", "a3", "a4", "a55555"].map((input) => batcher.add(input)));
  expect(batches).toEqual([["a1", "a2", "a3"], ["b1"], ["a4"], ["a55555"]]);
});

test("one bad input fails alone", async () => {
  const batcher = new Batcher(async (inputs: number[]) => {
    if (inputs.includes(3)) throw new PermanentError("convert.malformed", "three");
    return inputs;
  }, options);
  const results = await Promise.allSettled([1, 2, 3, 4].map((n) => batcher.add(n)));
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

test("an outage fails the batch as a whole and is not tried once for each input", async () => {
  let calls = 0;
  const batcher = new Batcher(async (_: number[]): Promise<number[]> => {
    calls++;
    throw new TransientError("database.unavailable", "gone");
  }, options);
  const results = await Promise.allSettled([1, 2, 3].map((n) => batcher.add(n)));
  expect(results.every((result) => result.status === "rejected")).toBe(true);
  expect(calls).toBe(1);
});
