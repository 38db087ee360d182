/**
 * The last, deterministic pass over every converter's output: one canonical form of characters, line ends and blanks,
 * and nothing in it that a browser would execute. Characters are cleaned everywhere; blanks and links only outside of
 * code, for which markdown-it's block rules say exactly where code is. A text that needs no such work is recognised by
 * a few regular expressions and never parsed, so clean converter output costs almost nothing.
 */
import MarkdownIt, { type Token } from "markdown-it";
import type { Warning } from "../convert/converted.ts";
import { disarmHtml, disarmInline, mayBeActive } from "./inert.ts";

export interface Normalised {
  markdown: string;
  warnings: Warning[];
}

/** Bumped whenever the output for some input changes: part of the version of a conversion. */
export const NORMALISER_VERSION = "1";

/** Disarming can change how the next lines parse (a script block becomes text), so it is repeated until it rests. */
const PASSES_MAX = 6;

/**
 * Brings Markdown into canonical form: NFC, LF, no control characters, no trailing blanks, at most one blank line in a
 * row, one line end at the end; bytes of code blocks stay. Scripts, event handlers and `javascript:` links are made
 * inert. Idempotent and linear in the length of the text.
 */
export function normaliseMarkdown(markdown: string): Normalised {
  const warnings = new WarningCounter();
  let text = cleanCharacters(markdown, warnings);
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const cleaned = cleanBlocks(text, warnings);
    text = cleaned.text;
    if (!cleaned.disarmed) break;
  }
  text = text.replace(/^\n+/, "").trimEnd();
  // At the very start of a file this thematic break would read as the start of front matter.
  if (/^---(?:\n|$)/.test(text)) text = `***${text.slice(3)}`;
  return { markdown: text === "" ? "" : `${text}\n`, warnings: warnings.list() };
}

/** Folds equal warnings into one with a count. */
export class WarningCounter {
  private readonly found = new Map<string, Warning & { count: number }>();

  add(code: string, message: string, count = 1): void {
    const known = this.found.get(code);
    if (known) known.count += count;
    else this.found.set(code, { code, message, count });
  }

  list(): Warning[] {
    return [...this.found.values()];
  }
}

