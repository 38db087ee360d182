/**
 * Plain text as Markdown that shows the same text: what would turn into markup is escaped, and only structure that any
 * reader of the plain text sees is made structure (underlined headings, lists, quotes, aligned tables and logs, which
 * only a fixed pitch keeps readable). Line breaks inside a paragraph stay breaks unless the line was merely wrapped.
 */
import { escapeInline, escapeText, fencedCode } from "../markdown/escape.ts";
import { decodeText } from "./charset.ts";
import type { Converted, ConvertLimits } from "./converted.ts";
import { sourceLanguage } from "./source_language.ts";
import { isPreformatted, isQuoted, looksLikeLog, readHeading, readList, readQuote } from "./text_shapes.ts";
import { firstHeading } from "./title.ts";

/**
 * Converts plain text. Never throws.
 * @param extension of the file name: source code and data become one fenced block.
 */
export async function convertText(bytes: Uint8Array, _limits: ConvertLimits, extension = ""): Promise<Converted> {
  const decoded = decodeText(bytes);
  // Terminal colours are escape sequences of several characters; without their first one, the rest would show.
  const text = decoded.text.replace(/\r\n?/g, "\n").replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "");
  const markdown = textToMarkdown(text, extension);
  return {
    markdown,
    title: firstHeading(markdown),
    language: null,
    metadata: decoded.charset === "utf-8" ? {} : { charset: decoded.charset },
    warnings: decoded.warnings,
  };
}

/** The Markdown of a plain text with LF line ends. */
export function textToMarkdown(text: string, extension = ""): string {
  const language = sourceLanguage(extension);
  if (language !== null) return fencedCode(text.replace(/^\n+|\s+$/g, ""), language);
  const lines = text.replace(/\f/g, "\n\n").split("\n");
  if (extension === "log" || looksLikeLog(lines)) return fencedCode(lines.join("\n").replace(/^\n+|\s+$/g, ""));
  const blocks = joinPreformatted(splitBlocks(lines));
  return blocks
    .map((block) => (block.code ? fencedCode(unindent(block.lines).join("\n")) : proseBlock(block.lines, 0)))
    .join("\n\n");
}

interface TextBlock {
  lines: string[];
  code: boolean;
}

/** Runs of lines without a blank line between them, quoted ones apart. */
function splitBlocks(lines: string[]): TextBlock[] {
  const blocks: TextBlock[] = [];
  let current: string[] = [];
  const finish = () => {
    if (current.length > 0) blocks.push({ lines: current, code: isPreformatted(current) });
    current = [];
  };
  for (const line of lines) {
    if (!/\S/.test(line)) finish();
    else {
      if (current.length > 0 && isQuoted(line) !== isQuoted(current[0]!)) finish();
      current.push(line.trimEnd());
    }
  }
  finish();
  return blocks;
}

/** Neighbouring preformatted blocks are one table or listing with blank lines in it. */
function joinPreformatted(blocks: TextBlock[]): TextBlock[] {
  const joined: TextBlock[] = [];
  for (const block of blocks) {
    const previous = joined.at(-1);
    if (block.code && previous?.code) previous.lines.push("", ...block.lines);
    else joined.push(block);
  }
  return joined;
}

function unindent(lines: string[]): string[] {
  const indents = lines.filter((line) => line !== "").map((line) => /^ */.exec(line)![0].length);
  const shared = Math.min(...indents);
  return lines.map((line) => line.slice(shared));
}

/** Text may quote text that quotes text; deeper marks stay as they are. */
const QUOTES_MAX = 8;

function proseBlock(lines: string[], depth: number): string {
  const heading = readHeading(lines);
  if (heading) {
    const title = escapeInline(heading.title).replace(/#+$/, "\\$&");
    const rest = lines.slice(heading.lines);
    const head = title === "" ? "***" : `${"#".repeat(heading.level)} ${title}`;
    return rest.length > 0 ? `${head}\n\n${proseBlock(rest, depth)}` : head;
  }
  const quoted = depth < QUOTES_MAX ? readQuote(lines) : null;
  if (quoted) {
    const inner = splitBlocks(quoted).map((block) => proseBlock(block.lines, depth + 1));
    return inner.join("\n\n").replace(/^/gm, "> ").replace(/^> $/gm, ">");
  }
  const list = readList(lines);
  if (list) {
    const before = list.before.length > 0 ? [paragraph(list.before)] : [];
    const items = list.items.map((item) => {
      const indent = " ".repeat(item.indent);
      const hang = " ".repeat(item.indent + item.marker.length + 1);
      return `${indent}${item.marker} ${paragraph(item.lines).replace(/\n/g, `\n${hang}`)}`;
    });
    return [...before, items.join("\n")].join("\n\n");
  }
  return paragraph(lines);
}

/** Widths below this are no wrapping margin: addresses, verses, short lines. */
const MARGIN_MIN = 40;

/** Line breaks of the wrapping stay bare, which readers see as blanks; the author's become hard breaks. */
function paragraph(lines: string[]): string {
  const trimmed = lines.map((line) => line.trim());
  const margin = Math.max(...trimmed.map((line) => line.length));
  const escaped = escapeText(trimmed.join("\n")).split("\n");
  return escaped
    .map((line, at) => {
      if (at + 1 === escaped.length) return line;
      return margin >= MARGIN_MIN && isWrapped(trimmed[at]!, trimmed[at + 1]!, margin) ? line : `${line}\\`;
    })
    .join("\n");
}

/** A line was wrapped if the next word would not have fitted, or if a sentence plainly goes on. */
function isWrapped(line: string, next: string, margin: number): boolean {
  const word = /^\S+/.exec(next)?.[0].length ?? 0;
  if (line.length + 1 + word > margin - 2) return true;
  return line.length >= margin / 2 && !/[.:;!?]$/.test(line) && /^\p{Ll}/u.test(next);
}
