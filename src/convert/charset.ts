/**
 * Decides how bytes become text. UTF-8 is tried first, over the whole file and strictly, since a legacy text is almost
 * never valid UTF-8 by accident; then come byte order marks, UTF-16 without one, a charset that the document declares,
 * and at last a guess from the letters (`charset_guess.ts`). Nothing here fails: bytes that fit no charset become
 * U+FFFD and a warning says how many.
 */
import { decoder, guessCharset, wideScore } from "./charset_guess.ts";
import type { Warning } from "./converted.ts";

export interface DecodedText {
  /** The text without its byte order mark. */
  text: string;
  /** WHATWG name of the charset, lower case, e.g. `utf-8`, `windows-1251`. */
  charset: string;
  /** 1 = certain (valid UTF-8, a byte order mark), 0 = no evidence at all. */
  confidence: number;
  warnings: Warning[];
}

/** Below this the reader is told that the charset is a guess. */
const SURE = 0.5;

/**
 * Decodes a whole file.
 * @param declared a charset label that the document or its transport states (HTML meta, HTTP header); believed unless
 *   the bytes contradict it.
 */
export function decodeText(bytes: Uint8Array, declared?: string): DecodedText {
  const marked = byByteOrderMark(bytes);
  if (marked) return marked;
  const utf8 = strictly(bytes, "utf-8");
  const wide = utf8 === null || hasControls(bytes) ? byPairs(bytes) : null;
  if (wide) return wide;
  if (hasIso2022(bytes)) return loosely(bytes, "iso-2022-jp", 0.9);
  if (utf8 !== null) return certain(utf8, "utf-8");

  const census = countUtf8(bytes);
  if (census.multibyte > 0 && census.invalid <= 1 + census.multibyte / 4) return loosely(bytes, "utf-8", 0.9);
  const named = declared ? byDeclaration(bytes, declared) : null;
  if (named) return named;

  const guess = guessCharset(bytes);
  const decoded = loosely(bytes, guess.charset, guess.confidence);
  if (guess.confidence < SURE) {
    decoded.warnings.push({
      code: "charset_guessed",
      message: `The file names no charset; read as ${guess.charset}, which is a guess.`,
    });
  }
  return decoded;
}

/**
 * The charset that an HTML document declares in its first 4 KB (`<meta charset>`, `http-equiv`, or an XML declaration),
 * for use as `declared`. The HTML standard looks at 1 KB; real exports put long comments first.
 */
export function declaredCharset(bytes: Uint8Array): string | undefined {
  const head = new TextDecoder("windows-1252").decode(bytes.subarray(0, 4096));
  const found =
    /<meta[^>]{0,500}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,40})/i.exec(head) ??
    /^[^<]{0,9}<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([\w.:-]{2,40})/i.exec(head);
  return found?.[1];
}

/** True if the bytes hold UTF-16 text, marked or not: NUL bytes in such a file do not make it a binary one. */
export function isWideText(bytes: Uint8Array): boolean {
  const [a, b] = bytes;
  return (
    (a === 0xff && b === 0xfe) ||
    (a === 0xfe && b === 0xff) ||
    ((strictly(bytes, "utf-8") === null || hasControls(bytes)) && byPairs(bytes) !== null)
  );
}

function certain(text: string, charset: string): DecodedText {
  return { text: text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, charset, confidence: 1, warnings: [] };
}

function strictly(bytes: Uint8Array, charset: string): string | null {
  try {
    return decoder(charset, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Decodes with replacement; the warning counts what was replaced, less what the text itself had. */
function loosely(bytes: Uint8Array, charset: string, confidence: number): DecodedText {
  const decoded = { ...certain(decoder(charset, { ignoreBOM: true }).decode(bytes), charset), confidence };
  const replaced = count(decoded.text, "\ufffd");
  if (replaced > 0) {
    decoded.warnings.push({
      code: "undecodable_bytes",
      message: `Bytes that are not valid ${charset} were replaced by U+FFFD.`,
      count: replaced,
    });
  }
  return decoded;
}

function count(text: string, what: string): number {
  let found = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + 1)) found++;
  return found;
}

function byByteOrderMark(bytes: Uint8Array): DecodedText | null {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe && c === 0 && d === 0 && bytes.length % 4 === 0) return utf32(bytes, true);
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff && bytes.length % 4 === 0) return utf32(bytes, false);
  if (a === 0xff && b === 0xfe) return loosely(bytes, "utf-16le", 1);
  if (a === 0xfe && b === 0xff) return loosely(bytes, "utf-16be", 1);
  if (a === 0xef && b === 0xbb && c === 0xbf) {
    const text = strictly(bytes, "utf-8");
    return text === null ? loosely(bytes, "utf-8", 1) : certain(text, "utf-8");
  }
  return null;
}

