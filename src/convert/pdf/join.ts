/**
 * Joins the lines of a paragraph. A hyphen at a line's end is dropped if it was only put there by the line break: the
 * words of the document itself tell, by the forms in which they stand within lines elsewhere.
 */
import type { Line } from "./lines.ts";
import type { Span } from "./rows.ts";

/** Words of the document as they stand within lines. */
export interface Vocabulary {
  words: Set<string>;
  compounds: Set<string>;
}

const COMPOUND = /[\p{L}\p{N}]+(?:[-\u2010\u2011][\p{L}\p{N}]+)+/gu;
const WORD = /[\p{L}\p{N}]+/gu;
const TAIL = /([\p{L}\p{N}]+)([-\u00ad\u2010\u2011])$/u;
const HEAD = /^[\p{L}\p{N}]+/u;
/** First parts that are hardly ever written together with what follows. */
const APART = new Set([
  "self",
  "well",
  "non",
  "co",
  "ex",
  "all",
  "half",
  "quasi",
  "cross",
  "state",
  "high",
  "low",
  "long",
  "short",
]);
const LAST_WORD = /[\p{L}\p{N}]+$/u;
/** Korean is written with blanks between words but broken anywhere. */
const HANGUL = /^[\uac00-\ud7a3]/;
const UNSPACED = /[\u2e80-\u2fdf\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]/;

export function vocabularyOf(lines: Iterable<Line>): Vocabulary {
  const words = new Set<string>();
  const compounds = new Set<string>();
  for (const { text } of lines) {
    const whole = text.replace(TAIL, "").toLowerCase();
    for (const [compound] of whole.matchAll(COMPOUND)) compounds.add(compound.replace(/[\u2010\u2011]/g, "-"));
    for (const [word] of whole.matchAll(WORD)) words.add(word);
  }
  return { words, compounds };
}

/** How the end of one line and the start of the next are put together: characters to cut off the end, then a glue. */
export function seam(end: string, start: string, vocabulary: Vocabulary): { cut: number; glue: string } {
  const tail = TAIL.exec(end);
  const head = HEAD.exec(start);
  if (tail && head) {
    if (tail[2] === "\u00ad") return { cut: 1, glue: "" };
    const first = tail[1]!;
    const second = head[0];
    const keep = { cut: 0, glue: "" };
    if (!/^\p{Ll}/u.test(second) || !/\p{L}$/u.test(first)) return keep;
    const joined = (first + second).toLowerCase();
    const hyphened = `${first}-${second}`.toLowerCase();
    if (vocabulary.compounds.has(hyphened) && !vocabulary.words.has(joined)) return keep;
    if (vocabulary.words.has(joined)) return { cut: 1, glue: "" };
    return APART.has(first.toLowerCase()) ? keep : { cut: 1, glue: "" };
  }
  if (
    /[/\u2010-]$/.test(end) &&
    /\S[/-]$/.test(end) &&
    end.length > 3 &&
    /^https?:|\/\S*[/-]$/.test(end.split(" ").at(-1)!)
  ) {
    return { cut: 0, glue: "" };
  }
  const last = end.at(-1) ?? "";
  const first = start[0] ?? "";
  if (HANGUL.test(last) && HANGUL.test(first)) {
    const word = LAST_WORD.exec(end)![0] + HEAD.exec(start)![0];
    return { cut: 0, glue: vocabulary.words.has(word) ? "" : " " };
  }
  return { cut: 0, glue: UNSPACED.test(last) && UNSPACED.test(first) ? "" : " " };
}

/** The text of lines as one paragraph. */
export function joinSpans(lines: readonly (readonly Span[])[], vocabulary: Vocabulary): Span[] {
  const joined: Span[] = [];
  for (const line of lines) {
    const spans = line.filter((span) => span.text !== "");
    if (spans.length === 0) continue;
    const last = joined.at(-1);
    if (last) {
      const { cut, glue } = seam(last.text.trimEnd(), spans[0]!.text.trimStart(), vocabulary);
      last.text = last.text.trimEnd();
      if (cut > 0) last.text = last.text.slice(0, -cut);
      if (glue !== "" && last.url !== spans[0]!.url) joined.push({ text: glue, url: null });
      else last.text += glue;
    }
    for (const [index, span] of spans.entries()) {
      const text = index === 0 ? span.text.trimStart() : span.text;
      const tail = joined.at(-1);
      if (tail && tail.url === span.url) tail.text += text;
      else joined.push({ text, url: span.url });
    }
  }
  return joined;
}
