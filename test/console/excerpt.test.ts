import { expect, test } from "bun:test";
import { excerptOf } from "../../src/console/excerpt.ts";

const shown = (text: string, query: string): string =>
  excerptOf(text, query)
    .map((part) => (part.match ? `[${part.text}]` : part.text))
    .join("");

test("words of the question are marked, whatever their ending, and articles are not", () => {
  expect(shown("The **Restores** of the orders database.", "restore the order")).toBe(
    "The [Restores] of the [orders] database.",
  );
});

test("a question of short words alone marks those", () => {
  expect(shown("Go or C, not Gopher", "go")).toBe("[Go] or C, not Gopher");
});

test("it begins near the matches of a long text", () => {
  const long = `${"filler words ".repeat(100)}the needle is here ${"more filler ".repeat(100)}`;
  const excerpt = shown(long, "needle");
  expect(excerpt).toContain("[needle]");
  expect(excerpt.startsWith("… ")).toBe(true);
  expect(excerpt.length).toBeLessThan(500);
});

test("tables and headings read as text, and nothing of the question is taken for a pattern", () => {
  expect(shown("## Plan\n| a | b |\n| --- | --- |\n| 1 | (x+)+ |", "(x+)+ [")).toBe("Plan a · b 1 · ([x]+)+");
});
