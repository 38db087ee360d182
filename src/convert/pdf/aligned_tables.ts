/**
 * Finds tables without ruling lines: rows that stand one below the other, each in several pieces, with upright strips
 * between the pieces that stay free all the way down. In doubt there is no table and the lines stay text.
 */

import { median } from "./columns.ts";
import type { Line } from "./lines.ts";
import { lineOf, spansOf } from "./lines.ts";
import { isMarker, markerOf } from "./markers.ts";
import type { Link } from "./page_content.ts";
import { type Cell, type Chunk, chunkOf, type Table } from "./rows.ts";
import { inStrip, looksLikeTable, type Strip } from "./table_evidence.ts";
import type { Word } from "./words.ts";

/** Average words of a cell above which the columns are prose. */
const CELL_WORDS_MAX = 12;
/** Lines of a run beyond which only the run as a whole is looked at. */
const LONG_RUN = 40;
/** Free strip between columns, in font sizes. */
const STRIP = 0.6;

/** Replaces runs of lines that make a table by one line that stands for it. */
export function withAlignedTables(lines: readonly Line[], links: readonly Link[], rightward: boolean): Line[] {
  const result: Line[] = [];
  let index = 0;
  while (index < lines.length) {
    const end = Math.max(contentsEnd(lines, index), runEnd(lines, index));
    const run = lines.slice(index, end);
    const replaced = run.length >= 2 ? replacement(run, result, links, rightward) : undefined;
    if (replaced) {
      result.push(...replaced);
      index = end;
    } else {
      // A long run that is no table has none in it either; looking at all its parts would take too long.
      const next = run.length > LONG_RUN ? end : index + 1;
      result.push(...lines.slice(index, next));
      index = next;
    }
  }
  return result;
}

/** What a run of lines is replaced by, if it is a table or lists side by side. Takes a table's head off `above`. */
function replacement(
  run: readonly Line[],
  above: Line[],
  links: readonly Link[],
  rightward: boolean,
): Line[] | undefined {
  if (run.length >= CONTENTS_LINES && run.every((line) => CONTENTS.test(line.text)))
    return [standIn(run, contentsOf(run))];
  const columns = columnsOf(run.filter(isSplit));
  const lists = listsOf(run, columns, links, rightward);
  if (lists) return lists;
  const table = tableOf(run, columns, links, rightward);
  if (!table) return undefined;
  const head = headLines(above, run, columns);
  for (const line of head) table.rows.unshift(cellsOf(line, columns, links, rightward));
  if (rightward) for (const row of table.rows) row.reverse();
  above.length -= head.length;
  return [standIn([...head.reverse(), ...run], table)];
}

/** Lists that stand side by side are read one after the other; undefined if the columns are none. */
function listsOf(
  run: readonly Line[],
  columns: readonly Strip[],
  links: readonly Link[],
  rightward: boolean,
): Line[] | undefined {
  const pieces = run.flatMap((line) => line.chunks);
  if (columns.length < 2 || pieces.filter(startsItem).length * 4 < pieces.length) return undefined;
  const byColumn = columns.map((column) =>
    run.flatMap((line) => {
      const words = line.words.filter((word) => inStrip(column, (word.x1 + word.x2) / 2));
      return words.length > 0 ? [lineOf([chunkOf(words)], line.page, links, rightward)] : [];
    }),
  );
  const lists = byColumn.filter((lines) => lines.filter(isItem).length >= lines.length * 0.8);
  return lists.length * 2 > columns.length ? byColumn.flat() : undefined;
}

function startsItem(chunk: Chunk): boolean {
  return isMarker(chunk) || markerOf(`${chunk.words[0]?.parts.join("") ?? ""} x`) !== undefined;
}

/** Whether a line has a marker and something behind it. */
function isItem(line: Line): boolean {
  const marker = markerOf(line.text);
  return marker !== undefined && marker.length < line.text.length;
}

/** Lines that make a table of contents. */
const CONTENTS_LINES = 3;
/** What the leaders of a table of contents were made into, with a page number behind. */
const CONTENTS = /^(.*\S) … ?\.?\s?([ivxlcdm]+|\d{1,4})$/i;

