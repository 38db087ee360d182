/**
 * Puts glyphs together into words. Glyphs come in the order in which the producer painted them, which within a word is
 * nearly always the order of reading; what is torn apart here is joined again when the words of a row meet (rows.ts).
 */
import type { FontStyle, Glyph, Quadrant } from "./page_content.ts";
import { UNKNOWN } from "./text_state.ts";

/** Glyphs without a gap between them, on one baseline, in one size. */
export interface Word {
  /** Texts of the glyphs from left to right as shown; logical order is restored for a whole line (bidi.ts). */
  parts: string[];
  x1: number;
  x2: number;
  /** Baseline. */
  y: number;
  size: number;
  font: FontStyle;
  mark: number;
  artifact: boolean;
  /** Whether the producer painted a blank behind it. */
  blankAfter: boolean;
  /** Place in the order of painting. */
  order: number;
}

/** A gap that makes a new word, in parts of the font size (poppler uses the same figure). */
const WORD_GAP = 0.1;
/** How far glyphs may overlap within a word: kerning, accents placed over letters. */
const OVERLAP = 0.35;
/** Points by which glyphs of a word may stand higher or lower. */
const BASELINE = 0.5;
const MARK = /^\p{M}+$/u;

/** Turns coordinates so that text that advances in `quadrant` runs from left to right. */
export function upright(glyphs: readonly Glyph[], quadrant: Quadrant, width: number, height: number): Glyph[] {
  return glyphs.map((glyph) => {
    const [x, y] = turn(glyph.x, glyph.y, quadrant, width, height);
    return { ...glyph, x, y, quadrant: 0 };
  });
}

/** Where a point of the page goes when the page is turned so that `quadrant` points right. */
export function turn(x: number, y: number, quadrant: Quadrant, width: number, height: number): [number, number] {
  if (quadrant === 0) return [x, y];
  if (quadrant === 1) return [y, width - x];
  if (quadrant === 2) return [width - x, height - y];
  return [height - y, x];
}

/** Words of glyphs that all run from left to right. */
export function wordsOf(glyphs: readonly Glyph[]): Word[] {
  const words: Word[] = [];
  let word: Word | undefined;
  for (const glyph of glyphs) {
    if (glyph.text === " ") {
      if (word) word.blankAfter = true;
      word = undefined;
      continue;
    }
    if (word && glyph.text !== UNKNOWN && continues(word, glyph)) {
      word.parts.push(glyph.text);
      word.x2 = Math.max(word.x2, glyph.x + glyph.width);
      continue;
    }
    word = {
      parts: [glyph.text],
      x1: glyph.x,
      x2: glyph.x + glyph.width,
      y: glyph.y,
      size: glyph.size,
      font: glyph.font,
      mark: glyph.mark,
      artifact: glyph.artifact,
      blankAfter: false,
      order: words.length,
    };
    words.push(word);
    // A glyph of unknown meaning may be a bullet or a blank, and is no letter of a word.
    if (glyph.text === UNKNOWN) word = undefined;
  }
  return words;
}

function continues(word: Word, glyph: Glyph): boolean {
  const size = word.size;
  if (word.font !== glyph.font && (word.font.bold !== glyph.font.bold || word.font.mono !== glyph.font.mono))
    return false;
  if (Math.abs(glyph.size - size) > size * 0.05 || Math.abs(glyph.y - word.y) > BASELINE) return MARK.test(glyph.text);
  if (word.artifact !== glyph.artifact) return false;
  const gap = glyph.x - word.x2;
  return gap < WORD_GAP * size && gap > -OVERLAP * size;
}
