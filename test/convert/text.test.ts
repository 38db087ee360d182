import { describe, expect, test } from "bun:test";
import MarkdownIt from "markdown-it";
import { DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { convertText, textToMarkdown } from "../../src/convert/text.ts";

const renderer = new MarkdownIt({ html: true });
/** What a reader sees of rendered Markdown, blanks folded. */
const seen = (markdown: string) =>
  renderer
    .render(markdown)
    .replace(/<[^>]*>/g, " ")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ")
    .trim();

test("characters that Markdown would read as markup are seen as they are", () => {
  const text =
    "5 * 3 * 2 = *thirty*\n# not a heading\n1986. A year\n<b>bold</b> & &amp; [x](y) `code` snake_case_name\n    indented words\n+ plus\n";
  expect(seen(textToMarkdown(text))).toBe(text.replace(/\s+/g, " ").trim());
});

test("wrapped lines stay one paragraph, and the author's line breaks stay breaks", () => {
  const wrapped =
    "This is a long paragraph that an editor wrapped at some seventy columns\nso that all of its lines are of nearly the same length, and none of them\nwas meant to be a line of its own.\n";
  expect(textToMarkdown(wrapped)).toBe(wrapped.trimEnd());
  expect(textToMarkdown("Jane Doe\n12 Main Street\nSpringfield\n")).toBe("Jane Doe\\\n12 Main Street\\\nSpringfield");
});

test("underlined titles are headings", () => {
  expect(textToMarkdown("INTRODUCTION\n============\nWords.\n\nDetails\n-------\n\n=======\n Over\n=======\n")).toBe(
    "# INTRODUCTION\n\nWords.\n\n## Details\n\n# Over",
  );
});

describe("lists", () => {
  test("keep their nesting and the lines below their items", () => {
    expect(textToMarkdown("To do:\n* one\n  more of one\n  - inner\n* two\n")).toBe(
      "To do:\n\n- one\\\n  more of one\n  - inner\n- two",
    );
  });
  test("keep their numbers, and what does not count on is no list", () => {
    expect(textToMarkdown("3) c\n4) d\n")).toBe("3) c\n4) d");
    expect(seen(textToMarkdown("1. one\n5. five\n"))).toBe("1. one 5. five");
  });
});

test("tables, drawings and logs keep their columns", () => {
  const table = "Name      Age   City\nAlice     31    Berlin\nBob       7     Rome";
  expect(textToMarkdown(`Guests\n\n${table}\n`)).toBe(`Guests\n\n\`\`\`\n${table}\n\`\`\``);
  const log = "2024-05-01 10:00:00 INFO start\n2024-05-01 10:00:01 WARN <slow>\n2024-05-01 10:00:02 INFO end";
  expect(textToMarkdown(log)).toBe(`\`\`\`\n${log}\n\`\`\``);
});

test("quoted mail is a quote in a quote", () => {
  expect(textToMarkdown("I agree.\n\n> You wrote this.\n>> And I that.\n")).toBe(
    "I agree.\n\n> You wrote this.\n>\n> > And I that.",
  );
});

test("source code and data are fenced whole, whatever they contain", () => {
  expect(textToMarkdown('{\n  "a": "```"\n}\n', "json")).toBe('```json\n{\n  "a": "```"\n}\n```');
});

test("charset, colours and title are taken care of", async () => {
  const bytes = new Uint8Array([
    ...Buffer.from("\x1b[1mTitel\x1b[0m\n=====\nGr\xfc\xdfe aus K\xf6ln und M\xfcnchen\n", "latin1"),
  ]);
  expect(await convertText(bytes, DEFAULT_LIMITS)).toMatchObject({
    markdown: "# Titel\n\nGrüße aus Köln und München",
    title: "Titel",
    metadata: { charset: "windows-1252" },
  });
});
