import { describe, expect, test } from "bun:test";
import { type Chunk, type ChunkOptions, chunkMarkdown } from "../../src/chunk/chunk.ts";
import { estimateTokens } from "../../src/chunk/tokens.ts";

const options: ChunkOptions = { title: "Guide" };
const texts = (chunks: Chunk[]): string[] => chunks.map((chunk) => chunk.chunkText);
const sentencesOf = (count: number, subject: string): string =>
  Array.from({ length: count }, (_, index) => `The ${subject} number ${index} keeps its place in the order.`).join(" ");

describe("sections", () => {
  test("give the path of title and headings as plain text, without a first heading that repeats the title", () => {
    const markdown =
      "# Guide\n\nIntro.\n\n## **Install** [it](x.md) {#setup}\n\nA.\n\n### On `Linux` &amp; Mac\n\nB.\n\nNext\n----\n\nC.\n";
    expect(chunkMarkdown(markdown, options).map(({ chunkPath, chunkText }) => [chunkPath, chunkText])).toEqual([
      ["Guide", "Intro."],
      ["Guide > Install it", "A."],
      ["Guide > Install it > On Linux & Mac", "B."],
      ["Guide > Next", "C."],
    ]);
  });

  test("without text keep their heading line, unless a deeper heading follows", () => {
    const chunks = chunkMarkdown("# Guide\n\n## Empty\n\n---\n\n## Parent\n\n### Child\n\nText.\n", options);
    expect(chunks.map(({ chunkPath, chunkText }) => [chunkPath, chunkText])).toEqual([
      ["Guide > Empty", "## Empty"],
      ["Guide > Parent > Child", "Text."],
    ]);
  });

  test("are never joined, however small", () => {
    expect(texts(chunkMarkdown("## A\n\na\n\n## B\n\nb\n", options))).toEqual(["a", "b"]);
  });

  test("with a heading too long for the path carry it in their text", () => {
    const heading = `# ${sentencesOf(40, "heading")}`;
    const chunks = chunkMarkdown(`${heading}\n\nBody.\n`, options);
    expect(chunks[0]!.chunkPath).toEndWith("…");
    expect(chunks.map((chunk) => chunk.chunkText).join(" ")).toContain("heading number 39 keeps");
    for (const chunk of chunks) expect(estimateTokens(chunk.embeddingText)).toBeLessThanOrEqual(512);
  });

  test("leave out what nobody sees: comments, rules, anchors, link definitions", () => {
    const markdown = '<!-- licence -->\n\n<a id="x"></a>\n\nText.\n\n---\n\n[ref]: https://example.com\n';
    expect(texts(chunkMarkdown(markdown, options))).toEqual(["Text."]);
    expect(texts(chunkMarkdown("<https://example.com>", options))).toEqual(["<https://example.com>"]);
  });
});

describe("packing", () => {
  test("keeps a small section whole and calls it mixed when it has several kinds", () => {
    const markdown = "Intro:\n\n- a\n- b\n\n```sh\nls\n```\n";
    const [chunk, ...rest] = chunkMarkdown(markdown, options);
    expect(rest).toEqual([]);
    expect(chunk).toMatchObject({
      ordinal: 0,
      chunkType: "mixed",
      chunkText: markdown.trim(),
      charStart: 0,
      charEnd: markdown.length - 1,
      blockStartIdx: 0,
      blockEndIdx: 2,
      embeddingText: `[H] Guide\n${markdown.trim()}`,
      textSha256: new Bun.CryptoHasher("sha256").update(`[H] Guide\n${markdown.trim()}`).digest("hex"),
    });
  });

  test("names the kind of a chunk that has only one", () => {
    const kinds = ["text", "- item", "| a |\n|---|\n| 1 |", "```\ncode\n```", "> quote"];
    const types = kinds.map((markdown) => chunkMarkdown(markdown, options)[0]!.chunkType);
    expect(types).toEqual(["paragraph", "list", "table", "code", "quote"]);
  });

  test("keeps an announcement with what it announces", () => {
    const list = Array.from({ length: 40 }, (_, index) => `- entry ${index} of the list`).join("\n");
    const markdown = `${sentencesOf(30, "lease")}\n\nThese exist:\n\n${list}\n`;
    const chunks = chunkMarkdown(markdown, options);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.find((chunk) => chunk.chunkText.includes("These exist:"))!.chunkText).toContain("- entry 0");
  });

  test("changes few chunks of a long section when one paragraph is edited", () => {
    const paragraphs = Array.from(
      { length: 200 },
      (_, index) => `${index}. ${sentencesOf(2 + (index % 5), `item ${index * 7919}`)}`,
    );
    const before = new Set(chunkMarkdown(paragraphs.join("\n\n"), options).map((chunk) => chunk.textSha256));
    let changed = 0;
    for (let edit = 0; edit < 20; edit++) {
      const edited = paragraphs.with(edit * 10, `${paragraphs[edit * 10]} One more sentence.`);
      changed += chunkMarkdown(edited.join("\n\n"), options).filter((chunk) => !before.has(chunk.textSha256)).length;
    }
    expect(before.size).toBeGreaterThan(25);
    expect(changed / 20).toBeLessThan(3);
  });

  test("leaves no tiny last chunk where the neighbour has room", () => {
    const chunks = chunkMarkdown(`${sentencesOf(36, "lease")}\n\nShort end.\n`, options);
    for (const chunk of chunks) expect(chunk.tokenCount).toBeGreaterThanOrEqual(80);
  });
});

