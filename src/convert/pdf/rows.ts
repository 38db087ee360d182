/**
 * Groups words into rows (what stands side by side on a baseline) and rows into chunks (words with nothing but word
 * spacing between them). Whether two chunks of a row belong to one line, to two columns or to two cells is decided later.
 */
import { hasRightToLeft, leansRight, logicalOrder } from "./bidi.ts";
import type { Word } from "./words.ts";

/** Words of one row, close together. */
export interface Chunk {
  words: Word[];
  x1: number;
  x2: number;
  /** Baseline of most of it. */
  y: number;
  /** Size of most of it. */
  size: number;
  top: number;
  bottom: number;
  /** How much text it is; wide scripts count double, since a word has fewer of their letters. */
  letters: number;
  /** Stands for a whole table, which is placed in the flow like a text as large as it is. */
  table?: Table;
}

/** A table: rows of cells, each a text in spans. */
export interface Table {
  rows: Cell[][];
  /** Whether the first row names the columns. */
  header: boolean;
}

/** The lines of a cell. */
export type Cell = Span[][];

/** A stretch of text, inside a link or not. */
export interface Span {
  text: string;
  url: string | null;
}

/** Wider gaps than this, in font sizes, may be more than word spacing. Justified lines reach it only when very loose. */
const CHUNK_GAP = 0.75;
/** Heights above and below the baseline, in font sizes. */
const ASCENT = 0.75;
const DESCENT = 0.22;

export function wordTop(word: Word): number {
  return word.y - word.size * ASCENT;
}

export function wordBottom(word: Word): number {
  return word.y + word.size * DESCENT;
}

/** Rows from top to bottom, the words of each from left to right. */
export function rowsOf(words: readonly Word[]): Word[][] {
  const rows: { top: number; bottom: number; y: number; size: number; words: Word[] }[] = [];
  const ordered = [...words].sort((a, b) => a.y - b.y || a.x1 - b.x1);
  for (const word of ordered) {
    const top = wordTop(word);
    const bottom = wordBottom(word);
    let best: (typeof rows)[number] | undefined;
    let bestShare = 0.5;
    for (let index = rows.length - 1; index >= 0 && index >= rows.length - 12; index--) {
      const row = rows[index]!;
      const shared = Math.min(bottom, row.bottom) - Math.max(top, row.top);
      const share = shared / Math.min(bottom - top, row.bottom - row.top);
      if (share > bestShare && !isOverprinted(row, word)) {
        best = row;
        bestShare = share;
      }
    }
    if (!best) rows.push({ top, bottom, y: word.y, size: word.size, words: [word] });
    else {
      best.words.push(word);
      if (word.size > best.size * 1.05 && best.words.length < 4)
        Object.assign(best, { top, bottom, y: word.y, size: word.size });
    }
  }
  rows.sort((a, b) => a.y - b.y);
  return rows.map((row) => row.words.sort((a, b) => a.x1 - b.x1 || a.order - b.order));
}

/** A text of another size printed across a row, such as a stamp, is a row of its own. Raised and lowered signs are not. */
function isOverprinted(row: { y: number; size: number; words: readonly Word[] }, word: Word): boolean {
  const [small, large] = word.size < row.size ? [word.size, row.size] : [row.size, word.size];
  if (small > large * 0.92 && Math.abs(row.y - word.y) < small * 0.12) return false;
  return row.words.some((other) => {
    if (Math.min(other.parts.length, word.parts.length) < 3) return false;
    const shared = Math.min(other.x2, word.x2) - Math.max(other.x1, word.x1);
    return shared > 0.4 * Math.min(other.x2 - other.x1, word.x2 - word.x1);
  });
}

/** The chunks of a page, rows from top to bottom. */
export function chunksOf(words: readonly Word[]): Chunk[] {
  return rowsOf(words).flatMap((row) => {
    const chunks: Word[][] = [];
    let end = -Infinity;
    let previous: Word | undefined;
    for (const word of row) {
      if (previous && isDuplicate(previous, word)) continue;
      const size = Math.max(word.size, previous?.size ?? 0);
      if (previous && word.x1 - end < CHUNK_GAP * size) chunks.at(-1)!.push(word);
      else chunks.push([word]);
      end = Math.max(word.x2, previous ? end : -Infinity);
      previous = word;
    }
    return chunks.map(chunkOf);
  });
}

