/**
 * Guesses the legacy charset of bytes that are not UTF-8. Every candidate decodes a sample of the file, and the text
 * that looks most like some language wins: its letters are that language's, capitals do not follow small letters, no
 * symbol sits inside a word, no byte is undefined. Letter statistics per language beat detectors that only see byte
 * classes on short texts, where two or three letters must decide.
 */
import {
  COMMON_HANGUL,
  COMMON_KANJI,
  COMMON_SIMPLIFIED,
  COMMON_TRADITIONAL,
  PROFILES,
  type Profile,
} from "./charset_profiles.ts";

export interface CharsetGuess {
  charset: string;
  /** 0 to 1: how plausible the text is, and how far behind the next different reading is. */
  confidence: number;
}

/** Enough for stable statistics; a larger file is sampled over its whole length. */
const SAMPLE_BYTES = 32 * 1024;
const SAMPLE_PIECES = 32;

const WIDE_CHARSETS = ["gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"] as const;
type WideCharset = (typeof WIDE_CHARSETS)[number];

/** In a near tie the commoner charset wins. */
const HANDICAP: Record<string, number> = {
  "windows-1252": 0.12,
  "windows-1251": 0.08,
  "iso-8859-15": -0.05,
  "iso-8859-2": -0.02,
  "iso-8859-13": -0.06,
  "windows-1258": -0.1,
  macintosh: -0.15,
  ibm866: -0.1,
  "x-mac-cyrillic": -0.1,
};

const UNDEFINED = -8;
const FOREIGN = -2.2;

/** The most plausible charset of bytes that are not UTF-8, UTF-16 or ISO-2022. */
export function guessCharset(bytes: Uint8Array): CharsetGuess {
  const sample = sampleOf(bytes);
  const readings = [...WIDE_CHARSETS.map((charset) => readWide(sample, charset)), ...readNarrow(sample)];
  readings.sort((a, b) => b.score - a.score);
  const best = readings[0]!;
  const second = readings.find((reading) => reading.text !== best.text);
  if (best.score < -1.5) return { charset: "windows-1252", confidence: 0 };
  const margin = second ? best.score - second.score : 2;
  const evidence = Math.min(1, 0.35 + countHigh(sample) / 24);
  const confidence = Math.max(0, Math.min(0.99, (best.score + 1) / 2, 0.25 + margin) * evidence);
  return { charset: best.charset, confidence };
}

interface Reading {
  charset: string;
  text: string;
  score: number;
}

/** Pieces of whole lines that hold bytes above 0x7F, spread over the file, so that a late passage counts too. */
function sampleOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= SAMPLE_BYTES) return bytes;
  const size = SAMPLE_BYTES / SAMPLE_PIECES;
  const pieces: Uint8Array[] = [];
  const stride = Math.max(size, Math.floor(bytes.length / SAMPLE_PIECES));
  for (let from = 0; from < bytes.length && pieces.length < SAMPLE_PIECES; from += stride) {
    const high = firstHigh(bytes, from, Math.min(bytes.length, from + stride));
    if (high < 0) continue;
    const line = bytes.lastIndexOf(0x0a, high) + 1;
    const start = high - line > size / 2 ? backToAscii(bytes, high, line) : line;
    const newline = bytes.indexOf(0x0a, start + size);
    const end = newline < 0 || newline > start + size * 4 ? Math.min(bytes.length, start + size) : newline + 1;
    pieces.push(bytes.subarray(start, end), new Uint8Array([0x0a]));
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function firstHigh(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (bytes[at]! >= 0x80) return at;
  return -1;
}

/** Steps back over a few ASCII bytes, which are safe places to start in every charset here. */
function backToAscii(bytes: Uint8Array, at: number, floor: number): number {
  let start = at;
  while (start > floor && at - start < 64 && bytes[start - 1]! < 0x80) start--;
  return start;
}

function countHigh(bytes: Uint8Array): number {
  let high = 0;
  for (const byte of bytes) if (byte >= 0x80) high++;
  return high;
}

// --- one byte a character -------------------------------------------------------------------------------------------

interface NarrowModel {
  profile: Profile;
  weights: Map<string, number>;
  words: Set<string>;
}

let models: NarrowModel[] | undefined;

function narrowModels(): NarrowModel[] {
  models ??= PROFILES.map((profile) => {
    const weights = new Map<string, number>();
    const letters = [...profile.letters];
    letters.forEach((letter, rank) => {
      const weight = 1.6 - (1.6 * rank) / letters.length;
      weights.set(letter, weight);
      const upper = letter.toUpperCase();
      if (upper !== letter && upper.length === 1) weights.set(upper, weight);
    });
    return { profile, weights, words: new Set(profile.words.split(" ")) };
  });
  return models;
}

function readNarrow(sample: Uint8Array): Reading[] {
  const texts = new Map<string, { text: string; facts: Facts }>();
  const best = new Map<string, Reading>();
  for (const model of narrowModels()) {
    for (const charset of model.profile.charsets) {
      let decoded = texts.get(charset);
      if (!decoded) {
        const text = decoder(charset).decode(sample);
        texts.set(charset, (decoded = { text, facts: factsOf(text) }));
      }
      const score = scoreNarrow(decoded.facts, model) + (HANDICAP[charset] ?? 0);
      const known = best.get(charset);
      if (!known || score > known.score) best.set(charset, { charset, text: decoded.text, score });
    }
  }
  return [...best.values()];
}

/** What does not depend on the language: counted once per charset. */
interface Facts {
  /** Letters beyond ASCII with their number. */
  letters: Map<string, number>;
  /** Sum of the scores of everything else beyond ASCII, and of faults in the shape of words. */
  rest: number;
  high: number;
  words: Map<string, number>;
  wordCount: number;
}

const LETTER = /[\p{L}\p{M}]/u;
/** Marks that typists and word processors put between or at words. */
const TYPOGRAPHIC = new Set([..."–—‘’“”„‚…•«»€£§°·№©®™¿¡\u00a0´²³½ºª†×±µ"]);

function factsOf(text: string): Facts {
  const facts: Facts = { letters: new Map(), rest: 0, high: 0, words: new Map(), wordCount: 0 };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    facts.high++;
    const char = text[at]!;
    const before = text[at - 1] ?? " ";
    const after = text[at + 1] ?? " ";
    if (code === 0xfffd || (code >= 0x80 && code < 0xa0)) facts.rest += UNDEFINED;
    else if (LETTER.test(char)) {
      facts.letters.set(char, (facts.letters.get(char) ?? 0) + 1);
      facts.rest += shapeScore(char, before, after);
    } else facts.rest += symbolScore(char, before, after);
  }
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{M}]+/gu)) {
    facts.words.set(word, (facts.words.get(word) ?? 0) + 1);
    facts.wordCount++;
  }
  return facts;
}

