/**
 * Finds columns and with them the order of reading. A gutter is an upright strip that no text crosses, with lines on
 * both sides. The page is split at the best gutter into what is above, left, right and below, and each part again.
 * Strips between the cells of a table are no gutters: there, short texts stand side by side on the same baselines.
 */
import { type Chunk, chunkOf } from "./rows.ts";

/** Narrowest gutter, in font sizes. */
const GUTTER = 0.8;
/** Between texts as long as sentences, a gap of this width parts columns or pages, whatever their lines look like. */
const WIDE_GUTTER = 6;
/** Letters of a line that is likely to be part of a sentence. */
const SENTENCE = 18;
/** Lines that must stand on each side of a gutter. */
const LINES_MIN = 3;
/** Score of a gutter so long that what seems to cross it is looked at again, the least gap there, and how often. */
const LONG_GUTTER = 10;
const NARROW_GUTTER = 0.45;
const ENDS_MAX = 30;
const DEPTH_MAX = 10;
const CANDIDATES_MAX = 240;
/** A page with more pieces than this is a map or a drawing; looking for columns in it would take too long. */
const CHUNKS_MAX = 4_000;

interface Split {
  above: Chunk[];
  left: Chunk[];
  right: Chunk[];
  below: Chunk[];
  score: number;
  /** Middle of the gutter, and a height at which it is free. */
  x: number;
  y: number;
  /** What ends the gutter above and below. */
  ends: Chunk[];
}

/** Divides the chunks of a page into regions that are each read line by line, in reading order. */
export function regionsOf(chunks: readonly Chunk[], rightward = false, depth = 0): Chunk[][] {
  if (chunks.length === 0) return [];
  const split =
    depth < DEPTH_MAX && chunks.length >= LINES_MIN * 2 && chunks.length <= CHUNKS_MAX ? bestSplit(chunks) : undefined;
  if (!split) return [[...chunks]];
  const sides = rightward ? [split.right, split.left] : [split.left, split.right];
  return [split.above, ...sides, split.below].flatMap((part) => regionsOf(part, rightward, depth + 1));
}

function bestSplit(unsorted: readonly Chunk[]): Split | undefined {
  const chunks = [...unsorted].sort((a, b) => a.y - b.y);
  const em = median(chunks.map((chunk) => chunk.size));
  let best: Split | undefined;
  for (const [x, y] of candidates(chunks, em)) {
    best = splitAt(chunks, x, y, em, best?.score ?? 0, NONE) ?? best;
  }
  return best && best.score >= LONG_GUTTER ? lengthened(best, chunks, em) : best;
}

const NONE: ReadonlySet<Chunk> = new Set();

/** A caption may reach over the gutter until hardly a gap is left. Beside a long gutter, that gap is still the gutter. */
function lengthened(split: Split, chunks: readonly Chunk[], em: number): Split {
  const halves = new Set<Chunk>();
  let longest = split;
  let pieces = chunks;
  for (let count = 0; count < ENDS_MAX; count++) {
    const parted = longest.ends
      .map((end) => ({ end, parts: dividedAt(end, longest.x, em) }))
      .find(({ parts }) => parts);
    if (!parted?.parts) return longest;
    for (const part of parted.parts) halves.add(part);
    pieces = pieces.flatMap((chunk) => (chunk === parted.end ? parted.parts! : [chunk]));
    const next = splitAt(pieces, longest.x, longest.y, em, 0, halves);
    if (!next || next.score <= longest.score) return longest;
    longest = next;
  }
  return longest;
}

/** The two halves of a piece that has a gap at x, narrower than a gutter but wider than a blank. */
function dividedAt(chunk: Chunk, x: number, em: number): Chunk[] | undefined {
  for (let index = 1; index < chunk.words.length; index++) {
    const [left, right] = [chunk.words[index - 1]!, chunk.words[index]!];
    if (right.x1 - left.x2 < em * NARROW_GUTTER || Math.abs((left.x2 + right.x1) / 2 - x) > em * GUTTER) continue;
    return [chunkOf(chunk.words.slice(0, index)), chunkOf(chunk.words.slice(index))];
  }
  return undefined;
}

/** Middles of gaps between neighbours, one for each place. */
function candidates(chunks: readonly Chunk[], em: number): [number, number][] {
  const sorted = [...chunks].sort((a, b) => a.x1 - b.x1);
  const found = new Map<string, [number, number]>();
  for (const chunk of chunks) {
    const right = sorted.find(
      (other) => other.x1 >= chunk.x2 + GUTTER * em && other.top < chunk.bottom && other.bottom > chunk.top,
    );
    if (!right) continue;
    // Both edges of a gap: the wide gap behind a short line reaches far beyond the gutter.
    for (const x of [right.x1 - (GUTTER * em) / 2, (chunk.x2 + right.x1) / 2]) {
      const key = `${Math.round((x / em) * 6)} ${Math.round(chunk.y / (em * 12))}`;
      if (!found.has(key)) found.set(key, [x, chunk.y]);
    }
    if (found.size >= CANDIDATES_MAX) break;
  }
  return [...found.values()];
}

/**
 * Splits `chunks`, sorted by height, at the strip around x as far up and down from y as nothing crosses it; undefined if that makes no columns, or
 * none that score better than `least`.
 */
