/**
 * Finds where sentences begin. Written by hand because ICU's segmenter takes every "e.g. " for an end, costs a hundred
 * times as much, and knows nothing of code spans. A missed boundary only makes a passage longer; a wrong one tears a
 * sentence, so doubtful cases (initials, ordinals, abbreviations) are no boundary.
 */
import { afterCodeSpan } from "../markdown/code_span.ts";

/** Words that a period abbreviates, lower case without it; English, German, French, Spanish, Italian, Portuguese, Dutch. */
const ABBREVIATIONS = new Set(
  (
    "mr mrs ms dr prof st jr sr vs etc eg ie cf al fig figs eq sec ch vol ed eds pp inc ltd co corp dept est approx " +
    "no nos art op cit viz resp jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun " +
    "bzw ca evtl ggf inkl nr str usw vgl zb zzgl abs abb bspw sog mio mrd hr fr " +
    "mme mlle av env p ex réf sr sra dra ud uds pág núm ing sig dott ecc pag tel " +
    "bv enz blz m.a.w o.a e.g i.e z.b d.h u.a u.s.w s.o s.u a.m p.m u.s"
  ).split(" "),
);

const WESTERN_END = /[.!?…]/;
const WIDE_ENDS = "。！？｡︒।॥؟۔።៕။";
const CLOSERS = "\"'”’»)]}*_~」』】）”";
const BACKTICK = 96;

/**
 * Offsets within (start, end) at which a new sentence begins, ascending. Linear in the length of the range.
 * Hard line breaks of Markdown end a sentence too; code spans never do.
 */
export function sentenceStarts(text: string, start: number, end: number): number[] {
  const starts: number[] = [];
  const unclosed = new Set<number>();
  let at = start;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code === BACKTICK) {
      at = afterCodeSpan(text, at, end, unclosed);
      continue;
    }
    const char = text[at]!;
    at++;
    if (code < 128 ? !(char === "." || char === "!" || char === "?" || char === "\n") : !isWideOrEllipsis(char))
      continue;
    if (char === "\n") {
      if (isHardBreak(text, start, at - 1)) push(starts, skipBlank(text, at, end), end);
      continue;
    }
    const wide = code > 128 && char !== "…";
    const mark = at - 1;
    while (at < end && (CLOSERS.includes(text[at]!) || WESTERN_END.test(text[at]!) || WIDE_ENDS.includes(text[at]!)))
      at++;
    const next = skipBlank(text, at, end);
    if (!wide && next === at) continue;
    if (!wide && !opensSentence(text, next, end)) continue;
    if (char === "." && isAbbreviated(text, start, mark)) continue;
    push(starts, next, end);
    at = next;
  }
  return starts;
}

function push(starts: number[], at: number, end: number): void {
  if (at < end && starts.at(-1) !== at) starts.push(at);
}

function isWideOrEllipsis(char: string): boolean {
  return char === "…" || WIDE_ENDS.includes(char);
}

/** Two blanks or a backslash before the line end. */
function isHardBreak(text: string, start: number, lineEnd: number): boolean {
  if (lineEnd - 1 < start) return false;
  if (text[lineEnd - 1] === "\\") return true;
  return lineEnd - 2 >= start && text[lineEnd - 1] === " " && text[lineEnd - 2] === " ";
}

function skipBlank(text: string, at: number, end: number): number {
  while (at < end && (text.charCodeAt(at) <= 32 || text[at] === "\u3000" || text[at] === "\u00a0")) at++;
  return at;
}

/** A lower-case letter goes on with the sentence before it ("the file config. json is …"). */
function opensSentence(text: string, at: number, end: number): boolean {
  if (at >= end) return false;
  const char = text[at]!;
  return char === char.toUpperCase() || char !== char.toLowerCase();
}

/** Whether the period at `mark` belongs to an abbreviation, an initial or an ordinal. */
function isAbbreviated(text: string, start: number, mark: number): boolean {
  let from = mark;
  while (from > start && mark - from < 16 && /[\p{L}\p{N}.]/u.test(text[from - 1]!)) from--;
  const word = text.slice(from, mark);
  if (word.length === 1) return /[\p{L}\p{N}]/u.test(word);
  if (/^\d{2}$/.test(word)) return true;
  return ABBREVIATIONS.has(word.toLowerCase());
}