const HEBREW_FINAL = /[םןךףץ]/;

/** Letters stand in words: of one script, small after small, final forms at the end. */
function shapeScore(char: string, before: string, after: string): number {
  let score = 0;
  if (!/[\p{Script=Latin}\p{M}]/u.test(char)) {
    if (asciiLetter(before.charCodeAt(0))) score -= 2.5;
    if (asciiLetter(after.charCodeAt(0))) score -= 2.5;
    if (HEBREW_FINAL.test(char)) score += LETTER.test(after) ? -2 : 0.8;
  } else if (isUpper(char) && !LETTER.test(before) && !LETTER.test(after)) score -= 1.5;
  if (isUpper(char) && isLower(before)) score -= 3;
  else if (isUpper(before) && isLower(char) && isUpper(after)) score -= 1;
  return score;
}

function symbolScore(char: string, before: string, after: string): number {
  const inside = LETTER.test(before) && LETTER.test(after);
  if (char === "’" || char === "·") return inside ? 0.8 : 0.3;
  if (!TYPOGRAPHIC.has(char)) return inside ? -3 : -1.5;
  if ((char === "©" || char === "®") && !LETTER.test(after)) return 0.9;
  if ("”“„»".includes(char) && !LETTER.test(before) && LETTER.test(after))
    return char === "”" || char === "»" ? -0.6 : 0.5;
  if (inside && char !== "\u00a0" && char !== "—" && char !== "–") return -2.5;
  return "²³½ºª±×µ´".includes(char) && LETTER.test(before) ? -1 : 0.4;
}

function isUpper(char: string): boolean {
  return char !== char.toLowerCase();
}

function isLower(char: string): boolean {
  return char !== char.toUpperCase();
}

function scoreNarrow(facts: Facts, model: NarrowModel): number {
  if (facts.high === 0) return 0;
  let sum = facts.rest;
  for (const [letter, times] of facts.letters) sum += times * (model.weights.get(letter) ?? FOREIGN);
  let known = 0;
  for (const word of model.words) known += facts.words.get(word) ?? 0;
  const familiar = facts.wordCount ? Math.min(0.8, (3 * known) / facts.wordCount) : 0;
  return sum / facts.high + familiar;
}

// --- two bytes a character ------------------------------------------------------------------------------------------

