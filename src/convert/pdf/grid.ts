/**
 * Finds the grids that ruling lines make. Lines that touch belong together; their positions give rows and columns, and
 * where a line is missing between two cells they are one. A lone frame around text is no table.
 */
import type { Box, Rule } from "./page_content.ts";

export interface Grid extends Box {
  /** Edges of the columns and rows, ascending. */
  xs: number[];
  ys: number[];
  /** For cell (row, column), at row * columns + column: the index of the first cell that it is one with. */
  owner: number[];
}

/** How far lines may miss each other and still touch. */
const TOUCH = 3;
/** Edges closer than this are one. */
const SAME = 4;
const LINES_MAX = 600;

export function gridsOf(rules: readonly Rule[]): Grid[] {
  const across = merged(
    rules.filter((rule) => rule.y1 === rule.y2),
    "x",
  );
  const upright = merged(
    rules.filter((rule) => rule.x1 === rule.x2),
    "y",
  );
  if (across.length < 2 || upright.length < 2 || across.length + upright.length > LINES_MAX) return [];
  return components(across, upright)
    .map(({ across: rows, upright: columns }) => gridOf(rows, columns))
    .filter((grid) => grid !== undefined);
}

/** Joins collinear rules that overlap or nearly meet. */
function merged(rules: readonly Rule[], along: "x" | "y"): Rule[] {
  const [from, to, at] = along === "x" ? (["x1", "x2", "y1"] as const) : (["y1", "y2", "x1"] as const);
  const lanes: Rule[][] = [];
  for (const rule of [...rules].sort((a, b) => a[at] - b[at])) {
    const lane = lanes.at(-1);
    if (lane && rule[at] - lane[0]![at] < 1.5) lane.push(rule);
    else lanes.push([rule]);
  }
  return lanes.flatMap((lane) => {
    const result: Rule[] = [];
    for (const rule of lane.sort((a, b) => a[from] - b[from])) {
      const last = result.at(-1);
      if (last && rule[from] <= last[to] + TOUCH) last[to] = Math.max(last[to], rule[to]);
      else result.push({ ...rule });
    }
    return result;
  });
}

function components(across: readonly Rule[], upright: readonly Rule[]): { across: Rule[]; upright: Rule[] }[] {
  const parent = [...across, ...upright].map((_, index) => index);
  const find = (index: number): number => (parent[index] === index ? index : (parent[index] = find(parent[index]!)));
  for (const [row, a] of across.entries()) {
    for (const [column, u] of upright.entries()) {
      const meets = u.x1 >= a.x1 - TOUCH && u.x1 <= a.x2 + TOUCH && a.y1 >= u.y1 - TOUCH && a.y1 <= u.y2 + TOUCH;
      if (meets) parent[find(row)] = find(across.length + column);
    }
  }
  const groups = new Map<number, { across: Rule[]; upright: Rule[] }>();
  for (const [index] of parent.entries()) {
    const root = find(index);
    const group = groups.get(root) ?? { across: [], upright: [] };
    if (index < across.length) group.across.push(across[index]!);
    else group.upright.push(upright[index - across.length]!);
    groups.set(root, group);
  }
  return [...groups.values()];
}

function gridOf(across: readonly Rule[], upright: readonly Rule[]): Grid | undefined {
  const xs = edges([...upright.map((rule) => rule.x1), ...outer(across.map((rule) => [rule.x1, rule.x2]))]);
  const ys = edges([...across.map((rule) => rule.y1), ...outer(upright.map((rule) => [rule.y1, rule.y2]))]);
  const columns = xs.length - 1;
  const rows = ys.length - 1;
  if (columns < 1 || rows < 1 || columns * rows < 2 || columns > 60 || rows > 500) return undefined;
  const owner = Array.from({ length: rows * columns }, (_, index) => index);
  const find = (index: number): number => (owner[index] === index ? index : (owner[index] = find(owner[index]!)));
  const unite = (a: number, b: number) => {
    const [first, second] = [find(a), find(b)].sort((x, y) => x - y);
    owner[second!] = first!;
  };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const cell = row * columns + column;
      const middleY = (ys[row]! + ys[row + 1]!) / 2;
      const middleX = (xs[column]! + xs[column + 1]!) / 2;
      const right = upright.some(
        (rule) => Math.abs(rule.x1 - xs[column + 1]!) < SAME && rule.y1 <= middleY && rule.y2 >= middleY,
      );
      const below = across.some(
        (rule) => Math.abs(rule.y1 - ys[row + 1]!) < SAME && rule.x1 <= middleX && rule.x2 >= middleX,
      );
      if (column + 1 < columns && !right) unite(cell, cell + 1);
      if (row + 1 < rows && !below) unite(cell, cell + columns);
    }
  }
  return {
    x1: xs[0]!,
    x2: xs.at(-1)!,
    y1: ys[0]!,
    y2: ys.at(-1)!,
    xs,
    ys,
    owner: owner.map((_, index) => find(index)),
  };
}

/** Tables often have no lines at their outer sides: the ends of the lines that cross them are their edges. */
function outer(ends: readonly [number, number][]): number[] {
  if (ends.length < 2) return [];
  const from = Math.min(...ends.map(([start]) => start));
  const to = Math.max(...ends.map(([, end]) => end));
  const shared = (edge: number, side: 0 | 1) => ends.filter((own) => Math.abs(own[side] - edge) < SAME).length >= 2;
  return [...(shared(from, 0) ? [from] : []), ...(shared(to, 1) ? [to] : [])];
}

function edges(values: readonly number[]): number[] {
  const result: number[] = [];
  for (const value of [...values].sort((a, b) => a - b)) {
    if (result.length === 0 || value - result.at(-1)! >= SAME) result.push(value);
  }
  return result;
}
