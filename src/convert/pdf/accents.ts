/**
 * Puts accents and their letters together. TeX and old PostScript fonts have no accented letters: they print the accent
 * as a glyph of its own, over the letter that follows or, rarely, that came before.
 */
import type { Glyph } from "./page_content.ts";

/** Spacing accents and the combining marks that they stand for. */
const COMBINING = new Map([
  ["\u0060", "\u0300"],
  ["\u00b4", "\u0301"],
  ["\u02c6", "\u0302"],
  ["\u02dc", "\u0303"],
  ["\u00af", "\u0304"],
  ["\u02c9", "\u0304"],
  ["\u02d8", "\u0306"],
  ["\u02d9", "\u0307"],
  ["\u00a8", "\u0308"],
  ["\u02da", "\u030a"],
  ["\u02dd", "\u030b"],
  ["\u02c7", "\u030c"],
  ["\u00b8", "\u0327"],
  ["\u02db", "\u0328"],
]);
const DOTTED: Record<string, string> = { "\u0131": "i", "\u0237": "j" };
const LETTER = /^\p{L}\p{M}*$/u;

/** The glyphs with accents joined to the letters that they are printed over; others stay as they are. */
export function withAccents(glyphs: readonly Glyph[]): readonly Glyph[] {
  if (!glyphs.some((glyph) => COMBINING.has(glyph.text))) return glyphs;
  const result: Glyph[] = [];
  for (let index = 0; index < glyphs.length; index++) {
    const glyph = glyphs[index]!;
    const mark = COMBINING.get(glyph.text);
    const next = glyphs[index + 1];
    const last = result.at(-1);
    if (mark && next && isOver(glyph, next)) {
      result.push(accented(next, mark));
      index++;
    } else if (mark && last && isOver(glyph, last)) result[result.length - 1] = accented(last, mark);
    else result.push(glyph);
  }
  return result;
}

function accented(letter: Glyph, mark: string): Glyph {
  return { ...letter, text: ((DOTTED[letter.text] ?? letter.text) + mark).normalize("NFC") };
}

/** Whether the middle of the accent lies within the letter, at about its height. */
function isOver(accent: Glyph, letter: Glyph): boolean {
  if (!LETTER.test(letter.text) || Math.abs(accent.y - letter.y) > letter.size * 0.6) return false;
  const middle = accent.x + accent.width / 2;
  return middle > letter.x - letter.width * 0.1 && middle < letter.x + letter.width * 1.1;
}