function splitAt(
  chunks: readonly Chunk[],
  x: number,
  y: number,
  em: number,
  least: number,
  halves: ReadonlySet<Chunk>,
): Split | undefined {
  const from = x - (GUTTER * em) / 2 + 0.01;
  const to = x + (GUTTER * em) / 2 - 0.01;
  const crosses = (chunk: Chunk) => chunk.x1 < to && chunk.x2 > from && !halves.has(chunk);
  let start = 0;
  while (start < chunks.length && chunks[start]!.y <= y) start++;
  let end = start;
  while (end < chunks.length && !crosses(chunks[end]!)) end++;
  while (start > 0 && !crosses(chunks[start - 1]!)) start--;
  const above = chunks[start - 1];
  const below = chunks[end];
  const left: Chunk[] = [];
  const right: Chunk[] = [];
  for (let index = start; index < end; index++) {
    const chunk = chunks[index]!;
    // What stands beside the end of the gutter belongs to what ends it.
    if ((above && chunk.y <= above.y) || (below && chunk.y >= below.y)) continue;
    if ((chunk.x1 + chunk.x2) / 2 < x) left.push(chunk);
    else right.push(chunk);
  }
  if (scoreOf(left.length, right.length) <= least || Math.min(left.length, right.length) < LINES_MIN) return undefined;
  trim(left, right, em);
  const leftLines = linesOf(left);
  const rightLines = linesOf(right);
  const score = scoreOf(leftLines.length, rightLines.length);
  if (Math.min(leftLines.length, rightLines.length) < LINES_MIN || score <= least) return undefined;
  if (looksTabular(leftLines, rightLines, em)) return undefined;
  const inside = new Set([...left, ...right]);
  const middle = Math.max(...left.map((chunk) => chunk.y), ...right.map((chunk) => chunk.y));
  const rest: Split = {
    above: [],
    left,
    right,
    below: [],
    score,
    x,
    y,
    ends: [above, below].filter((end) => end !== undefined),
  };
  for (const chunk of chunks) if (!inside.has(chunk)) (chunk.y < middle ? rest.above : rest.below).push(chunk);
  return rest;
}

/** Long gutters first, then those with more text beside them. */
function scoreOf(left: number, right: number): number {
  return Math.min(left, right) + 0.1 * (left + right);
}

/** Takes lines off the ends of a side where the other side has none, if a gap sets them apart. */
function trim(left: Chunk[], right: Chunk[], em: number): void {
  for (const [side, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (side.length === 0 || other.length === 0) return;
    side.sort((a, b) => a.y - b.y);
    const start = Math.min(...other.map((chunk) => chunk.top));
    const end = Math.max(...other.map((chunk) => chunk.bottom));
    for (let index = side.length - 1; index > 0; index--) {
      if (side[index - 1]!.bottom < end) break;
      if (side[index]!.top - side[index - 1]!.bottom > em * 1.2) side.length = index;
    }
    for (let index = 1; index < side.length; index++) {
      if (side[index]!.top > start + em) break;
      if (side[index]!.top - side[index - 1]!.bottom > em * 0.8 && side[index - 1]!.bottom < start) {
        side.splice(0, index);
        index = 0;
      }
    }
  }
}

interface SideLine {
  y: number;
  width: number;
  /** Letters and digits; wide scripts count double, since a word has fewer of them. */
  letters: number;
  x1: number;
  x2: number;
}

function linesOf(side: readonly Chunk[]): SideLine[] {
  const lines: SideLine[] = [];
  for (const chunk of [...side].sort((a, b) => a.y - b.y)) {
    const last = lines.at(-1);
    const letters = chunk.letters;
    if (last && Math.abs(last.y - chunk.y) < chunk.size * 0.4) {
      last.width += chunk.x2 - chunk.x1;
      last.letters += letters;
      last.x1 = Math.min(last.x1, chunk.x1);
      last.x2 = Math.max(last.x2, chunk.x2);
    } else lines.push({ y: chunk.y, width: chunk.x2 - chunk.x1, letters, x1: chunk.x1, x2: chunk.x2 });
  }
  return lines;
}

/** Short texts side by side are cells, not columns, above all if they stand on the same baselines. */
function looksTabular(left: readonly SideLine[], right: readonly SideLine[], em: number): boolean {
  const prose = Number(isProse(left)) + Number(isProse(right));
  if (prose === 2) return false;
  const gutter = Math.min(...right.map((line) => line.x1)) - Math.max(...left.map((line) => line.x2));
  const long = Math.min(typicalLetters(left), typicalLetters(right)) >= SENTENCE;
  if (long && gutter > WIDE_GUTTER * em && Math.min(left.length, right.length) > LINES_MIN * 2) return false;
  const [few, many] = left.length < right.length ? [left, right] : [right, left];
  if (Math.min(typicalLetters(left), typicalLetters(right)) < 8) return true;
  const aligned = few.filter((line) => many.some((other) => Math.abs(other.y - line.y) < 2)).length;
  return aligned >= few.length * (prose === 1 ? 0.5 : 0.3);
}

function typicalLetters(lines: readonly SideLine[]): number {
  return median(lines.map((line) => line.letters));
}

/** Lines that fill their column with several words each. */
function isProse(lines: readonly SideLine[]): boolean {
  const x1 = Math.min(...lines.map((line) => line.x1));
  const x2 = Math.max(...lines.map((line) => line.x2));
  const filled = lines.reduce((sum, line) => sum + line.width, 0) / (lines.length * Math.max(1, x2 - x1));
  return filled >= 0.62 && typicalLetters(lines) >= SENTENCE;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
