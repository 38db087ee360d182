/**
 * Estimates how many tokens an embedding model makes of a text, without a tokenizer: one pass over the characters with
 * costs per kind of run, fitted to BERT's WordPiece (the 512-token models) and cl100k (the hosted ones), leaning to the
 * dearer of the two where they differ, since a model refuses or silently cuts what exceeds its window. Other scripts and
 * languages are priced between the multilingual vocabularies and cl100k: no English WordPiece model reads them.
 * Cutting a text anywhere never lowers its cost: the costs of the pieces add up to at least that of the whole. The
 * chunker relies on it to hold its hard limit by adding up.
 */

/** Costs are integers, this many to a token, so that sums are exact. */
export const UNITS_PER_TOKEN = 20;

/** Estimated tokens of a text, rounded up. */
export function estimateTokens(text: string): number {
  return Math.ceil(tokenUnits(text, 0, text.length) / UNITS_PER_TOKEN);
}

// Kinds of characters below U+0080. Other kinds are ranges, see `wideUnits`.
const BLANK = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
const PUNCTUATION = 4;
const NEWLINE = 5;

const KIND = new Uint8Array(128).fill(PUNCTUATION);
for (let code = 0; code <= 32; code++) KIND[code] = BLANK;
KIND[10] = NEWLINE;
KIND[127] = BLANK;
for (let code = 48; code <= 57; code++) KIND[code] = DIGIT;
for (let code = 65; code <= 90; code++) KIND[code] = UPPER;
for (let code = 97; code <= 122; code++) KIND[code] = LOWER;

/** Units of a word of n ASCII letters; English up to 14 is nearly always one or two pieces, longer ones fall apart. */
const WORD_UNITS = [0, 20, 20, 20, 21, 22, 23, 24, 25, 27, 30, 31, 33, 36, 40, 46];
const LONG_WORD_UNITS_PER_LETTER = 5;
/** Units of a run of n capitals: acronyms are rare words. */
const CAPITAL_UNITS_PER_LETTER = 8;
/** A word part of camelCase is seldom a word that the vocabulary knows in that place. */
const CAMEL_UNITS = 6;

/** Cost of `text[start, end)` in units (`UNITS_PER_TOKEN` to a token). */
export function tokenUnits(text: string, start: number, end: number): number {
  let units = 0;
  let at = start;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code >= 128) {
      units += wideUnits(code);
      at++;
      continue;
    }
    const kind = KIND[code]!;
    const runStart = at++;
    if (kind === BLANK) {
      while (at < end && isKind(text.charCodeAt(at), BLANK)) at++;
      if (at - runStart > 1) units += 4;
      continue;
    }
    if (kind === PUNCTUATION) {
      units += 20;
    } else if (kind === LOWER || kind === UPPER) {
      while (at < end && isKind(text.charCodeAt(at), kind)) at++;
      let length = at - runStart;
      if (kind === UPPER) {
        if (length > 1) units += 10 + length * CAPITAL_UNITS_PER_LETTER;
        const lowerStart = at;
        while (at < end && isKind(text.charCodeAt(at), LOWER)) at++;
        if (length > 1 && at === lowerStart) continue;
        if (length > 1) length = 0;
        length += at - lowerStart;
      }
      units += wordUnits(length);
      if (at < end && isKind(text.charCodeAt(at), UPPER)) units += CAMEL_UNITS;
    } else if (kind === DIGIT) {
      while (at < end && isKind(text.charCodeAt(at), DIGIT)) at++;
      units += 10 + 10 * (at - runStart);
    } else {
      while (at < end && isKind(text.charCodeAt(at), NEWLINE)) at++;
      units += 8;
    }
  }
  return units;
}

function isKind(code: number, kind: number): boolean {
  return code < 128 && KIND[code] === kind;
}

function wordUnits(length: number): number {
  return length < WORD_UNITS.length
    ? WORD_UNITS[length]!
    : WORD_UNITS[WORD_UNITS.length - 1]! + (length - WORD_UNITS.length + 1) * LONG_WORD_UNITS_PER_LETTER;
}

/** Units of one UTF-16 unit outside ASCII, by script. */
function wideUnits(code: number): number {
  if (code < 0x0250) return code < 0x00c0 ? 20 : 15; // Latin-1 signs; letters with accents cut words
  if (code < 0x0400) return 13; // Greek
  if (code < 0x0530) return 10; // Cyrillic
  if (code < 0x0590) return 16; // Armenian
  if (code < 0x0900) return 13; // Hebrew, Arabic and neighbours
  if (code < 0x0e00) return 20; // Indic scripts
  if (code < 0x0f00) return 16; // Thai, Lao
  if (code < 0x1100) return 22;
  if (code < 0x1200) return 16; // Hangul parts
  if (code < 0x2000) return 22;
  if (code < 0x2e80) return 20; // punctuation, arrows, symbols
  if (code < 0x3040) return 20;
  if (code < 0x3100) return 18; // kana
  if (code < 0xa000) return 24; // Han
  if (code >= 0xac00 && code < 0xd7b0) return 26; // Hangul syllables
  if (code >= 0xd800 && code < 0xe000) return 26; // half of an emoji or a rare character
  return 22;
}
