/**
 * Decides which paragraphs are headings and of which level. Evidence is the size against the size of most text, the
 * weight, and the document's own outline; a heading is short, stands on its own lines and does not end like a sentence.
 * Levels follow from the ranking of the styles that occur.
 */
import type { Line } from "./lines.ts";
import type { Paragraph } from "./paragraphs.ts";

/** The outline ("bookmarks") of a document: normalised title to depth from 1. */
export type Outline = Map<string, number>;

const LINES_MAX = 4;
const CHARS_MAX = 220;
const NUMBERED = /^(?:(?:chapter|section|part|appendix|kapitel|annex|article)\s+)?(?:\d{1,2}|[A-Z]|[IVX]{1,5})(?:\.\d{1,3}){0,5}\.?\s+\p{Lu}/u;
const SENTENCE_END = /[.!;,]$/;

/** The font size in which most characters of the document are set. */
export function bodySizeOf(lines: Iterable<Line>): number {
  const counts = new Map<number, number>();
  for (const line of lines) {
    const key = Math.round(line.size * 2) / 2;
    counts.set(key, (counts.get(key) ?? 0) + line.text.length);
  }
  let best = 10;
  let most = 0;
  for (const [size, count] of counts) if (count > most) [best, most] = [size, count];
  return best;
}

/** Whether most of the text is bold, which then means nothing. */
export function isMostlyBold(lines: Iterable<Line>): boolean {
  let bold = 0;
  let all = 0;
  for (const line of lines) {
    all += line.text.length;
    if (line.bold) bold += line.text.length;
  }
  return bold > all * 0.4;
}

export function outlineKey(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

export interface HeadingRules {
  bodySize: number;
  mostlyBold: boolean;
  outline: Outline;
}

/** A style that headings share: larger first, bold before plain. Undefined if the paragraph is none. */
function styleOf(paragraph: Paragraph, text: string, rules: HeadingRules): { size: number; bold: boolean } | undefined {
  const { lines } = paragraph;
  if (lines.length > LINES_MAX || text.length > CHARS_MAX || !/\p{L}/u.test(text)) return undefined;
  const size = Math.round(paragraph.size * 2) / 2;
  const bold = lines.every((line) => line.bold);
  const style = { size, bold };
  if (rules.outline.has(outlineKey(text))) return style;
  if (lines.every((line) => line.mono)) return undefined;
  const ratio = paragraph.size / rules.bodySize;
  const closed = SENTENCE_END.test(text) && !NUMBERED.test(text);
  if (ratio >= 1.45) return text.length > 1 && !(closed && lines.length > 2) ? style : undefined;
  if (paragraph.marker && !NUMBERED.test(text)) return undefined;
  if (ratio >= 1.12) return closed || text.length > 160 ? undefined : style;
  if (!bold || rules.mostlyBold || ratio < 0.95) return undefined;
  if (lines.length > 2 || closed || text.length > 120 || /:$/.test(text)) return undefined;
  return style;
}

/** Levels of the paragraphs that are headings. `texts` are their joined texts, in the same order. */
export function headingLevels(paragraphs: readonly Paragraph[], texts: readonly string[], rules: HeadingRules): (number | undefined)[] {
  const styles = paragraphs.map((paragraph, index) => styleOf(paragraph, texts[index]!, rules));
  const ranks = [...new Set(styles.filter((style) => style !== undefined).map((style) => rankOf(style)))].sort((a, b) => b - a);
  return styles.map((style) => (style ? Math.min(6, ranks.indexOf(rankOf(style)) + 1) : undefined));
}

function rankOf(style: { size: number; bold: boolean }): number {
  return Math.round(style.size) * 2 + (style.bold ? 1 : 0);
}
