import { expect, test } from "bun:test";
import { chunkMarkdown } from "../../src/chunk/chunk.ts";
import { drawChunks } from "../../src/console/draw_chunks.ts";

const sentence = (n: number) => `Sentence number ${n} says something about gates, water and the people who mind them.`;
const MARKDOWN = `# Title\n\nBefore.\n\n## Long\n\n${Array.from({ length: 60 }, (_, i) => sentence(i)).join(" ")}\n\n## End\n\nAfter.\n`;
const chunks = chunkMarkdown(MARKDOWN, { title: "Title", targetTokens: 120, maxTokens: 160, overlapTokens: 40 }).map(
  (chunk) => ({ char_start: chunk.charStart, char_end: chunk.charEnd, ordinal: chunk.ordinal }),
);

test("every character is drawn once, and what two chunks share is marked", () => {
  const pieces = drawChunks(MARKDOWN, chunks, 0);
  const drawn = pieces.filter((piece) => piece.chunk).map((piece) => piece.text + piece.shared);
  expect(pieces.some((piece) => piece.shared !== "")).toBe(true);
  // What is left out between pieces is white space.
  const squeezed = (text: string) => text.replace(/\s+/g, "");
  expect(squeezed(pieces.map((piece) => piece.text + piece.shared).join(""))).toBe(squeezed(MARKDOWN));
  expect(drawn.length).toBe(chunks.length);
});

test("a page of chunks goes on where the page before ended", () => {
  const whole = drawChunks(MARKDOWN, chunks, 0);
  const split = [
    ...drawChunks(MARKDOWN, chunks.slice(0, 3), 0),
    ...drawChunks(MARKDOWN, chunks.slice(3), chunks[2]!.char_end),
  ];
  const text = (pieces: typeof whole) => pieces.map((piece) => piece.text + piece.shared).join("");
  expect(text(split)).toBe(text(whole));
});

test("text in no chunk is told apart", () => {
  const between = drawChunks(MARKDOWN, chunks, 0).filter((piece) => piece.chunk === null);
  expect(between.map((piece) => piece.text.trim())).toContain("## End");
});
