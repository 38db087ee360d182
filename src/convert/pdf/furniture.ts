/**
 * Removes what is printed on every page and belongs to none: running headers, footers, page numbers. A line counts as
 * such if it stands among the outermost lines of its page, and the same text (but for numbers) stands at the same
 * height of other pages. The first of equal texts stays, unless the document says the same elsewhere, since a letterhead
 * or a confidentiality note is information; page numbers go altogether.
 */
import type { Line } from "./lines.ts";

export interface PageLines {
  height: number;
  regions: Line[][];
}

/** Lines counted from the top and from the bottom of a page that may be furniture. */
const OUTERMOST = 4;
/** The same for documents of few pages, where copies of a form are as likely. */
const OUTERMOST_OF_FEW = 2;
const FEW = 3;
/** Share of the page at top and bottom where furniture stands. */
const ZONE = 0.13;
const PAGE_NUMBER =
  /^(?:(?:page|seite|s\.|p\.|pagina|página|стр\.?)\s*)?[-–—|\s]*#(?:[-–—|\s]*|\s*(?:\/|of|von|de|di|van)\s*#\s*)$/i;
const ROMAN_NUMBER = /^[-–—\s]*[ivxlc]{1,7}[-–—\s]*$/;

interface Candidate {
  line: Line;
  page: number;
  key: string;
  number: number | null;
}

/** Removes furniture from the regions, in place; gives the number of removed lines. */
export function removeFurniture(pages: readonly PageLines[]): number {
  if (pages.length < 2) return 0;
  const candidates = pages.flatMap((page, index) =>
    outermost(page, index, pages.length <= FEW ? OUTERMOST_OF_FEW : OUTERMOST),
  );
  const groups = Map.groupBy(candidates, (candidate) => candidate.key);
  const doomed = new Set<Line>();
  const body = bodyTexts(pages, new Set(candidates.map((candidate) => candidate.line)));
  for (const [key, group] of groups) {
    const near = [...group, ...(groups.get(shifted(key, 1)) ?? []), ...(groups.get(shifted(key, -1)) ?? [])];
    const occurrences = new Set(near.map((candidate) => candidate.page)).size;
    const needed = Math.min(pages.length, FEW);
    if (occurrences < needed) continue;
    const numbering = PAGE_NUMBER.test(textOf(key)) || ROMAN_NUMBER.test(textOf(key));
    if (numbering && !countsUp(near)) continue;
    if (!numbering && !/\p{L}{2}/u.test(textOf(key)) && !countsUp(near)) continue;
    const first = near.reduce((best, candidate) => (candidate.page < best.page ? candidate : best));
    const sizes = body.get(plain(first.line.text));
    if (!numbering && sizes?.has(Math.round(first.line.size))) continue;
    const keepsFirst = !numbering && !sizes;
    for (const candidate of group) if (!(keepsFirst && candidate === first)) doomed.add(candidate.line);
  }
  for (const page of pages) {
    const kept = page.regions.map((region) => region.filter((line) => !doomed.has(line)));
    // A page with nothing else on it says just this.
    if (kept.some((region) => region.length > 0)) page.regions = kept;
  }
  return doomed.size;
}

/** The texts that stand anywhere else on the pages, with the sizes in which they are set. */
function bodyTexts(pages: readonly PageLines[], outer: ReadonlySet<Line>): Map<string, Set<number>> {
  const body = new Map<string, Set<number>>();
  for (const line of pages.flatMap((page) => page.regions.flat())) {
    if (outer.has(line)) continue;
    const key = plain(line.text);
    const sizes = body.get(key) ?? new Set();
    sizes.add(Math.round(line.size));
    body.set(key, sizes);
  }
  return body;
}

function outermost(page: PageLines, index: number, count: number): Candidate[] {
  const lines = page.regions.flat().filter((line) => !line.table);
  const byHeight = [...lines].sort((a, b) => a.y - b.y);
  const top = byHeight.filter((line, rank) => rank < count && line.y < page.height * ZONE);
  const bottom = byHeight.filter((line, rank) => rank >= byHeight.length - count && line.y > page.height * (1 - ZONE));
  const numbered = (line: Line) => Number(/\d+/.exec(line.text)?.[0] ?? Number.NaN);
  return [...new Set([...top, ...bottom])].map((line) => ({
    line,
    page: index,
    key: `${Math.round(line.y / 4)}\t${ROMAN_NUMBER.test(line.text) ? "i" : line.text.replace(/\d+/g, "#").toLowerCase().trim()}`,
    number: Number.isNaN(numbered(line)) ? null : numbered(line),
  }));
}

function textOf(key: string): string {
  return key.slice(key.indexOf("\t") + 1);
}

/** The key of the same text a little higher or lower: heights are rounded. */
function shifted(key: string, by: number): string {
  const [height, text] = [key.slice(0, key.indexOf("\t")), textOf(key)];
  return `${Number(height) + by}\t${text}`;
}

/** Numbers that grow with the pages; roman ones are taken on trust. */
function countsUp(group: readonly Candidate[]): boolean {
  const numbers = group.filter((candidate) => candidate.number !== null).sort((a, b) => a.page - b.page);
  if (numbers.length < 2) return group.length > 0 && numbers.length === 0;
  let growing = 0;
  for (let index = 1; index < numbers.length; index++)
    if (numbers[index]!.number! > numbers[index - 1]!.number!) growing++;
  return growing >= (numbers.length - 1) * 0.8;
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, " ")
    .trim();
}
