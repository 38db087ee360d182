/** The part of a chunk that says most of what was asked for, as plain text with the words of the question marked. */
import { plainText } from "../markdown/plain_text.ts";

export interface ExcerptPart {
  text: string;
  match: boolean;
}

const LENGTH = 420;
/**
 * Words of so many characters are marked where they only begin alike too, `restores` for `restore`; beside them shorter
 * ones are mostly articles and say nothing.
 */
const STEM_MIN = 4;

/** In pieces, cut at words. */
export function excerptOf(markdown: string, query: string): ExcerptPart[] {
  const plain = plainLines(markdown);
  const words = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])];
  const telling = words.filter((word) => word.length >= STEM_MIN || /\p{N}/u.test(word));
  const pattern = words.length > 0 ? patternOf(telling.length > 0 ? telling : words) : null;
  const start = pattern ? beginning(plain, pattern) : 0;
  const shown = cut(plain, start);
  if (!pattern) return [{ text: shown, match: false }];
  // With a capturing group, every second piece is a match.
  return shown
    .split(pattern)
    .map((piece, i) => ({ text: piece, match: i % 2 === 1 }))
    .filter((part) => part.text !== "");
}

/** Without what only Markdown's readers need: rules of tables, signs of headings, quotes and fences, hard breaks. */
function plainLines(markdown: string): string {
  return markdown
    .split("\n")
    .filter((line) => !/^[\s|:-]*$/.test(line) && !/^\s*(?:```|~~~)/.test(line))
    .map((line) =>
      line
        .replace(/^[\s>]*(?:#{1,6}\s)?|\\$/g, "")
        .replace(/^\||\|$/g, "")
        .replace(/\s\|\s/g, " · "),
    )
    .map(plainText)
    .join(" ");
}

function patternOf(words: string[]): RegExp {
  const stems = words
    .sort((a, b) => b.length - a.length)
    .map((word) => (word.length >= STEM_MIN ? `${word}[\\p{L}\\p{N}]*` : `${word}(?![\\p{L}\\p{N}])`));
  return new RegExp(`(?<![\\p{L}\\p{N}])(${stems.join("|")})`, "giu");
}

/** Where most matches follow within the length of an excerpt. */
function beginning(text: string, pattern: RegExp): number {
  const at = [...text.matchAll(pattern)].map((match) => match.index);
  let best = { start: 0, matches: at.filter((index) => index < LENGTH).length };
  for (const [i, start] of at.entries()) {
    const matches = at.slice(i).filter((index) => index < start + LENGTH).length;
    if (matches > best.matches) best = { start, matches };
  }
  return best.start;
}

function cut(text: string, from: number): string {
  const start = from === 0 ? 0 : text.lastIndexOf(" ", Math.max(0, from - LENGTH / 6)) + 1;
  if (text.length - start <= LENGTH) return (start > 0 ? "… " : "") + text.slice(start);
  const end = Math.max(text.lastIndexOf(" ", start + LENGTH), start + LENGTH / 2);
  return `${start > 0 ? "… " : ""}${text.slice(start, end)} …`;
}