/** The same word painted twice a little apart: a shadow, or bold made by overprinting. */
function isDuplicate(a: Word, b: Word): boolean {
  if (a.parts.length !== b.parts.length || Math.abs(a.x1 - b.x1) > a.size * 0.2) return false;
  return (
    Math.abs(a.x2 - b.x2) < a.size * 0.25 && Math.abs(a.y - b.y) < a.size * 0.2 && a.parts.join("") === b.parts.join("")
  );
}

export function chunkOf(words: Word[]): Chunk {
  const sizes = new Map<number, number>();
  let main = words[0]!;
  for (const word of words) {
    const key = Math.round(word.size * 2);
    const weight = (sizes.get(key) ?? 0) + word.parts.length;
    sizes.set(key, weight);
    if (weight > (sizes.get(Math.round(main.size * 2)) ?? 0)) main = word;
  }
  return {
    words,
    x1: Math.min(...words.map((word) => word.x1)),
    x2: Math.max(...words.map((word) => word.x2)),
    y: main.y,
    size: main.size,
    top: wordTop(main),
    bottom: wordBottom(main),
    letters: lettersOf(words),
  };
}

function lettersOf(words: readonly Word[]): number {
  let letters = 0;
  for (const word of words) for (const part of word.parts) letters += part >= "\u2e80" ? 2 : part.length;
  return letters;
}

/** Scripts written without blanks between words. Hangul is written with them. */
const UNSPACED = /^[\u2e80-\u2fdf\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]|^[\ud840-\ud87f]/;
const UNSPACED_END = /[\u2e80-\u2fdf\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]$/;

/** Words torn apart by a change of font or baseline are apart if there is any gap at all (poppler uses the same figure). */
const BLANK_GAP = 0.03;
/** In letter-spaced text, the gap between words in parts of the gap between letters. */
const SPACED_OUT = 1.3;
/** Letters further apart than this, in font sizes, are words, such as the digits of a table. */
const LETTER_GAP_MAX = 0.4;

/** The least gap that is a blank, for words of one row. */
function blankGap(words: readonly Word[]): number {
  const size = words[0]?.size ?? 0;
  if (words.length < 3 || words[0]!.parts.length > 1 || words[1]!.parts.length > 1) return size * BLANK_GAP;
  let least = Infinity;
  for (let index = 1; index < words.length; index++) {
    if (words[index]!.parts.length > 1) return size * BLANK_GAP;
    least = Math.min(least, words[index]!.x1 - words[index - 1]!.x2);
  }
  return least > 0 && least < size * LETTER_GAP_MAX ? least * SPACED_OUT : size * BLANK_GAP;
}

/** For each word of a row whether it is written apart from the one before. */
export function blanksBefore(words: readonly Word[]): boolean[] {
  const least = blankGap(words);
  return words.map((word, index) => index > 0 && isApart(words[index - 1]!, word, least));
}

const WORDLIKE = /^[\p{L}\p{N}]/u;

/**
 * Where Arabic or Hebrew meets Latin, the blank between them was painted on the other side of one of them as often as
 * not: they are always taken apart.
 */
function isApart(left: Word, right: Word, least: number): boolean {
  const gap = right.x1 - left.x2;
  const last = left.parts.at(-1) ?? "";
  const first = right.parts[0] ?? "";
  if (UNSPACED_END.test(last) && UNSPACED.test(first)) return gap > Math.max(left.size, right.size) * 0.8;
  if (hasRightToLeft(last) !== hasRightToLeft(first) && WORDLIKE.test(last) && WORDLIKE.test(first)) return true;
  return gap >= least || (left.blankAfter && right.order === left.order + 1 && gap > -0.3 * left.size);
}

/** The text of words that stand in a row, in reading order. */
export function textOf(words: readonly Word[], rightward?: boolean): string {
  const blanks = blanksBefore(words);
  const parts: string[] = [];
  for (const [index, word] of words.entries()) {
    if (blanks[index]) parts.push(" ");
    parts.push(...word.parts);
  }
  const text = parts.join("");
  if (!hasRightToLeft(text)) return text;
  return logicalOrder(parts, rightward ?? leansRight(parts)).join("");
}