/** How far from `start` lines of a table of contents go on. */
function contentsEnd(lines: readonly Line[], start: number): number {
  let end = start;
  while (end < lines.length && !lines[end]!.table && CONTENTS.test(lines[end]!.text)) end++;
  return end;
}

function contentsOf(lines: readonly Line[]): Table {
  const rows = lines.map((line) => {
    const [, title = "", page = ""] = CONTENTS.exec(line.text) ?? [];
    const url = line.spans.find((span) => span.url !== null)?.url ?? null;
    return [[[{ text: title, url }]], [[{ text: page, url: null }]]];
  });
  return { rows, header: false };
}

/** Lines right above a table whose words fall into its columns: a head set too tight to be seen as pieces. */
function headLines(above: readonly Line[], run: readonly Line[], columns: readonly Strip[]): Line[] {
  const head: Line[] = [];
  let below = run[0]!;
  while (columns.length > 0 && head.length < 2) {
    const line = above[above.length - 1 - head.length];
    if (
      !line ||
      line.table ||
      below.y - line.y > below.size * 2.2 ||
      below.y <= line.y ||
      Math.abs(line.size - below.size) > 1.2
    )
      break;
    if (line.words.length > columns.length * 3 || /[.:;]$/.test(line.text) || markerOf(line.text)) break;
    const filled = columns.filter((column) => line.words.some((word) => inStrip(column, (word.x1 + word.x2) / 2)));
    const crossing = line.words.some((word) =>
      columns.some((column) => word.x1 < column.x2 - 1 && word.x2 > column.x2 + 1),
    );
    if (crossing || filled.length < 2 || filled.length < columns.length * 0.5) break;
    head.push(line);
    below = line;
  }
  return head;
}

function standIn(run: readonly Line[], table: Table): Line {
  const chunk: Chunk = {
    words: [],
    letters: 0,
    x1: Math.min(...run.map((line) => line.x1)),
    x2: Math.max(...run.map((line) => line.x2)),
    y: run.at(-1)!.y,
    size: run[0]!.size,
    top: run[0]!.top,
    bottom: run.at(-1)!.bottom,
    table,
  };
  return lineOf([chunk], run[0]!.page, [], false);
}

/**
 * How far from `start` lines go on that may be rows of one table: pieces apart, no great gap, no two lone lines, no lone
 * line that looks like a title, and no row that would close a strip which the rows above it left free.
 */
function runEnd(lines: readonly Line[], start: number): number {
  const first = lines[start]!;
  if (!isSplit(first)) return start;
  const split = [first];
  let columns = columnsOf(split).length;
  let end = start + 1;
  let tightest = Infinity;
  for (let next = start + 1; next < lines.length; next++) {
    const line = lines[next]!;
    const above = lines[next - 1]!;
    if (line.table || line.y - above.y > Math.max(line.size, above.size) * 3.2 || line.y <= above.y) break;
    const step = line.y - above.y;
    if (!isSplit(line)) {
      const titled = (line.bold && !above.bold && step > tightest * 1.15) || line.size > first.size * 1.12;
      if (titled || next - end >= 2) break;
      continue;
    }
    tightest = Math.min(tightest, step);
    const widened = columnsOf([...split, line]).length;
    if (widened < columns && split.length >= 2) break;
    columns = widened;
    split.push(line);
    end = next + 1;
  }
  return end;
}

function isSplit(line: Line): boolean {
  if (line.table || line.chunks.length < 2) return false;
  return line.chunks.length > 2 || !isMarker(line.chunks[0]!);
}

function cellsOf(line: Line, columns: readonly Strip[], links: readonly Link[], rightward: boolean): Cell[] {
  const cells: Word[][] = columns.map(() => []);
  for (const chunk of line.chunks) {
    const whole = columns.findIndex((column) => inStrip(column, chunk.x1 + 1));
    const divided = isDivided(chunk, columns);
    for (const word of chunk.words) {
      const own = columns.findIndex((column) => inStrip(column, (word.x1 + word.x2) / 2));
      cells[divided ? own : whole]?.push(word);
    }
  }
  return cells.map((words) => (words.length > 0 ? [spansOf(words, links, rightward)] : []));
}

