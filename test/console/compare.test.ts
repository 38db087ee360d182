import { expect, test } from "bun:test";
import { compareTexts, type Row } from "../../src/console/compare.ts";

const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i + 1}`);
/** Rows as a reader sees them: sign, text, changed words in brackets. */
const shown = (rows: readonly Row[] = []): string[] =>
  rows.map((row) =>
    row.kind === "folded"
      ? `… ${row.lines}`
      : { same: " ", removed: "-", added: "+" }[row.kind] +
        row.parts.map(({ text, changed }) => (changed ? `[${text}]` : text)).join(""),
  );

test("an edited line shows the words that changed, and far lines are folded", () => {
  const before = lines(20);
  const after = before.with(10, "line eleven");
  const compared = compareTexts(before.join("\n"), after.join("\n"));
  expect(shown(compared?.rows)).toEqual([
    "… 7",
    " line 8",
    " line 9",
    " line 10",
    "-line [11]",
    "+line [eleven]",
    " line 12",
    " line 13",
    " line 14",
    "… 6",
  ]);
  expect(compared).toMatchObject({ added: 1, removed: 1 });
});

test("line numbers are those of each text", () => {
  const compared = compareTexts("a\nb\nc\n", "a\nx\ny\nc\n");
  expect(compared?.rows.map((row) => (row.kind === "folded" ? null : [row.before, row.after]))).toEqual([
    [1, 1],
    [2, null],
    [null, 2],
    [null, 3],
    [3, 4],
  ]);
});

test("a line that has little in common with its successor is replaced as a whole", () => {
  expect(shown(compareTexts("The gate is closed.", "Nobody wrote anything here yet!")?.rows)).toEqual([
    "-The gate is closed.",
    "+Nobody wrote anything here yet!",
  ]);
});

test("equal texts have no change, and a missing last line end is none", () => {
  expect(compareTexts("a\nb\n", "a\nb\n")).toMatchObject({ added: 0, removed: 0 });
  expect(compareTexts("a\nb", "a\nb\n")).toMatchObject({ added: 0, removed: 0 });
});

test("texts without anything in common are given up in time", () => {
  const one = Array.from({ length: 30_000 }, (_, i) => `one ${i}`).join("\n");
  const other = Array.from({ length: 30_000 }, (_, i) => `other ${i}`).join("\n");
  const startedAt = performance.now();
  expect(compareTexts(one, other)).toBeNull();
  expect(performance.now() - startedAt).toBeLessThan(3000);
});
