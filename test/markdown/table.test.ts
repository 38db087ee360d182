import { expect, test } from "bun:test";
import { gfmTable } from "../../src/markdown/table.ts";

test("spans are expanded so that every cell keeps its row and column", () => {
  const table = gfmTable([
    [
      { text: "A", header: true, rowspan: 2 },
      { text: "B", header: true, colspan: 2 },
    ],
    [{ text: "b1" }, { text: "b2", rowspan: 0 }],
    [{ text: "c" }, { text: "d" }],
  ]);
  expect(table).toBe("| A | B |  |\n| --- | --- | --- |\n|  | b1 | b2 |\n| c | d |  |");
});

test("a table without a header row gets an empty one", () => {
  expect(gfmTable([[{ text: "x|y" }, { text: "" }]])).toBe("|  |  |\n| --- | --- |\n| x\\|y |  |");
});

test("no cells are no table", () => {
  expect(gfmTable([])).toBe("");
  expect(gfmTable([[], []])).toBe("");
});

test("spans cannot inflate a small source without bounds", () => {
  const rows = Array.from({ length: 20_000 }, () => [{ text: "x", rowspan: 65_000, colspan: 1000 }]);
  expect(gfmTable(rows).length).toBeLessThan(20_000_000);
});
