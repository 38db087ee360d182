import { expect, test } from "bun:test";
import { lexicalTables } from "../../src/index/lexical.ts";
import type { QueryPlan } from "../../src/index/query_terms.ts";
import { SqlText } from "../../src/index/sql_text.ts";

/** What candidates are selected by, for terms that so many of 100,000 chunks contain; named a, b, c … */
function selectedBy(chunksOfTerms: number[], filtered = false): unknown[] {
  const plan: QueryPlan = {
    terms: chunksOfTerms.map((chunks, i) => ({ tsqueries: new Map([["simple", `'${"abcdefg"[i]}'`]]), chunks })),
    configs: ["simple"],
    chunks: 100_000,
    wordsPerChunk: 200,
    someHidden: false,
    plannerIsBlind: false,
  };
  const text = new SqlText();
  // A filter by named documents is joined at once, so that all is decided in one place.
  const conditions = filtered ? " AND true" : "";
  lexicalTables(plan, { tenant: "$0", conditions, filtered, someHidden: false, namesDocuments: filtered }, 100, text);
  const alone = new Set(plan.terms.map((term) => term.tsqueries.get("simple")));
  return text.values.filter((value) => typeof value === "string" && value.includes("'") && !alone.has(value));
}

test("chunks that have common words only are looked for unless these weigh less than each rare one", () => {
  expect(selectedBy([500, 600, 3_100])).toEqual(["('a') | ('b')"]);
  expect(selectedBy([500, 600, 3_100, 3_100, 3_100])).toContain("('c') & ('d')");
  expect(selectedBy([10, 20, 3_100])).toContain("('a') | ('b')");
  expect(selectedBy([10, 20, 3_100])).toContain("('c')");
});

test("behind a filter one of the words is enough", () => {
  expect(selectedBy([500, 600, 3_100], true)).toContain("('a') | ('b') | ('c')");
});
