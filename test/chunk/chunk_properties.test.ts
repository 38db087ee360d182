/** What must hold for every document: random ones stand for those nobody thought of. */
import { describe, expect, test } from "bun:test";
import { type Chunk, chunkMarkdown } from "../../src/chunk/chunk.ts";
import { isInvisible } from "../../src/chunk/invisible.ts";
import { estimateTokens } from "../../src/chunk/tokens.ts";
import { parseMarkdown } from "../../src/markdown/blocks.ts";
import { plainText } from "../../src/markdown/plain_text.ts";
import { randomMarkdown } from "./random_markdown.ts";

const DOCUMENTS = 400;
const title = "A random document";

interface Sample {
  seed: number;
  markdown: string;
  chunks: Chunk[];
  maxTokens: number;
}

const samples: Sample[] = Array.from({ length: DOCUMENTS }, (_, index) => {
  const seed = index + 1;
  const markdown = randomMarkdown(seed);
  const maxTokens = [512, 512, 128, 64][seed % 4]!;
  const options = { title, maxTokens, targetTokens: Math.floor(maxTokens * 0.8), minTokens: 20, overlapTokens: 20 };
  return { seed, markdown, chunks: chunkMarkdown(markdown, options), maxTokens };
});

function eachDocument(check: (markdown: string, chunks: Chunk[], maxTokens: number) => void): void {
  for (const { seed, markdown, chunks, maxTokens } of samples) {
    try {
      check(markdown, chunks, maxTokens);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

describe("chunks of random documents", () => {
  test("never exceed the hard limit, heading path included", () => {
    eachDocument((_markdown, chunks, maxTokens) => {
      for (const chunk of chunks) {
        const tokens = estimateTokens(chunk.embeddingText);
        if (tokens > maxTokens) throw new Error(`chunk ${chunk.ordinal} has ${tokens} of ${maxTokens} tokens`);
      }
    });
  });

  test("cover every character that a reader sees", () => {
    eachDocument((markdown, chunks) => {
      const covered = new Uint8Array(markdown.length);
      for (const chunk of chunks) covered.fill(1, chunk.charStart, chunk.charEnd);
      for (const block of parseMarkdown(markdown).blocks) {
        if (isInvisible(block, markdown)) continue;
        const text = plainText(block.heading);
        if (block.kind === "heading" && chunks.some((chunk) => chunk.chunkPath.includes(text))) continue;
        for (let at = block.charStart; at < block.charEnd; at++) {
          if (covered[at] || markdown.charCodeAt(at) <= 32) continue;
          throw new Error(`lost ${JSON.stringify(markdown.slice(at, at + 60))} of a ${block.kind} at ${at}`);
        }
      }
    });
  });

  test("are the slice of the Markdown that their offsets name, with a repeated header or fence at most", () => {
    eachDocument((markdown, chunks) => {
      for (const chunk of chunks) {
        const slice = markdown.slice(chunk.charStart, chunk.charEnd);
        if (chunk.chunkText === slice) continue;
        const at = chunk.chunkText.indexOf(slice);
        const added = chunk.chunkText.slice(0, Math.max(0, at)) + chunk.chunkText.slice(at + slice.length);
        const isFrame =
          /^[ >\t]*(?:`{3,}|~{3,})/m.test(added) || /^[ >\t]*(?:[-*\d.]+ )*\|?.*\n[ >\t]*\|?[\s|:-]*-/.test(added);
        if (at < 0 || !isFrame) throw new Error(`chunk ${chunk.ordinal} adds ${JSON.stringify(added.slice(0, 80))}`);
      }
    });
  });

  test("never cross a heading and never split a surrogate pair", () => {
    eachDocument((markdown, chunks) => {
      const headings = parseMarkdown(markdown).blocks.filter((block) => block.kind === "heading");
      for (const chunk of chunks) {
        const crossed = headings.find((block) => block.charStart > chunk.charStart && block.charEnd <= chunk.charEnd);
        if (crossed) throw new Error(`chunk ${chunk.ordinal} crosses a heading at ${crossed.charStart}`);
        if (!chunk.chunkText.isWellFormed()) throw new Error(`chunk ${chunk.ordinal} is not well-formed`);
      }
    });
  });

  test("are in order, with honest derived fields", () => {
    eachDocument((_markdown, chunks) => {
      let last = -1;
      for (const [index, chunk] of chunks.entries()) {
        expect(chunk.ordinal).toBe(index);
        expect(chunk.charEnd).toBeGreaterThan(last);
        expect(chunk.chunkText.trim()).not.toBe("");
        expect(chunk.embeddingText).toBe(`[H] ${chunk.chunkPath}\n${chunk.chunkText}`);
        expect(chunk.textSha256).toBe(new Bun.CryptoHasher("sha256").update(chunk.embeddingText).digest("hex"));
        expect(chunk.tokenCount).toBe(estimateTokens(chunk.chunkText));
        expect(chunk.blockStartIdx).toBeLessThanOrEqual(chunk.blockEndIdx);
        last = chunk.charEnd;
      }
    });
  });

  test("are the same every time", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const markdown = randomMarkdown(seed);
      expect(chunkMarkdown(parseMarkdown(markdown), { title })).toEqual(chunkMarkdown(markdown, { title }));
    }
  });
});
