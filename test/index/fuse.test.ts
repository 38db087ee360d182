import { expect, test } from "bun:test";
import { contributions, fuse } from "../../src/index/fuse.ts";

/** A ranking of chunks in this order. */
const ranking = (...ids: string[]) => ids.map((chunk_id, i) => ({ chunk_id, score: 10 - i, rank: i + 1 }));

test("ranks add up, whatever the scores; equal sums are in the order of chunk ids", () => {
  const fused = fuse(ranking("b", "a", "d"), ranking("a", "b", "c"), true);
  expect(fused).toEqual([
    { chunk_id: "a", score: 1 / 62 + 1 / 61, lexical_rank: 2, vector_rank: 1 },
    { chunk_id: "b", score: 1 / 61 + 1 / 62, lexical_rank: 1, vector_rank: 2 },
    { chunk_id: "c", score: 1 / 63, lexical_rank: null, vector_rank: 3 },
    { chunk_id: "d", score: 1 / 63, lexical_rank: 3, vector_rank: null },
  ]);
  for (const hit of fused) {
    const { words, vectors } = contributions(hit, true);
    expect(words + vectors).toBe(hit.score);
  }
});

test("feature hashing weighs in a little", () => {
  const fused = fuse(ranking("a", "b"), ranking("b", "c"), false);
  expect(fused.map(({ chunk_id }) => chunk_id)).toEqual(["b", "a", "c"]);
  expect(fused[2]!.score).toBe(0.05 / 62);
});

test("a ranking that stands alone keeps its scores", () => {
  expect(fuse(ranking("b", "a"), null, true).map(({ chunk_id, score }) => [chunk_id, score])).toEqual([
    ["b", 10],
    ["a", 9],
  ]);
  expect(fuse(null, ranking("b"), true)).toEqual([{ chunk_id: "b", score: 10, lexical_rank: null, vector_rank: 1 }]);
  expect(fuse(null, null, true)).toEqual([]);
  // A query whose words nobody has is still one of both kinds.
  expect(fuse([], ranking("b"), true)[0]!.score).toBe(1 / 61);
});
