/**
 * Decides which paragraphs are headings and of which level. Evidence is the size against the size of most text, the
 * weight, and the document's own outline; a heading is short, stands on its own lines and does not end like a sentence.
 * Levels follow from the ranking of the styles that occur.
 */
import type { Line } from "./lines.ts";
import type { Paragraph } from "./paragraphs.ts";
import type { Table } from "./rows.ts";

/** The outline ("bookmarks") of a document: normalised title to depth from 1. */
export type Outline = Map<string, number>;

const LINES_MAX = 4;
const CHARS_MAX = 220;
const NUMBERED =
  /^(?:(?:chapter|section|part|appendix|kapitel|annex|article)\s+)?(?:\d{1,2}|[A-Z]|[IVX]{1,5})(?:\.\d{1,3}){0,5}\.?\s+\p{Lu}/u;
const SENTENCE_END = /[.!;,]$/;

/**
 * The font size of running text: of lines that fill their region, where there are enough of them, else of everything.
 * Tables alone may hold more text than the paragraphs between them.
 */
export function bodySizeOf(regions: readonly (readonly Line[])[]): number {
  const running = new Map<number, number>();
  const all = new Map<number, number>();
  for (const region of regions) {
    const width = Math.max(...region.map((line) => line.x2)) - Math.min(...region.map((line) => line.x1));
    for (const line of region) {
      const weight = line.table ? lengthOf(line.table) : line.text.length;
      const key = Math.round(line.size * 2) / 2;
      all.set(key, (all.get(key) ?? 0) + weight);
      const fills = !line.table && line.x2 - line.x1 > Math.max(width * 0.75, line.size * 15);
      if (fills) running.set(key, (running.get(key) ?? 0) + weight);
    }
  }
  const total = (counts: Map<number, number>) => [...counts.values()].reduce((sum, count) => sum + count, 0);
  const counts = total(running) > RUNNING_CHARS || total(running) > total(all) * 0.2 ? running : all;
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [10, 0])[0];
}

/** Characters of running text that say enough about its size. */
const RUNNING_CHARS = 600;

function lengthOf(table: Table): number {
  return table.rows.flat(3).reduce((sum, span) => sum + span.text.length, 0);
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
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");
}

export interface HeadingRules {
  bodySize: number;
  mostlyBold: boolean;
  outline: Outline;
}

interface Style {
  size: number;
  bold: boolean;
}

/** The style of a paragraph that looks like a heading; undefined if it does not. */
function styleOf(paragraph: Paragraph, text: string, rules: HeadingRules): Style | undefined {
  const { lines } = paragraph;
  if (lines[0]!.aside || lines.length > LINES_MAX || text.length > CHARS_MAX || !/\p{L}/u.test(text)) return undefined;
  const style = { size: Math.round(paragraph.size), bold: lines.every((line) => line.bold) };
  if (rules.outline.has(outlineKey(text))) return style;
  if (lines.every((line) => line.mono)) return undefined;
  if (paragraph.marker && !paragraph.marker.ordered) return undefined;
  const ratio = paragraph.size / rules.bodySize;
  const closed = SENTENCE_END.test(text) && !NUMBERED.test(text);
  if (ratio >= 1.45) return text.length > 1 && !(closed && lines.length > 2) ? style : undefined;
  if (paragraph.marker && !NUMBERED.test(text)) return undefined;
  if (ratio >= 1.12) return closed || text.length > 160 ? undefined : style;
  if (ratio < 0.95 || lines.length > 2 || closed || text.length > 120 || /:$/.test(text)) return undefined;
  if (style.bold) return rules.mostlyBold ? undefined : style;
  return lines.length === 1 && lines[0]!.italic && isTitleCase(text) ? style : undefined;
}

/** Most words of any length are capitalised, as in titles and hardly anywhere else. */
function isTitleCase(text: string): boolean {
  const words = text.match(/\p{L}{4,}/gu) ?? [];
  if (words.length < 2 || /^(?:fig|tab|source|note|continued)/i.test(text) || text.length > 70) return false;
  return words.filter((word) => /^\p{Lu}/u.test(word)).length >= words.length * 0.75;
}

/** Levels of the paragraphs that are headings. `texts` are their joined texts, in the same order. */
export function headingLevels(
  paragraphs: readonly Paragraph[],
  texts: readonly string[],
  rules: HeadingRules,
): (number | undefined)[] {
  const tagged = paragraphs.some((paragraph) => paragraph.lines[0]!.tagged > 0);
  const styles = paragraphs.map((paragraph, index) => {
    const style = styleOf(paragraph, texts[index]!, rules);
    // Where the author's own headings are known, only a much larger text can be one more: the title.
    return tagged && style && style.size < rules.bodySize * 1.5 ? undefined : style;
  });
  const depths = texts.map((text) => rules.outline.get(outlineKey(text)));
  const ranks = withOutline(rankedStyles(styles.filter((style) => style !== undefined)), styles, depths);
  return paragraphs.map((paragraph, index) => {
    const own = paragraph.lines[0]!.tagged;
    if (own > 0) return /\p{L}|\p{N}/u.test(texts[index]!) ? own : undefined;
    const style = styles[index];
    if (!style) return undefined;
    return tagged ? 1 : ranks.get(rankOf(style));
  });
}

/** The outline knows better: a style takes the level below the title that most of its headings have there. */
function withOutline(
  levels: ReadonlyMap<number, number>,
  styles: readonly (Style | undefined)[],
  depths: readonly (number | undefined)[],
): ReadonlyMap<number, number> {
  const known = new Map<number, number[]>();
  for (const [index, style] of styles.entries()) {
    const depth = depths[index];
    if (style && depth !== undefined) known.set(rankOf(style), [...(known.get(rankOf(style)) ?? []), depth]);
  }
  if ([...known.values()].flat().length < 3) return levels;
  const corrected = new Map<number, number>();
  let last = 0;
  for (const rank of [...levels.keys()].sort((a, b) => b - a)) {
    const own = known.get(rank)?.sort((a, b) => a - b);
    if (own) last = own[own.length >> 1]! + 1;
    else if (last > 0) last = Math.max(last, levels.get(rank)!);
    corrected.set(rank, Math.min(6, last || levels.get(rank)!));
  }
  return corrected;
}

function rankOf(style: Style): number {
  return style.size * 2 + (style.bold ? 1 : 0);
}

/**
 * Level of each style. Level 1 is the title's: if the largest style occurs once, it is the title; if it occurs again and
 * again, the document has no title of its own and its headings start at level 2.
 */
function rankedStyles(styles: readonly Style[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const style of styles) counts.set(rankOf(style), (counts.get(rankOf(style)) ?? 0) + 1);
  const ranks = [...counts.keys()].sort((a, b) => b - a);
  const levels = new Map<number, number>();
  let level = counts.get(ranks[0]!) === 1 || ranks.length === 1 ? 0 : 1;
  if (ranks.length === 1 && styles.length > 1) level = 1;
  let previous = Infinity;
  for (const rank of ranks) {
    // Sizes that hardly differ, or that occur only once, are no level of their own.
    const distinct = previous === Infinity || rank < previous * 0.93 || rank % 2 !== previous % 2;
    const rare = counts.get(rank) === 1 && level >= 2 && ranks.length > 4;
    if (distinct && !(rare && level > 0)) {
      level++;
      previous = rank;
    }
    levels.set(rank, Math.min(6, Math.max(1, level)));
  }
  return levels;
}
