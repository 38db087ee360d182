/**
 * What of a text becomes words of the full-text index, the same way for chunks and for queries. Postgres' own parser
 * is only given plain lower-case words: left alone it reads `and/or` as a file, `List<String>` as a markup tag that it
 * drops, `-2024` as a number of its own, and lower-cases nothing but ASCII in a database of locale C. Names that mean
 * something as a whole (`get_user_id`, `CVE-2024-1234`, `src/hash.ts`, `1.2.3`) are kept beside their words as lexemes
 * of their own, so that the exact name outranks its parts.
 */
import { asciiText, isAscii } from "./ascii_words.ts";
import { segmentForFts } from "./segment.ts";

export interface FtsText {
  /** Lower-case words in the order of the text, letters and digits only. */
  words: string[];
  /** How many words that is. */
  count: number;
  /** Whole names, lower-case, without repetition, for `array_to_tsvector`. Never longer than MAX_NAME_LENGTH. */
  names: string[];
}

/** Postgres refuses lexemes of 2 KB and tsvectors of 1 MB; this stays well below both for any text. */
const MAX_TEXT_LENGTH = 65_536;
export const MAX_WORD_LENGTH = 255;
const MAX_NAME_LENGTH = 120;
export const MAX_NAMES = 256;

/** Apostrophes separate, as the stop-word lists expect: "don't" is `don t`, "l'eau" is `l eau`. */
const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** Words held together by the punctuation of identifiers, paths, versions, addresses and numbers; also C++ and C#. */
const COMPOUND =
  /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:(?:::|->|[._\-/\\:@#+])[\p{L}\p{N}_][\p{L}\p{N}\p{M}]*)+|(?<![\p{L}\p{N}])\p{L}(?:\+\+|#)/gu;
/** Short words in capitals: "IT" and "US" are not the stop words they look like. */
const ACRONYM = /(?<![\p{L}\p{N}])\p{Lu}{2,5}(?![\p{L}\p{N}])/gu;
/** Letters joined by hyphens alone are ordinary language, not a name. */
const HYPHENATED_WORDS = /^[\p{L}\p{M}]+(?:-[\p{L}\p{M}]+)*$/u;
const HUMP = /(\p{Ll}|\p{N})(?=\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu;
const HAS_HUMP = /\p{Ll}\p{Lu}/u;

/** Splits `text` for indexing or searching. Scripts without spaces are segmented first. */
export function ftsText(text: string, maxLength = MAX_TEXT_LENGTH): FtsText {
  const bounded = text.length > maxLength ? text.slice(0, maxLength) : text;
  return isAscii(bounded) ? asciiText(bounded) : anyText(bounded.normalize("NFKC"));
}

function anyText(plain: string): FtsText {
  const names = collectNames(plain);
  const words: string[] = [];
  for (const word of segmentForFts(plain).match(WORD) ?? []) {
    if (word.length > MAX_WORD_LENGTH) continue;
    words.push(word.toLowerCase());
    if (word.length > 3 && HAS_HUMP.test(word)) pushHumps(words, word);
  }
  return { words, count: words.length, names };
}

/** Adds the parts of a camel-case word: `getUserId` → get user id. */
export function pushHumps(words: string[], word: string): void {
  for (const part of word.replace(HUMP, "$& ").split(" ")) if (part.length > 1) words.push(part.toLowerCase());
}

function collectNames(text: string): string[] {
  const names = new Set<string>();
  for (const compound of text.match(COMPOUND) ?? []) {
    addCompound(names, compound);
    if (names.size >= MAX_NAMES) break;
  }
  for (const acronym of text.match(ACRONYM) ?? []) if (names.size < MAX_NAMES) names.add(acronym.toLowerCase());
  return [...names];
}

/** A whole name, and of a path its parts: the last one and what stands between the slashes is what people remember. */
export function addCompound(names: Set<string>, compound: string): void {
  if (HYPHENATED_WORDS.test(compound)) return;
  addName(names, compound);
  if (/[/\\:@#]/.test(compound))
    for (const part of compound.split(/[/\\:@#]+/)) if (/[._\-+]/.test(part)) addName(names, part);
}

function addName(names: Set<string>, name: string): void {
  if (name.length <= MAX_NAME_LENGTH && !HYPHENATED_WORDS.test(name)) names.add(name.toLowerCase());
}
