/**
 * Takes the words inside a grid of ruling lines out of the page and makes a table of them. Where a row of the grid holds
 * several rows of the table (lines only around the whole and between columns), it is divided at the baselines.
 */
import { type Grid, gridsOf } from "./grid.ts";
import { spansOf } from "./lines.ts";
import { isMarker } from "./markers.ts";
import type { Link, Rule } from "./page_content.ts";
import { type Cell, type Chunk, chunksOf, rowsOf, type Table } from "./rows.ts";
import type { Word } from "./words.ts";

/** More words than this in one of few cells: a page laid out in boxes. */
const BOXED_WORDS = 120;

/** Row edges of a grid that may still have its rows unmarked: a frame, perhaps with a line below the head and above a sum. */
const UNDIVIDED_ROWS = 4;

export interface TableRead {
  /** Words that belong to no table. */
  rest: Word[];
  /** Each table as a chunk as large as the table. */
  tables: Chunk[];
}

export function readRuledTables(
  words: readonly Word[],
  rules: readonly Rule[],
  links: readonly Link[],
  rightward: boolean,
): TableRead {
  let rest = [...words];
  const tables: Chunk[] = [];
  const grids = gridsOf(rules).sort((a, b) => area(b) - area(a));
  for (const grid of grids) {
    const inside: Word[] = [];
    const outside: Word[] = [];
    for (const word of rest) (contains(grid, word) ? inside : outside).push(word);
    if (inside.length < 2) continue;
    const table = tableOf(grid, inside, links, rightward);
    if (!table) continue;
    rest = outside;
    const size = inside[0]!.size;
    tables.push({
      words: [],
      letters: 0,
      x1: grid.x1,
      x2: grid.x2,
      y: grid.y2 - 2,
      size,
      top: grid.y1,
      bottom: grid.y2,
      table,
    });
  }
  return { rest, tables };
}

function area(grid: Grid): number {
  return (grid.x2 - grid.x1) * (grid.y2 - grid.y1);
}

function contains(grid: Grid, word: Word): boolean {
  const x = (word.x1 + word.x2) / 2;
  const y = word.y - word.size * 0.3;
  return x > grid.x1 && x < grid.x2 && y > grid.y1 && y < grid.y2;
}

function tableOf(grid: Grid, words: readonly Word[], links: readonly Link[], rightward: boolean): Table | undefined {
  const columns = grid.xs.length - 1;
  const cells = new Map<number, Word[]>();
  for (const word of words) {
    const column = slot(grid.xs, (word.x1 + word.x2) / 2);
    const row = slot(grid.ys, word.y - word.size * 0.3);
    const cell = grid.owner[row * columns + column]!;
    const own = cells.get(cell);
    if (own) own.push(word);
    else cells.set(cell, [word]);
  }
  const most = Math.max(...[...cells.values()].map((own) => own.length));
  if (cells.size < 2 || (most > BOXED_WORDS && cells.size < 7)) return undefined;
  if ([...cells.values()].some(hasColumns) || isPlot(grid, [...cells.values()])) return undefined;
  const rows: Cell[][] = [];
  for (let row = 0; row < grid.ys.length - 1; row++) {
    const own = Array.from({ length: columns }, (_, column) => {
      const cell = row * columns + column;
      return grid.owner[cell] === cell ? (cells.get(cell) ?? []) : [];
    });
    for (const part of dividedRow(own, grid.ys.length <= UNDIVIDED_ROWS))
      rows.push(part.map((cell) => cellOf(cell, links, rightward)));
  }
  const kept = withoutEmpty(rows);
  if (rightward) for (const row of kept) row.reverse();
  return kept.length >= 2 && (kept[0]?.length ?? 0) >= 2 ? { rows: kept, header: true } : undefined;
}

/** The grid of a plot has few texts in it, and those are numbers and signs. */
function isPlot(grid: Grid, cells: readonly Word[][]): boolean {
  const whole = new Set(grid.owner).size;
  const texts = cells.map((words) => words.map((word) => word.parts.join("")).join(" "));
  const wordy = texts.filter((text) => /\p{L}{2}|\d[\d.,]*\d/u.test(text)).length;
  return cells.length < Math.max(3, whole * 0.2) || wordy < cells.length * 0.3;
}

/** A frame around things that stand side by side is none of a cell. */
function hasColumns(words: readonly Word[]): boolean {
  if (words.length < 8) return false;
  const rows = Map.groupBy(chunksOf(words), (chunk) => Math.round(chunk.y));
  const apart = (row: readonly Chunk[]) => row.length > 2 || (row.length === 2 && !isMarker(row[0]!));
  return [...rows.values()].filter(apart).length >= 3;
}

function slot(edges: readonly number[], value: number): number {
  let index = 0;
  while (index < edges.length - 2 && value > edges[index + 1]!) index++;
  return index;
}

export function cellOf(words: readonly Word[], links: readonly Link[], rightward: boolean): Cell {
  return rowsOf(words).map((row) => spansOf(row, links, rightward));
}

/**
 * Several rows in one: the first column and most others have many lines, on the same baselines. Where the grid has lines
 * between other rows (`loose` is false), nearly all of at least three columns must have just as many lines.
 */
function dividedRow(cells: readonly Word[][], loose: boolean): Word[][][] {
  const baselines = cells.map((words) => rowsOf(words).map((row) => row[0]!.y));
  const first = baselines[0] ?? [];
  const others = baselines.slice(1).filter((lines) => lines.length > 0);
  if (first.length < 3 || others.length < (loose ? 1 : 2)) return [[...cells]];
  const aligned = (lines: readonly number[]) =>
    lines.filter((y) => first.some((own) => Math.abs(own - y) < 2)).length >= lines.length * 0.8;
  const agreeing = others.filter((lines) =>
    loose ? lines.length >= first.length * 0.5 && aligned(lines) : lines.length === first.length && aligned(lines),
  );
  if (agreeing.length < others.length * (loose ? 0.7 : 0.85)) return [[...cells]];
  return first.map((y, index) => {
    const from = index === 0 ? -Infinity : y - 2;
    const to = index + 1 < first.length ? first[index + 1]! - 2 : Infinity;
    return cells.map((words) => words.filter((word) => word.y >= from && word.y < to));
  });
}

function withoutEmpty(rows: readonly Cell[][]): Cell[][] {
  const hasText = (cell: Cell | undefined): boolean | undefined =>
    cell?.some((line) => line.some((span) => span.text.trim() !== ""));
  const filledRows = rows.filter((row) => row.some(hasText));
  const width = Math.max(0, ...filledRows.map((row) => row.length));
  const columns = Array.from({ length: width }, (_, column) => column).filter((column) =>
    filledRows.some((row) => hasText(row[column])),
  );
  return filledRows.map((row) => columns.map((column) => row[column] ?? []));
}
