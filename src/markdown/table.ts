/**
 * Draws a grid of cells as a GFM table. Row and column spans are expanded: the text stands in the first cell of a span,
 * the cells that it covers are empty, so that every other cell keeps its row and column. A table whose first row is no
 * header gets an empty header row, since GFM knows no table without one.
 */
import { escapeTableCell } from "./escape.ts";

export interface TableCell {
  /** Inline Markdown; pipes are escaped and line ends become `<br>` here. */
  text: string;
  /** Rows that the cell covers; 0 means down to the last one, as in HTML. */
  rowspan?: number;
  colspan?: number;
  header?: boolean;
}

/** HTML's own bound for colspan. */
const COLSPAN_MAX = 1000;
/** Up to this width short rows are filled up. */
const NEATLY_FILLED_MAX = 64;
/** Covered cells that a table may have; beyond, spans are ignored, so that they cannot inflate a small source. */
const COVERED_CELLS_MAX = 1_000_000;

/** The table without blank lines around it, or "" if it has no cell. */
export function gfmTable(rows: readonly (readonly TableCell[])[]): string {
  const grid = expand(rows);
  const width = grid.reduce((widest, row) => Math.max(widest, row.length), 0);
  if (width === 0) return "";
  const hasHeader = rows[0]!.length > 0 && rows[0]!.every((cell) => cell.header === true);
  const lines = [line(hasHeader ? grid[0]! : [], width), `|${" --- |".repeat(width)}`];
  for (const row of hasHeader ? grid.slice(1) : grid) lines.push(line(row, width));
  return lines.join("\n");
}

function line(row: readonly string[], width: number): string {
  let text = "|";
  for (const cell of row) text += cell === "" ? "  |" : ` ${cell} |`;
  // GFM fills short rows up itself: in wide tables only the header has to show every column.
  return row.length === 0 || width <= NEATLY_FILLED_MAX ? text + "  |".repeat(width - row.length) : text;
}

/** Rows of escaped cell texts; `covered[column]` counts the rows that a cell above still covers. */
function expand(rows: readonly (readonly TableCell[])[]): string[][] {
  let covered: number[] = [];
  let budget = COVERED_CELLS_MAX;
  return rows.map((cells, rowIndex) => {
    const row: string[] = [];
    const below = rows.length - rowIndex - 1;
    const addCovered = (): void => {
      covered[row.length]!--;
      row.push("");
      budget--;
    };
    for (const cell of cells) {
      if (budget <= 0) covered = [];
      while ((covered[row.length] ?? 0) > 0) addCovered();
      const colspan = budget > 0 ? Math.max(1, Math.min(Math.trunc(cell.colspan ?? 1) || 1, COLSPAN_MAX)) : 1;
      const rowspan = Math.trunc(cell.rowspan ?? 1);
      const rest = budget <= 0 ? 0 : rowspan === 0 ? below : Math.max(0, Math.min((rowspan || 1) - 1, below));
      for (let offset = 0; offset < colspan; offset++) {
        covered[row.length] = rest;
        row.push(offset === 0 ? escapeTableCell(cell.text) : "");
      }
      budget -= colspan - 1;
    }
    while (row.length < covered.length && budget > 0) {
      if ((covered[row.length] ?? 0) > 0) addCovered();
      else row.push("");
    }
    return row;
  });
}