/** First and last lead byte of the plane of frequent ideographs, and the trail bytes it uses. */
const PLANES: Record<WideCharset, { charset: string; leads: [number, number]; common: string }> = {
  gb18030: { charset: "gb18030", leads: [0xb0, 0xd7], common: COMMON_SIMPLIFIED },
  big5: { charset: "big5", leads: [0xa4, 0xc6], common: COMMON_TRADITIONAL },
  shift_jis: { charset: "euc-jp", leads: [0xb0, 0xcf], common: COMMON_KANJI },
  "euc-jp": { charset: "euc-jp", leads: [0xb0, 0xcf], common: COMMON_KANJI },
  "euc-kr": { charset: "euc-kr", leads: [0xb0, 0xc8], common: COMMON_HANGUL },
};

const wideModels = new Map<WideCharset, Map<string, number>>();

/** Frequent plane of a charset = mild evidence; its listed frequent characters = strong evidence. */
function wideModel(charset: WideCharset): Map<string, number> {
  const known = wideModels.get(charset);
  if (known) return known;
  const plane = PLANES[charset];
  const pairs: number[] = [];
  for (let lead = plane.leads[0]; lead <= plane.leads[1]; lead++) {
    const lowTrails = plane.charset === "big5";
    if (lowTrails) for (let trail = 0x40; trail <= 0x7e; trail++) pairs.push(lead, trail);
    for (let trail = 0xa1; trail <= 0xfe; trail++) pairs.push(lead, trail);
  }
  const model = new Map<string, number>();
  for (const char of decoder(plane.charset).decode(new Uint8Array(pairs))) model.set(char, 0.2);
  [...plane.common].forEach((char, rank) => {
    model.set(char, 2.1 - (0.8 * rank) / plane.common.length);
  });
  wideModels.set(charset, model);
  return model;
}

function readWide(sample: Uint8Array, charset: WideCharset): Reading {
  const text = decoder(charset).decode(sample);
  const model = wideModel(charset);
  const japanese = charset === "shift_jis" || charset === "euc-jp";
  let sum = 0;
  let weight = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    const width = code >= 0xff61 && code <= 0xff9f && charset === "shift_jis" ? 1 : 2;
    weight += width;
    let score = scoreWide(text[at]!, code, model, japanese);
    // One ideograph alone inside an ASCII word is an accented letter and its neighbour, misread.
    if (asciiLetter(text.charCodeAt(at - 1)) && text.charCodeAt(at + 1) < 0x80) score = Math.min(score, -3);
    sum += width * score;
  }
  return { charset, text, score: weight ? sum / weight + (HANDICAP[charset] ?? 0) : -9 };
}

function asciiLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

function scoreWide(char: string, code: number, model: Map<string, number>, japanese: boolean): number {
  if (code === 0xfffd) return UNDEFINED;
  if (code >= 0xe000 && code < 0xf900) return -4;
  if (code >= 0x3041 && code <= 0x3096) return japanese ? 1.9 : -0.5;
  if (code >= 0x30a1 && code <= 0x30fe) return japanese ? 1.3 : -0.5;
  if (code >= 0xff61 && code <= 0xff9f) return -0.4;
  if ((code >= 0x3001 && code <= 0x3011) || (code >= 0xff01 && code <= 0xff5e) || TYPOGRAPHIC.has(char)) return 0.7;
  return model.get(char) ?? -1.4;
}

let commonWide: Set<string> | undefined;

/** How much a text that was decoded as UTF-16 looks like one: 1 = every character is common, below 0.7 = chance. */
export function wideScore(text: string): number {
  commonWide ??= new Set([...COMMON_SIMPLIFIED, ...COMMON_TRADITIONAL, ...COMMON_KANJI, ...COMMON_HANGUL]);
  let sum = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 9 || code === 10 || code === 13 || (code >= 0x20 && code < 0x7f)) sum += 1;
    else if (code >= 0xa0 && code < 0x700) sum += LETTER.test(text[at]!) ? 1 : 0.3;
    else if (code >= 0xe00 && code < 0xe80) sum += 1;
    else if ((code >= 0x3001 && code < 0x3100) || (code >= 0xff01 && code < 0xff5f)) sum += 1;
    else if (commonWide.has(text[at]!)) sum += 1;
    else if (code >= 0x2010 && code < 0x2040) sum += 1;
    else if ((code >= 0x4e00 && code < 0xa000) || (code >= 0xac00 && code < 0xd7a4)) sum += 0.5;
    else if (code < 0xa0 || code >= 0xfff0 || (code >= 0xe000 && code < 0xf900)) sum -= 2;
  }
  return text.length ? sum / text.length : 0;
}

/** A TextDecoder for any label of the Encoding standard; bun-types know only the three that Node has without ICU. */
export function decoder(label: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder {
  return new TextDecoder(label as "utf-8", options);
}
