/**
 * Writes the blocks as Markdown.
 */
import { escapeInline, escapeLineStart, fencedCode, linkDestination } from "../../markdown/escape.ts";
import { gfmTable } from "../../markdown/table.ts";
import type { Block } from "./blocks.ts";
import type { Span } from "./rows.ts";
import { UNKNOWN } from "./text_state.ts";

/** Inline Markdown of spans; touching spans of one link are one link. */
export function writeSpans(spans: readonly Span[]): string {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last && last.url === span.url) last.text += span.text;
    else merged.push({ ...span });
  }
  let markdown = "";
  for (const { text: raw, url } of merged) {
    const text = raw.replaceAll(UNKNOWN, "•");
    if (url === null) {
      markdown += escapeInline(text, { before: markdown.at(-1) ?? "" });
      continue;
    }
    const label = text.trim();
    if (label === "") markdown += text;
    else {
      const [before, after] = [text.startsWith(" ") ? " " : "", text.endsWith(" ") ? " " : ""];
      markdown += `${before}[${escapeInline(label, { inLink: true })}](${linkDestination(url)})${after}`;
    }
  }
  return markdown.replace(/\s+/g, " ").trim();
}

/** The document as Markdown, ending with a line end unless empty. */
export function writeBlocks(blocks: readonly Block[]): string {
  const pieces: string[] = [];
  /** Widths of the markers of the open list, by depth: the content of an item is indented by them. */
  let widths: number[] = [];
  let previous: Block | undefined;
  for (const block of blocks) {
    if (block.kind !== "item") widths = [];
    const text = block.kind === "item" ? writeItem(block, widths) : writeBlock(block);
    if (text === "") continue;
    if (pieces.length > 0) pieces.push(block.kind === "item" && previous?.kind === "item" ? "\n" : "\n\n");
    pieces.push(text);
    previous = block;
  }
  return pieces.length > 0 ? `${pieces.join("")}\n` : "";
}

function writeBlock(block: Exclude<Block, { kind: "item" }>): string {
  switch (block.kind) {
    case "heading": {
      const text = writeSpans(block.spans);
      return text === "" ? "" : `${"#".repeat(block.level)} ${text.replace(/(#+)$/, "\\$1")}`;
    }
    case "paragraph":
      return escapeLineStart(writeSpans(block.spans));
    case "code":
      return fencedCode(block.text);
    case "table":
      return gfmTable(
        block.rows.map((row, index) =>
          row.map((cell) => ({ text: writeSpans(cell), header: index === 0 && block.header })),
        ),
      );
  }
}

function writeItem(block: Extract<Block, { kind: "item" }>, widths: number[]): string {
  const marker = block.ordered ? `${block.number}. ` : "- ";
  widths.length = Math.min(widths.length, block.depth);
  const indent = " ".repeat(widths.reduce((sum, width) => sum + width, 0));
  widths.push(marker.length);
  return `${indent}${marker}${escapeLineStart(writeSpans(block.spans))}`;
}