/** C0 and C1 controls but tab and line feed, byte order marks, and the two overrides that show text in false order. */
const UNWANTED = /[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff\u202d\u202e]/;
const UNWANTED_RUNS = /\x1b\[[0-9;?]*[ -/]*[@-~]|[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff\u202d\u202e]/g;

function cleanCharacters(markdown: string, warnings: WarningCounter): string {
  let text = markdown.isWellFormed() ? markdown : markdown.toWellFormed();
  if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n");
  if (UNWANTED.test(text)) {
    let controls = 0;
    let overrides = 0;
    text = text.replace(UNWANTED_RUNS, (run) => {
      if (run === "\ufeff") return "";
      if (run === "\u202d" || run === "\u202e") overrides++;
      else controls++;
      // Vertical tab, form feed and "next line" separate words.
      return run === "\v" || run === "\f" || run === "\x85" ? " " : "";
    });
    if (controls) warnings.add("control_characters_removed", "Control characters were removed.", controls);
    if (overrides)
      warnings.add("bidi_overrides_removed", "Characters that override the direction of text were removed.", overrides);
  }
  // Everything below U+0300 is its own composed form.
  return /[\u0300-\uffff]/.test(text) ? limitMarks(text).normalize("NFC") : text;
}

/**
 * Ordering a run of combining marks takes quadratic time, so longer runs are divided as Unicode's stream-safe text
 * format does (UAX #15, D4): no language stacks thirty marks.
 */
function limitMarks(text: string): string {
  const tooMany = /(?:(?!\u034f)\p{M}){31}/u;
  return tooMany.test(text) ? text.replace(/(?:(?!\u034f)\p{M}){30}(?=(?!\u034f)\p{M})/gu, "$&\u034f") : text;
}

const UNTIDY = /[ \t]\n|[ \t]$|\n\n\n/;

/** Lines that are kept byte for byte. */
const VERBATIM = 1;
/** Lines of a paragraph but its last: two blanks at their end are a hard break. */
const BREAKABLE = 2;

/** What one pass carries from piece to piece. */
interface Pass {
  /** Whether there may be something to disarm, and whether something was. */
  active: boolean;
  disarmed: boolean;
  warnings: WarningCounter;
  out: string[];
}

function cleanBlocks(text: string, warnings: WarningCounter): { text: string; disarmed: boolean } {
  const active = mayBeActive(text);
  if (!active && !UNTIDY.test(text)) return { text, disarmed: false };
  const pass: Pass = { active, disarmed: false, warnings, out: [] };
  for (let from = 0; from < text.length; ) from = cleanPiece(text, from, pass);
  return { text: pass.out.join(""), disarmed: pass.disarmed };
}

/** A piece is parsed at a time, which bounds the memory that tokens take. */
const PIECE = 1 << 20;

/** Cleans from one top-level block start on, and returns where the next piece starts. */
function cleanPiece(text: string, from: number, pass: Pass): number {
  for (let size = PIECE; ; size *= 2) {
    const newline = from + size < text.length ? text.indexOf("\n", from + size) : -1;
    const end = newline < 0 ? text.length : newline + 1;
    const lines = text.slice(from, end).split("\n");
    const tokens = parseBlocks(lines.join("\n"));
    const last =
      end < text.length
        ? tokens.findLast((token) => token.level === 0 && token.map !== null && token.nesting >= 0)
        : undefined;
    const cut = last?.map?.[0] ?? lines.length;
    // Code that fills the whole piece must be seen to its end; a giant list or table may be cut at any line.
    if (cut === 0 && (last?.type === "fence" || last?.type === "html_block" || last?.type === "code_block")) continue;
    const used = cut === 0 ? lines.length - 1 : cut;
    let length = 0;
    for (let line = 0; line < used; line++) length += lines[line]!.length + 1;
    const whole = end === text.length && used === lines.length;
    pass.out.push(cleanLines(lines, used, tokens, pass).join("\n"), whole ? "" : "\n");
    if (whole) return end;
    return from + length;
  }
}

const parser = new MarkdownIt({ html: true });

function parseBlocks(source: string): Token[] {
  const tokens: Token[] = [];
  parser.block.parse(source, parser, {} as Parameters<typeof parser.block.parse>[2], tokens);
  return tokens;
}

/** The first `used` lines in canonical form. */
function cleanLines(lines: string[], used: number, tokens: Token[], pass: Pass): string[] {
  const kinds = new Uint8Array(lines.length + 1);
  for (const token of tokens) markLines(token, lines, kinds);
  if (pass.active) disarm(lines, used, tokens, pass);
  const clean: string[] = [];
  let blank = false;
  for (let at = 0; at < used; at++) {
    const line = lines[at]!;
    if (kinds[at] === VERBATIM) {
      clean.push(line);
      blank = false;
      continue;
    }
    const tidy = trimLine(line, kinds[at] === BREAKABLE);
    if (tidy !== "" || !blank) clean.push(tidy);
    blank = tidy === "";
  }
  return clean;
}

/** Code keeps its bytes, and so does preformatted HTML. */
function markLines(token: Token, lines: string[], kinds: Uint8Array): void {
  if (!token.map) return;
  const [start, end] = token.map;
  if (token.type === "paragraph_open") kinds.fill(BREAKABLE, start, end - 1);
  else if (token.type === "fence") kinds.fill(VERBATIM, start + 1, end);
  else if (token.type === "html_block" && /^[\s>]*<(?:pre|textarea)[\s>]/i.test(lines[start]!))
    kinds.fill(VERBATIM, start, end);
  else if (token.type === "code_block") {
    let last = end;
    while (last > start && !/\S/.test(lines[last - 1]!)) last--;
    kinds.fill(VERBATIM, start, last);
  }
}

/** Trailing blanks go, but two of them can be a hard break. */
function trimLine(line: string, breakable: boolean): string {
  const last = line.charCodeAt(line.length - 1);
  if (last !== 32 && last !== 9) return line;
  let end = line.length;
  while (end > 0 && (line.charCodeAt(end - 1) === 32 || line.charCodeAt(end - 1) === 9)) end--;
  const isBreak = breakable && line.endsWith("  ") && line.slice(0, end).trim() !== "";
  return isBreak ? `${line.slice(0, end)}  ` : line.slice(0, end);
}

/** Disarms every line that is not code, each leaf as a whole, since code spans and tags may go over line ends. */
function disarm(lines: string[], used: number, tokens: Token[], pass: Pass): void {
  const done = new Uint8Array(lines.length);
  const edit = (start: number, end: number, change: (text: string) => string): void => {
    done.fill(1, start, end);
    const before = end - start === 1 ? lines[start]! : lines.slice(start, end).join("\n");
    const after = change(before);
    if (after === before) return;
    pass.disarmed = true;
    // The number of lines stays: what a removed script leaves are empty lines.
    const changed = after.split("\n");
    for (let at = start; at < end; at++) lines[at] = changed[at - start] ?? "";
  };
  const inline = (text: string) => disarmInline(text, pass.warnings);
  // Cells are split before code spans are paired, so a backtick never pairs with one of another cell.
  const cells = (text: string) =>
    text
      .split(/((?<!\\)\||\n)/)
      .map(inline)
      .join("");
  for (const token of tokens) {
    if (!token.map || token.map[0] >= used) continue;
    const [start, end] = token.map;
    if (token.type === "html_block") edit(start, end, (text) => disarmHtml(text, pass.warnings));
    else if (token.type === "fence" || token.type === "code_block") done.fill(1, start, end);
    else if (token.type === "paragraph_open" || token.type === "heading_open") edit(start, end, inline);
    else if (token.type === "table_open") edit(start, end, cells);
  }
  for (let at = 0; at < used; at++) if (done[at] === 0) edit(at, at + 1, inline);
}