/** Whether the words of a piece that lies over several columns keep apart where the columns do. */
function isDivided(chunk: Chunk, columns: readonly Strip[]): boolean {
  return columns.every((column) => {
    if (column.x2 <= chunk.x1 || column.x2 >= chunk.x2) return true;
    const before = Math.max(...chunk.words.filter((word) => word.x1 < column.x2).map((word) => word.x2));
    const after = Math.min(...chunk.words.filter((word) => word.x1 >= column.x2).map((word) => word.x1));
    return before <= column.x2 && after - before >= chunk.size * 0.35;
  });
}

function tableOf(
  run: readonly Line[],
  columns: readonly Strip[],
  links: readonly Link[],
  rightward: boolean,
): Table | undefined {
  const split = run.filter(isSplit);
  if (columns.length < 2 || split.length < 2 || (columns.length === 2 && split.length < 3)) return undefined;
  // Code is aligned as well, but seldom in three columns.
  if (columns.length === 2 && run.every((line) => line.mono)) return undefined;
  const words = split.reduce((sum, line) => sum + line.words.length, 0);
  const pieces = split.reduce((sum, line) => sum + line.chunks.length, 0);
  if (words / pieces > CELL_WORDS_MAX || !looksLikeTable(split, columns) || isContents(split)) return undefined;
  const rows: Cell[][] = [];
  const typical = median(split.slice(1).map((line, index) => line.y - split[index]!.y));
  let above: Line | undefined;
  for (const line of run) {
    const texts = cellsOf(line, columns, links, rightward);
    const last = rows.at(-1);
    const filled = texts.filter((text) => text.length > 0).length;
    const step = above ? (line.y - above.y) / above.size : Infinity;
    const tight = above !== undefined && line.y - above.y < typical * 0.8;
    const wrapped = filled === 1 && step < 1.45 && (texts[0]!.length === 0 || tight);
    const goesOn = last !== undefined && wrapped;
    if (goesOn) for (const [index, text] of texts.entries()) last![index]!.push(...text);
    else rows.push(texts);
    above = line;
  }
  return rows.length >= 2 ? { rows, header: true } : undefined;
}

/** Columns as widened strips that together cover the width: text that is in none of them is between two. */
function columnsOf(lines: readonly Line[]): Strip[] {
  if (lines.length === 0) return [];
  const most = Math.max(...lines.map((line) => line.chunks.length));
  const regular = lines.filter((line) => line.chunks.length >= Math.max(2, most * 0.6));
  const em = lines[0]!.size;
  const pieces = regular
    .flatMap((line) => line.chunks.map((chunk) => ({ x1: chunk.x1, x2: chunk.x2 })))
    .sort((a, b) => a.x1 - b.x1);
  const markers = new Set(regular.flatMap((line) => line.chunks.filter(isMarker).map((chunk) => chunk.x1)));
  const strips: Strip[] = [];
  for (const piece of pieces) {
    const last = strips.at(-1);
    // A strip of bullets belongs to the one behind it.
    const behindMarkers = last && markers.has(last.x1) && piece.x1 < last.x2 + 3 * em;
    if (last && (piece.x1 < last.x2 + STRIP * em || behindMarkers)) last.x2 = Math.max(last.x2, piece.x2);
    else strips.push({ ...piece });
  }
  return strips.map((strip, index) => ({
    x1: index === 0 ? -Infinity : (strips[index - 1]!.x2 + strip.x1) / 2,
    x2: index + 1 < strips.length ? (strip.x2 + strips[index + 1]!.x1) / 2 : Infinity,
  }));
}

/** Titles and growing page numbers: a table of contents is better read line by line. */
function isContents(lines: readonly Line[]): boolean {
  const numbers = lines.map((line) => /(?:^|\s)(\d{1,4})$/.exec(line.text)?.[1]).map(Number);
  if (lines.length < 3 || numbers.some(Number.isNaN) || lines.some((line) => line.chunks.length > 3)) return false;
  return numbers.every((number, index) => index === 0 || number >= numbers[index - 1]!);
}
