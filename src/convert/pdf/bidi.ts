/**
 * Brings a line from the order in which it is shown to the order in which it is read. PDF places glyphs, so a
 * right-to-left line comes as its mirror image; the embedding levels are gone and have to be guessed from the letters,
 * as poppler does: the direction with more letters leads, runs of the other direction and all numbers are kept as they are.
 */
const RIGHT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff]|[\ud802-\ud803\ud83a-\ud83b][\udc00-\udfff]/;
const FIRST_RIGHT = 0x590;
const NUMBER = /^[\p{Nd}\u0660-\u0669\u06f0-\u06f9]/u;
const LEFT = /^\p{L}/u;
const MARK = /^\p{M}/u;
/** Signs that belong to a number when they stand between its digits. */
const NUMERIC_SIGN = /^[.,:/%+\-\u066a-\u066c]$/;

type Direction = "right" | "left" | "number" | "mark" | "neutral";

/** Whether a text has any right-to-left letter: all others need no reordering. */
export function hasRightToLeft(text: string): boolean {
  return RIGHT.test(text);
}

function directionOf(part: string): Direction {
  if (MARK.test(part)) return "mark";
  if (NUMBER.test(part)) return "number";
  if (RIGHT.test(part)) return "right";
  return LEFT.test(part) ? "left" : "neutral";
}

/** More right-to-left than left-to-right letters? */
export function leansRight(parts: readonly string[]): boolean {
  // Nearly all pages have none, and codes are much faster compared than expressions matched.
  if (!parts.some((part) => part.charCodeAt(0) >= FIRST_RIGHT && RIGHT.test(part))) return false;
  let balance = 0;
  for (const part of parts) {
    const direction = directionOf(part);
    if (direction === "right") balance++;
    else if (direction === "left") balance--;
  }
  return balance > 0;
}

/**
 * Reorders parts (glyph texts and blanks, in shown order) to reading order. `rightward` says whether the paragraph as a
 * whole runs from right to left.
 */
export function logicalOrder(parts: readonly string[], rightward: boolean): string[] {
  const clusters = clustersOf(parts);
  const directions = resolved(clusters, rightward);
  const runs: { direction: Direction; clusters: string[] }[] = [];
  for (const [index, cluster] of clusters.entries()) {
    const direction = directions[index]!;
    const last = runs.at(-1);
    if (last && last.direction === direction) last.clusters.push(cluster);
    else runs.push({ direction, clusters: [cluster] });
  }
  if (rightward) runs.reverse();
  return runs.flatMap((run) => (run.direction === "right" ? run.clusters.reverse() : run.clusters));
}

/** A mark stays behind the letter that it was painted on. */
function clustersOf(parts: readonly string[]): string[] {
  const clusters: string[] = [];
  for (const part of parts) {
    if (MARK.test(part) && clusters.length > 0) clusters[clusters.length - 1] += part;
    else clusters.push(part);
  }
  return clusters;
}

/** Each cluster is "right" or "left" in the end; numbers run left, neutrals follow what surrounds them or lead. */
function resolved(clusters: readonly string[], rightward: boolean): Direction[] {
  const lead: Direction = rightward ? "right" : "left";
  const kinds = clusters.map(directionOf);
  for (let index = 1; index + 1 < kinds.length; index++) {
    const between = kinds[index - 1] === "number" && kinds[index + 1] === "number";
    if (between && NUMERIC_SIGN.test(clusters[index]!)) kinds[index] = "number";
  }
  const strong = kinds.map((kind) => (kind === "number" ? "left" : kind));
  for (let index = 0; index < strong.length; index++) {
    if (strong[index] === "right" || strong[index] === "left") continue;
    let end = index;
    while (end < strong.length && strong[end] !== "right" && strong[end] !== "left") end++;
    const before = index > 0 ? strong[index - 1] : lead;
    const after = end < strong.length ? strong[end] : lead;
    strong.fill(before === after && before !== undefined ? before : lead, index, end);
    index = end - 1;
  }
  return strong;
}