/** The Encoding standard dropped UTF-32, so TextDecoder has none. */
function utf32(bytes: Uint8Array, little: boolean): DecodedText {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  let bad = 0;
  for (let at = 4; at + 3 < bytes.length; at += 4) {
    const point = view.getUint32(at, little);
    const valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
    if (!valid) bad++;
    text += valid ? String.fromCodePoint(point) : "\ufffd";
  }
  const warnings: Warning[] = bad
    ? [{ code: "undecodable_bytes", message: "Bytes that are not valid utf-32 were replaced by U+FFFD.", count: bad }]
    : [];
  return { text, charset: little ? "utf-32le" : "utf-32be", confidence: 1, warnings };
}

/**
 * UTF-16 without a mark. Tried only where UTF-8 is out of the question or full of control characters, since ASCII text
 * read in pairs gives valid ideographs.
 */
function byPairs(bytes: Uint8Array): DecodedText | null {
  if (bytes.length < 4 || bytes.length % 2 === 1) return null;
  const sample = bytes.subarray(0, 1 << 15);
  const little = wideScore(new TextDecoder("utf-16le").decode(sample));
  const big = wideScore(new TextDecoder("utf-16be").decode(sample));
  if (Math.max(little, big) < 0.72 || Math.abs(little - big) < 0.2) return null;
  const charset = little > big ? "utf-16le" : "utf-16be";
  const text = strictly(bytes, charset);
  return text === null ? null : { ...certain(text, charset), confidence: 0.95 };
}

/** More than a stray control character: a sign of UTF-16, or of no text at all. */
function hasControls(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, 4096);
  return countControls(bytes, length) * 50 > length;
}

/** How many of the first `length` bytes are control characters that no text has; tab to CR and escape do occur. */
export function countControls(bytes: Uint8Array, length: number): number {
  let controls = 0;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]!;
    if (byte < 32 && (byte < 9 || byte > 13) && byte !== 27) controls++;
  }
  return controls;
}

function byDeclaration(bytes: Uint8Array, declared: string): DecodedText | null {
  let charset: string;
  try {
    charset = decoder(declared.trim()).encoding.toLowerCase();
  } catch {
    return null;
  }
  // A page that can declare itself in ASCII bytes is not UTF-16 (the HTML standard says the same), and not UTF-8, as tested before.
  if (charset.startsWith("utf-") || charset === "x-user-defined") return null;
  const decoded = loosely(bytes, charset, 0.95);
  const replaced = decoded.warnings[0]?.count ?? 0;
  return replaced * 200 <= bytes.length ? decoded : null;
}

/** ISO-2022-JP is seven-bit and so valid UTF-8 too; its escape to JIS X 0208 gives it away. */
function hasIso2022(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0x1b); at >= 0; at = bytes.indexOf(0x1b, at + 1)) {
    if (bytes[at + 1] === 0x24 && (bytes[at + 2] === 0x42 || bytes[at + 2] === 0x40)) return true;
  }
  return false;
}

/** How many multi-byte sequences are valid UTF-8, and how many bytes above 0x7F belong to none. */
function countUtf8(bytes: Uint8Array): { multibyte: number; invalid: number } {
  let multibyte = 0;
  let invalid = 0;
  for (let at = 0; at < bytes.length; at++) {
    const lead = bytes[at]!;
    if (lead < 0x80) continue;
    const length =
      lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    let next = 1;
    while (next < length && (bytes[at + next]! & 0xc0) === 0x80) next++;
    if (length > 0 && next === length) {
      multibyte++;
      at += length - 1;
    } else invalid++;
  }
  return { multibyte, invalid };
}
