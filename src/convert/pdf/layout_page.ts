/**
 * Lays out one page: from glyphs to regions of lines in reading order. Text that runs in the direction of most of the
 * page is laid out as the page; text turned otherwise (stamps, labels of axes) is laid out for itself and comes last.
 */
import { withAccents } from "./accents.ts";
import { withAlignedTables } from "./aligned_tables.ts";
import { leansRight } from "./bidi.ts";
import { regionsOf } from "./columns.ts";
import { type Line, linesOf } from "./lines.ts";
import type { Glyph, Link, PageContent, Quadrant, Rule } from "./page_content.ts";
import { chunksOf } from "./rows.ts";
import { readRuledTables } from "./ruled_tables.ts";
import type { HeadingTags } from "./tags.ts";
import { turn, upright, wordsOf } from "./words.ts";

export interface LaidOutPage {
  width: number;
  height: number;
  /** Regions in reading order, each with its lines from top to bottom. */
  regions: Line[][];
}

export function layoutPage(page: PageContent): LaidOutPage {
  const byQuadrant = Map.groupBy(page.glyphs, (glyph) => glyph.quadrant);
  const quadrants = [...byQuadrant.keys()].sort((a, b) => byQuadrant.get(b)!.length - byQuadrant.get(a)!.length);
  const regions: Line[][] = [];
  let size = { width: page.width, height: page.height };
  for (const [index, quadrant] of quadrants.entries()) {
    const own = layoutGlyphs(byQuadrant.get(quadrant)!, quadrant, page);
    regions.push(...(index === 0 ? own : own.map((lines) => lines.map((line) => ({ ...line, aside: true })))));
    if (index === 0 && quadrant % 2 === 1) size = { width: page.height, height: page.width };
  }
  return { ...size, regions };
}

/** The page without columns and tables, row by row: for pages on which the layout fails. */
export function layoutPlainly(page: PageContent): LaidOutPage {
  const chunks = chunksOf(wordsOf(page.glyphs.filter((glyph) => glyph.quadrant === 0)));
  const lines = linesOf(chunks, page.number, [], false);
  return { width: page.width, height: page.height, regions: lines.length > 0 ? [lines] : [] };
}

function layoutGlyphs(glyphs: readonly Glyph[], quadrant: Quadrant, page: PageContent): Line[][] {
  const { width, height } = page;
  const words = wordsOf(withAccents(quadrant === 0 ? glyphs : upright(glyphs, quadrant, width, height)));
  if (words.length === 0) return [];
  const links =
    quadrant === 0
      ? page.links
      : page.links.map((link) => ({ ...turned(link, quadrant, width, height), url: link.url }));
  const rightward = leansRight(words.flatMap((word) => word.parts));
  const rules = quadrant === 0 ? page.rules : page.rules.map((rule) => turned(rule, quadrant, width, height));
  const { rest, tables } = readRuledTables(words, rules, links, rightward);
  return regionsOf([...chunksOf(rest), ...tables], rightward)
    .map((region) => withAlignedTables(linesOf(region, page.number, links, rightward), links, rightward))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => ({ ...line, tagged: taggedLevel(line, page.headings) })));
}

/** The level as which most of the line is tagged. */
function taggedLevel(line: Line, headings: HeadingTags): number {
  if (headings.size === 0 || line.words.length === 0) return 0;
  const tagged = line.words.filter((word) => headings.has(word.mark));
  return tagged.length * 2 > line.words.length ? headings.get(tagged[0]!.mark)! : 0;
}

function turned<T extends Rule | Link>(box: T, quadrant: Quadrant, width: number, height: number): Rule {
  const [xa, ya] = turn(box.x1, box.y1, quadrant, width, height);
  const [xb, yb] = turn(box.x2, box.y2, quadrant, width, height);
  return { x1: Math.min(xa, xb), y1: Math.min(ya, yb), x2: Math.max(xa, xb), y2: Math.max(ya, yb) };
}
