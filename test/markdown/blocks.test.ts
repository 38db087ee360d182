import { describe, expect, test } from "bun:test";
import { type Block, parseMarkdown } from "../../src/markdown/blocks.ts";
import { randomMarkdown } from "../chunk/random_markdown.ts";

function kindsAndTexts(markdown: string): [string, string][] {
  return parseMarkdown(markdown).blocks.map((block) => [block.kind, markdown.slice(block.charStart, block.charEnd)]);
}

describe("parseMarkdown", () => {
  test("states kind and exact place of every top-level block", () => {
    const markdown =
      "# One\n\nPara *a*\nb  \n\n- x\n\n  y\n  - z\n\n\n> q\n> r\n\n```js\nc\n\n```\n\n    indented\n\n" +
      "| a |\n|---|\n| 1 |\n\n<div>\nh\n</div>\n\n***\n\n[l]: /u\n\nTwo\n===\n";
    expect(kindsAndTexts(markdown)).toEqual([
      ["heading", "# One"],
      ["paragraph", "Para *a*\nb"],
      ["list", "- x\n\n  y\n  - z"],
      ["quote", "> q\n> r"],
      ["code", "```js\nc\n\n```"],
      ["code", "    indented"],
      ["table", "| a |\n|---|\n| 1 |"],
      ["html", "<div>\nh\n</div>"],
      ["hr", "***"],
      ["definition", "[l]: /u"],
      ["heading", "Two\n==="],
    ]);
  });

  test("tells the level and inline source of a heading, also a setext one", () => {
    const [atx, setext] = parseMarkdown("### A *b* ###\n\nC\nd\n---\n").blocks;
    expect(atx).toMatchObject({ level: 3, heading: "A *b*", lineStart: 0, lineEnd: 1 });
    expect(setext).toMatchObject({ level: 2, heading: "C\nd", lineStart: 2, lineEnd: 5 });
  });

  test("tells where the header of a table ends and its rows start", () => {
    const markdown = "x\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 | 4 |\n";
    const { table } = parseMarkdown(markdown).blocks[1]!;
    expect(markdown.slice(0, table!.headerEnd)).toEndWith("|:--|--:|");
    expect(table!.rowStarts.map((start) => markdown.slice(start, start + 5))).toEqual(["| 1 |", "| 3 |"]);
  });

  test("tells the items of a list and what is in them, down to nested ones", () => {
    const markdown = "1. a\n2. b\n\n   ```sh\n   ls\n   ```\n   - c\n3. d\n";
    const items = parseMarkdown(markdown).blocks[0]!.children;
    expect(items.map((item) => markdown.slice(item.charStart, item.charEnd))).toEqual([
      "1. a",
      "2. b\n\n   ```sh\n   ls\n   ```\n   - c",
      "3. d",
    ]);
    expect(items[1]!.children.map((child) => child.kind)).toEqual(["paragraph", "code", "list"]);
  });

  test("tells the fence of a code block, and whether it was closed", () => {
    const closed = parseMarkdown("~~~~ ts  title=x\na\n~~~~\n").blocks[0]!;
    expect(closed.fence).toEqual({ marker: "~~~~", info: "ts  title=x", bodyLineEnd: 2 });
    const open = parseMarkdown("```\na\nb").blocks[0]!;
    expect(open.fence).toEqual({ marker: "```", info: "", bodyLineEnd: 3 });
  });

  test("joins a footnote with its indented continuation and keeps it out of the references", () => {
    const markdown = "A[^1].\n\n[^1]: First\n\n    Second\n\n[^n]: https://example.com\n\nEnd.\n";
    expect(kindsAndTexts(markdown)).toEqual([
      ["paragraph", "A[^1]."],
      ["footnote", "[^1]: First\n\n    Second"],
      ["footnote", "[^n]: https://example.com"],
      ["paragraph", "End."],
    ]);
    expect(parseMarkdown(markdown).references.size).toBe(0);
  });

  test("leaves no line that is not blank outside of every block, and no two blocks on one line", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const markdown = randomMarkdown(seed);
      let at = 0;
      for (const block of parseMarkdown(markdown).blocks) {
        expect(markdown.slice(at, block.charStart).trim()).toBe("");
        expect(block.charEnd).toBeGreaterThan(block.charStart);
        expect(childrenInOrder(block)).toBe(true);
        at = block.charEnd;
      }
      expect(markdown.slice(at).trim()).toBe("");
    }
  });

  test("survives deep nesting and an empty document", () => {
    expect(parseMarkdown("").blocks).toEqual([]);
    expect(parseMarkdown(`${"> ".repeat(5_000)}x`).blocks).toHaveLength(1);
    expect(parseMarkdown(`${"- ".repeat(5_000)}x`).blocks).toHaveLength(1);
  });
});

function childrenInOrder(block: Block): boolean {
  return block.children.every((child, index) => {
    const after = block.children[index + 1]?.charStart ?? block.charEnd + 1;
    return child.charStart < after && child.charEnd <= Math.max(after, block.charEnd) && childrenInOrder(child);
  });
}
