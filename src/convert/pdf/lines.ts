/**
 * Makes lines of a region: chunks on one baseline become one line, with its text in reading order, its style, and the
 * links that lie over it.
 */
import { hasRightToLeft } from "./bidi.ts";
import type { Link } from "./page_content.ts";
import { blanksBefore, type Chunk, type Span, type Table, textOf } from "./rows.ts";
import { UNKNOWN } from "./text_state.ts";
import type { Word } from "./words.ts";

export interface Line {
  page: number;
  words: Word[];
  chunks: Chunk[];
  spans: Span[];
  text: string;
  x1: number;
  x2: number;
  y: number;
  top: number;
  bottom: number;
  size: number;
  /** All letters are bold. */
  bold: boolean;
  /** Share of letters that are bold. */
  boldness: number;
  /** All letters are of one width. */
  mono: boolean;
  italic: boolean;
  /** The producer marked it as page decoration. */
  artifact: boolean;
  /** It runs in another direction than the page, like a stamp on the margin. */
  aside: boolean;
  /** Level of the heading as which all of it is tagged, or 0. */
  tagged: number;
  /** A line that is a table as a whole has no words. */
  table?: Table;
}

/** Lines of a region from top to bottom. `rightward`: whether the page as a whole runs from right to left. */
export function linesOf(region: readonly Chunk[], page: number, links: readonly Link[], rightward: boolean): Line[] {
  const rows: Chunk[][] = [];
  for (const chunk of [...region].sort((a, b) => a.y - b.y || a.x1 - b.x1)) {
    const row = rows.at(-1);
    if (row && sharesRow(row[0]!, chunk)) row.push(chunk);
    else rows.push([chunk]);
  }
  return rows.map((row) =>
    lineOf(
      row.sort((a, b) => a.x1 - b.x1),
      page,
      links,
      rightward,
    ),
  );
}

function sharesRow(a: Chunk, b: Chunk): boolean {
  if (a.table || b.table) return false;
  const shared = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return shared > 0.5 * Math.min(a.bottom - a.top, b.bottom - b.top);
}

export function lineOf(chunks: Chunk[], page: number, links: readonly Link[], rightward: boolean): Line {
  const words = chunks.flatMap((chunk) => chunk.words);
  const main = chunks.reduce((best, chunk) => (weightOf(chunk.words) > weightOf(best.words) ? chunk : best));
  const weight = weightOf(words);
  const share = (test: (word: Word) => boolean) => weightOf(words.filter(test)) / Math.max(1, weight);
  const boldness = share((word) => word.font.bold);
  const spans = spansOf(words, links, rightward);
  const text = spans.map((span) => span.text).join("");
  return {
    page,
    words,
    chunks,
    spans,
    text,
    x1: Math.min(...chunks.map((chunk) => chunk.x1)),
    x2: Math.max(...chunks.map((chunk) => chunk.x2)),
    y: main.y,
    top: main.top,
    bottom: main.bottom,
    size: main.size,
    bold: boldness > 0.95,
    boldness,
    // Fonts of Chinese and Japanese characters are all of one width.
    mono: share((word) => word.font.mono) > 0.9 && !WIDE.test(text),
    italic: share((word) => word.font.italic) > 0.95,
    artifact: words.every((word) => word.artifact),
    aside: false,
    tagged: 0,
    ...(main.table ? { table: main.table } : {}),
  };
}

const WIDE = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]/;

function weightOf(words: readonly Word[]): number {
  return words.reduce((sum, word) => sum + word.parts.length, 0);
}

/** Presentation forms that only a font needs: ligatures, Arabic letter shapes, radicals. Superscripts and ½ stay. */
const PRESENTATION = /[\ufb00-\ufb4f\ufb50-\ufdff\ufe70-\ufefc\u2e80-\u2fd5\uf900-\ufaff]+/g;
/** Leaders of a table of contents. */
const LEADERS = /(?:[.·…_]\s?){5,}|(?:\. ){3,}\.?/g;

export function readable(text: string): string {
  return text
    .replace(PRESENTATION, (forms) => forms.normalize("NFKC"))
    .replace(/(?<=.)\ufffd+/gu, "")
    .replace(LEADERS, " … ")
    .replace(/\s+/g, " ")
    .normalize("NFC");
}

/** The words as spans; the order of a line with right-to-left text is restored as a whole, its links are dropped. */
export function spansOf(all: readonly Word[], links: readonly Link[], rightward: boolean): Span[] {
  // Glyphs of unknown meaning are kept where they may be bullets.
  const words = all.filter((word, index) => index === 0 || word.parts.some((part) => part !== UNKNOWN)).map(asBullet);
  const raw = words.map((word) => word.parts.join("")).join(" ");
  if (words.length === 0) return [];
  if (links.length === 0 || hasRightToLeft(raw)) {
    const whole = links.find((link) => words.every((word) => covers(link, word)));
    return [{ text: readable(textOf(words, rightward || undefined)).trim(), url: whole?.url ?? null }];
  }
  const spans: Span[] = [];
  const blanks = blanksBefore(words);
  for (const [index, word] of words.entries()) {
    const url = links.find((link) => covers(link, word))?.url ?? null;
    const blank = blanks[index] ? " " : "";
    const text = word.parts.join("");
    const last = spans.at(-1);
    if (last && last.url === url) last.text += blank + text;
    else if (last?.url) spans.push({ text: blank + text, url });
    else {
      if (last) last.text += blank;
      spans.push({ text, url });
    }
  }
  return spans.map((span) => ({ ...span, text: readable(span.text) }));
}

/** An ornament at the start of a line is a bullet, whatever letter its font has it under. */
function asBullet(word: Word, index: number): Word {
  return index === 0 && word.font.dingbats && word.parts.length === 1 ? { ...word, parts: [UNKNOWN] } : word;
}

/** Most of the word lies in the link's box. */
function covers(link: Link, word: Word): boolean {
  const middleY = word.y - word.size * 0.3;
  if (middleY < link.y1 || middleY > link.y2) return false;
  const shared = Math.min(link.x2, word.x2) - Math.max(link.x1, word.x1);
  return shared > 0.5 * (word.x2 - word.x1);
}