describe("large blocks", () => {
  test("a table is cut between rows and repeats its header", () => {
    const rows = Array.from({ length: 120 }, (_, index) => `| row ${index} | value of row ${index} |`);
    const header = "| Name | Value |\n| --- | ---: |";
    const markdown = `${header}\n${rows.join("\n")}\n`;
    const chunks = chunkMarkdown(markdown, options);
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks) {
      expect(chunk.chunkType).toBe("table");
      expect(chunk.chunkText).toStartWith(`${header}\n| row `);
      expect(chunk.chunkText).toEndWith(markdown.slice(chunk.charStart, chunk.charEnd));
    }
    expect(chunks.flatMap((chunk) => chunk.chunkText.split("\n").slice(2))).toEqual(rows);
  });

  test("code is cut between lines, at blank ones first, and opens its fence again with its language", () => {
    const functions = Array.from(
      { length: 30 },
      (_, index) => `function f${index}() {\n  return g(${index}, "x");\n}\n`,
    );
    const markdown = `\`\`\`ts title="a"\n${functions.join("\n")}\`\`\`\n`;
    const chunks = chunkMarkdown(markdown, options);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) {
      expect(chunk.chunkText).toMatch(/^```ts title="a"\nfunction f\d+/);
      expect(chunk.chunkText).toEndWith("}\n```");
    }
  });

  test("a list is cut between top-level items, nested ones stay with theirs", () => {
    const items = Array.from({ length: 80 }, (_, index) => `- item ${index} says this\n  - and this below ${index}`);
    const chunks = chunkMarkdown(items.join("\n"), options);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk.chunkText).toMatch(/^- item [\s\S]* below \d+$/);
    expect(texts(chunks).join("\n")).toBe(items.join("\n"));
  });

  test("an item that is too large is cut inside, its code still fenced", () => {
    const code = Array.from({ length: 90 }, (_, index) => `  step_${index}(alpha, beta);`).join("\n");
    const chunks = chunkMarkdown(`- first\n- second:\n\n  \`\`\`c\n${code}\n  \`\`\`\n- third\n`, options);
    const inside = chunks.filter((chunk) => chunk.chunkText.includes("step_"));
    expect(inside.length).toBeGreaterThan(1);
    for (const chunk of inside) expect(chunk.chunkText.match(/^ *```/gm)!.length % 2).toBe(0);
  });

  test("prose is cut between sentences, and the next chunk repeats the last ones", () => {
    const markdown = sentencesOf(120, "lease");
    const chunks = chunkMarkdown(markdown, options);
    expect(chunks.length).toBeGreaterThan(2);
    for (const [index, chunk] of chunks.entries()) {
      expect(chunk.chunkText).toMatch(/^The lease [\s\S]*order\.$/);
      expect(markdown.slice(chunk.charStart, chunk.charEnd)).toBe(chunk.chunkText);
      const overlap = index === 0 ? "" : markdown.slice(chunk.charStart, chunks[index - 1]!.charEnd);
      if (index > 0) expect(estimateTokens(overlap)).toBeWithin(10, 41);
    }
    expect(
      chunkMarkdown(markdown, { ...options, overlapTokens: 0 }).every(
        (chunk, index, all) => index === 0 || chunk.charStart > all[index - 1]!.charEnd,
      ),
    ).toBe(true);
  });

  test("a giant row, line or word is cut in the end and still holds the limit", () => {
    for (const giant of [
      `| h |\n|---|\n| ${"cell text ".repeat(2000)}|`,
      `\`\`\`js\n${"x = y + z; ".repeat(2000)}\n\`\`\``,
      "QUJD".repeat(3000),
      "数据库".repeat(3000),
      "👩‍👩‍👧".repeat(1000),
    ]) {
      const chunks = chunkMarkdown(giant, options);
      expect(chunks.length).toBeGreaterThan(3);
      for (const chunk of chunks) expect(estimateTokens(chunk.embeddingText)).toBeLessThanOrEqual(512);
    }
  });

  test("a header too large to repeat is not repeated", () => {
    const header = `|${" long column name |".repeat(120)}\n|${"---|".repeat(120)}`;
    const chunks = chunkMarkdown(`${header}\n|${" c |".repeat(120)}\n`, options);
    for (const chunk of chunks) expect(estimateTokens(chunk.embeddingText)).toBeLessThanOrEqual(512);
    expect(
      texts(chunks)
        .join(" ")
        .match(/long column name/g),
    ).toHaveLength(120);
  });
});
