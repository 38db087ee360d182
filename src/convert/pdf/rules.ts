/**
 * Finds the ruling lines of a page among its painted paths: stroked straight lines, the edges of stroked rectangles,
 * thin filled bars, and the edges of filled cell backgrounds. Curves and diagonals are drawings and say nothing of tables.
 */
import { apply, type Matrix } from "./matrix.ts";
import type { Rule } from "./page_content.ts";

/** A filled rectangle thinner than this is a line. */
const BAR = 3;
/** Shorter strokes are ornaments. */
const SHORTEST = 4;
/** Deviation that still counts as straight. */
const SKEW = 0.8;
/** Maps and diagrams have tens of thousands of segments, tables never. */
const RULES_MAX = 4_000;

/** Path instructions as PDF.js packs them: a code, then its coordinates. */
const MOVE = 0;
const LINE = 1;
const CURVE = 2;
const QUADRATIC = 3;
const CLOSE = 4;

/** Adds the rules of one painted path to `rules`. `data` is PDF.js's packed path, `ctm` takes it to the shown page. */
export function addRules(
  rules: Rule[],
  data: ArrayLike<number>,
  ctm: Matrix,
  painted: "fill" | "stroke" | "both",
): void {
  if (rules.length >= RULES_MAX || data.length > 100_000) return;
  for (const points of straightSubpaths(data, ctm)) {
    if (rules.length >= RULES_MAX) return;
    const box = boundsOf(points);
    const width = box.x2 - box.x1;
    const height = box.y2 - box.y1;
    if (painted !== "stroke" && Math.min(width, height) <= BAR) {
      if (Math.max(width, height) < SHORTEST) continue;
      const middleX = (box.x1 + box.x2) / 2;
      const middleY = (box.y1 + box.y2) / 2;
      if (width >= height) rules.push({ x1: box.x1, x2: box.x2, y1: middleY, y2: middleY });
      else rules.push({ x1: middleX, x2: middleX, y1: box.y1, y2: box.y2 });
      continue;
    }
    if (painted === "fill" && !isRectangle(points)) continue;
    for (let index = 1; index < points.length; index++) addSegment(rules, points[index - 1]!, points[index]!);
  }
}

type Point = [number, number];

function addSegment(rules: Rule[], from: Point, to: Point): void {
  const dx = Math.abs(from[0] - to[0]);
  const dy = Math.abs(from[1] - to[1]);
  if (dy <= SKEW && dx >= SHORTEST) {
    const y = (from[1] + to[1]) / 2;
    rules.push({ x1: Math.min(from[0], to[0]), x2: Math.max(from[0], to[0]), y1: y, y2: y });
  } else if (dx <= SKEW && dy >= SHORTEST) {
    const x = (from[0] + to[0]) / 2;
    rules.push({ x1: x, x2: x, y1: Math.min(from[1], to[1]), y2: Math.max(from[1], to[1]) });
  }
}

/** The subpaths made of lines only, as points on the shown page. */
function straightSubpaths(data: ArrayLike<number>, ctm: Matrix): Point[][] {
  const paths: Point[][] = [];
  let current: Point[] = [];
  let curved = false;
  const finish = () => {
    if (current.length > 1 && !curved) paths.push(current);
    current = [];
    curved = false;
  };
  let index = 0;
  while (index < data.length) {
    const code = data[index]!;
    if (code === MOVE || code === LINE) {
      if (code === MOVE) finish();
      current.push(apply(ctm, data[index + 1] ?? 0, data[index + 2] ?? 0));
      index += 3;
    } else if (code === CURVE || code === QUADRATIC) {
      curved = true;
      index += code === CURVE ? 7 : 5;
    } else if (code === CLOSE) {
      const first = current[0];
      if (first) current.push(first);
      index += 1;
    } else break;
  }
  finish();
  return paths;
}

function boundsOf(points: readonly Point[]): Rule {
  const box: Rule = { x1: Infinity, y1: Infinity, x2: -Infinity, y2: -Infinity };
  for (const [x, y] of points) {
    box.x1 = Math.min(box.x1, x);
    box.y1 = Math.min(box.y1, y);
    box.x2 = Math.max(box.x2, x);
    box.y2 = Math.max(box.y2, y);
  }
  return box;
}

function isRectangle(points: readonly Point[]): boolean {
  if (points.length < 4 || points.length > 6) return false;
  for (let index = 1; index < points.length; index++) {
    const [x1, y1] = points[index - 1]!;
    const [x2, y2] = points[index]!;
    if (Math.abs(x1 - x2) > SKEW && Math.abs(y1 - y2) > SKEW) return false;
  }
  return true;
}
