/**
 * The same reading of a text as in words.ts, for texts that are all ASCII, as most are: one pass over the characters with
 * a table of their classes instead of several over Unicode properties. A test holds the two to the same answers.
 */
import { addCompound, type FtsText, MAX_NAMES, MAX_WORD_LENGTH, pushHumps } from "./words.ts";

const OTHER = 0;
const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;

const CLASS = new Uint8Array(128);
for (let code = 48; code <= 57; code++) CLASS[code] = DIGIT;
for (let code = 65; code <= 90; code++) CLASS[code] = UPPER;
for (let code = 97; code <= 122; code++) CLASS[code] = LOWER;

/** Characters that hold the words of a name together. */
const JOINS = new Uint8Array(128);
for (const char of "._-/\\:@#+") JOINS[char.charCodeAt(0)] = 1;

const [COLON, DASH, GREATER, UNDERSCORE, PLUS, HASH] = [58, 45, 62, 95, 43, 35];
const ACRONYM = { min: 2, max: 5 };

/** Whether `asciiText` may read it. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** As `ftsText`, of a text for which `isAscii` holds. */
export function asciiText(text: string): FtsText {
  const lower = text.toLowerCase();
  const words: string[] = [];
  const names = new Set<string>();
  const acronyms: string[] = [];
  let compoundEnd = 0;
  for (let start = 0; start < text.length; ) {
    if (CLASS[text.charCodeAt(start)] === OTHER) {
      start++;
      continue;
    }
    const { end, hump, capitals } = readRun(text, start);
    if (end - start <= MAX_WORD_LENGTH) {
      words.push(lower.slice(start, end));
      if (hump && end - start > 3) pushHumps(words, text.slice(start, end));
    }
    if (capitals && end - start >= ACRONYM.min && end - start <= ACRONYM.max) acronyms.push(lower.slice(start, end));
    if (start >= compoundEnd) {
      compoundEnd = endOfCompound(text, start, end);
      if (compoundEnd > end && names.size < MAX_NAMES) addCompound(names, text.slice(start, compoundEnd));
    }
    start = end;
  }
  for (const acronym of acronyms) if (names.size < MAX_NAMES) names.add(acronym);
  return { words, count: words.length, names: [...names] };
}

/** A run of letters and digits: where it ends, whether a capital follows a small letter, whether all are capitals. */
function readRun(text: string, start: number): { end: number; hump: boolean; capitals: boolean } {
  let end = start;
  let hump = false;
  let capitals = true;
  for (let before = OTHER; end < text.length; end++) {
    const kind = CLASS[text.charCodeAt(end)]!;
    if (kind === OTHER) break;
    if (kind !== UPPER) capitals = false;
    else if (before === LOWER) hump = true;
    before = kind;
  }
  return { end, hump, capitals };
}

/** Where the name ends that begins with the run `start` to `end`; `end` itself when it is but a word. */
function endOfCompound(text: string, start: number, end: number): number {
  let at = end;
  for (let next = joined(text, at); next > at; next = joined(text, at)) {
    at = next;
    while (at < text.length && CLASS[text.charCodeAt(at)] !== OTHER) at++;
  }
  if (at > end || end - start !== 1 || CLASS[text.charCodeAt(start)] === DIGIT) return at;
  // C++ and C#
  if (text.charCodeAt(end) === PLUS && text.charCodeAt(end + 1) === PLUS) return end + 2;
  return text.charCodeAt(end) === HASH ? end + 1 : end;
}

/** The place after a join and the first character of the word it leads to; `at` when nothing is joined here. */
function joined(text: string, at: number): number {
  const [first, second] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
  const double = (first === COLON && second === COLON) || (first === DASH && second === GREATER);
  if (double && beginsPart(text.charCodeAt(at + 2))) return at + 3;
  return JOINS[first] === 1 && beginsPart(second) ? at + 2 : at;
}

const beginsPart = (code: number): boolean => code === UNDERSCORE || (CLASS[code] ?? OTHER) !== OTHER;
