import { describe, expect, test } from "bun:test";
import MarkdownIt from "markdown-it";
import { escapeTableCell, escapeText, fencedCode, inlineCode, linkDestination } from "../../src/markdown/escape.ts";

const markdown = new MarkdownIt({ html: true });
const shown = (source: string): string =>
  markdown
    .render(source)
    .replace(/^<p>|<\/p>\n$/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");

describe("escapeText", () => {
  test.each([
    "# no heading",
    "- no item",
    "+ no item",
    "* no item",
    "1. no item",
    "12) no item",
    "> no quote",
    "---",
    "***",
    "_ _ _",
    "text\n===",
    "text\n---",
    "a|b\n--|--",
    "```js",
    "~~~",
    "*no* **emphasis** _here_ __or__ there",
    "a*b*c and 2*3*4",
    "[no](link) ![no](image) [no][reference] [^no] [note]: target",
    "[ ] no task",
    "<b>no tag</b> <!-- no comment --> <http://no.link>",
    "&amp; &copy; &#65; stay",
    "`no code` ``either``",
    "~~no strike~~ ~nor this~",
    "back\\slash \\* and \\",
  ])("shows %j as it is written", (text) => {
    expect(shown(escapeText(text))).toBe(text);
  });

  test.each([
    "snake_case_name and C:\\temp\\file",
    "2 * 3 = 6, 5 < 6 & 7 > 6",
    "see [1] and (2), section 1.2.3, e.g. 50-60 + x",
    "~5 minutes, AT&T, a|b, #tag, 1986.5 50% #1",
  ])("leaves %j alone", (text) => {
    expect(escapeText(text)).toBe(text);
  });

  test("takes time linear in the text", () => {
    const started = performance.now();
    escapeText("*_[`~<&\\".repeat(100_000));
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

test("a table cell holds one line without bare pipes", () => {
  expect(escapeTableCell(" a | b\\\n c\n\nd ")).toBe("a \\| b<br>c<br>d");
});

test("a fence is longer than any run of backticks that starts a line of the code", () => {
  expect(fencedCode("a\n```\n````x\nb\n", "md")).toBe("`````md\na\n```\n````x\nb\n`````");
});

test("code spans keep backticks and blanks at their ends", () => {
  expect(inlineCode("a`b")).toBe("``a`b``");
  expect(inlineCode("`")).toBe("`` ` ``");
  expect(inlineCode(" x ")).toBe("`  x  `");
});

test("link targets lose neither parentheses nor blanks", () => {
  expect(linkDestination("a b(c)<d>")).toBe("a%20b\\(c\\)%3Cd%3E");
});
