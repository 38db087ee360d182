/**
 * Writes tables in mammoth's document model: rows and cells unwrapped from content controls and tracked changes, cells
 * that a row leaves out at its start put in as empty ones, so that every cell keeps its column, and merged ones put
 * together.
 */
import { BlockWriter } from "./blocks.ts";
import type { DocxContext } from "./context.ts";
import { chooseAlternate, type InlineReader } from "./inline.ts";
import {
  type Block,
  PLAIN,
  paragraphOf,
  runOf,
  type TableCell,
  type TableRow,
  tableCell,
  tableOf,
  tableRow,
  textOfRun,
} from "./model.ts";
import { child, childValue, isElement, toggle, type XmlElement } from "./xml.ts";

const WRAPPERS: ReadonlySet<string> = new Set([
  "w:sdt",
  "w:sdtContent",
  "w:customXml",
  "w:ins",
  "w:moveTo",
  "mc:AlternateContent",
]);

/** @param before text of the paragraph above the table. */
export function tableFrom(table: XmlElement, context: DocxContext, inline: InlineReader, before: string): Block[] {
  const rows = unwrapped(table, "w:tr").filter((row) => !child(child(row, "w:trPr"), "w:del"));
  const header = headerRows(table, rows);
  const written = rows.map((row, index) => rowFrom(row, index < header, context, inline)).filter((row) => row !== null);
  if (written.length === 0) return [];
  const blocks: Block[] = [];
  // The caption is no paragraph of the document: Word keeps it with the table's properties.
  const caption = childValue(child(table, "w:tblPr"), "w:tblCaption")?.trim();
  if (caption && caption !== before.trim()) {
    const run = runOf(PLAIN);
    run.children.push(textOfRun(caption));
    blocks.push(paragraphOf([run]));
  }
  blocks.push(tableOf(mergeDown(written)));
  return blocks;
}

/** Elements of this name, with everything that may be wrapped around them taken off. */
function unwrapped(container: XmlElement, name: string, found: XmlElement[] = []): XmlElement[] {
  for (const node of container.children) {
    if (!isElement(node)) continue;
    if (node.name === name) found.push(node);
    else if (node.name === "mc:AlternateContent") {
      const chosen = chooseAlternate(node);
      if (chosen) unwrapped(chosen, name, found);
    } else if (WRAPPERS.has(node.name)) unwrapped(node, name, found);
  }
  return found;
}

/** How many rows at the top are headers: those marked so, or the first one if the table's look sets it apart. */
function headerRows(table: XmlElement, rows: readonly XmlElement[]): number {
  let marked = 0;
  while (marked < rows.length && toggle(child(rows[marked], "w:trPr"), "w:tblHeader")) marked++;
  if (marked > 0 || rows.length < 2) return Math.min(marked, 1);
  const look = child(child(table, "w:tblPr"), "w:tblLook")?.attributes;
  const first = look?.["w:firstRow"] ?? ((Number.parseInt(look?.["w:val"] ?? "0", 16) & 0x20) !== 0 ? "1" : "0");
  return first === "1" || first === "true" ? 1 : 0;
}

/** A cell, and whether it goes on with the one above it. */
interface ReadCell {
  cell: TableCell;
  continues: boolean;
}

interface ReadRow {
  cells: ReadCell[];
  isHeader: boolean;
}

function rowFrom(row: XmlElement, isHeader: boolean, context: DocxContext, inline: InlineReader): ReadRow | null {
  const found = unwrapped(row, "w:tc");
  if (found.length === 0) return null;
  const properties = child(row, "w:trPr");
  const before = Math.min(Number.parseInt(childValue(properties, "w:gridBefore") ?? "0", 10) || 0, 100);
  const cells: ReadCell[] = [];
  for (let skipped = 0; skipped < before; skipped++) cells.push({ cell: tableCell([], 1), continues: false });
  for (const cell of found) cells.push(cellFrom(cell, context, inline));
  return { cells, isHeader };
}

function cellFrom(cell: XmlElement, context: DocxContext, inline: InlineReader): ReadCell {
  const properties = child(cell, "w:tcPr");
  const span = Number.parseInt(childValue(properties, "w:gridSpan") ?? "1", 10);
  const merge = child(properties, "w:vMerge");
  const mergeValue = merge?.attributes["w:val"] || "continue";
  const blocks = new BlockWriter(context, inline).write(cell);
  return {
    cell: tableCell(blocks, span > 1 ? Math.min(span, 1000) : 1),
    continues: merge !== undefined && mergeValue === "continue",
  };
}

/** Cells that go on with the one above them in the same column make that one longer instead. */
function mergeDown(rows: readonly ReadRow[]): TableRow[] {
  const columns = new Map<number, TableCell>();
  return rows.map(({ cells, isHeader }) => {
    const kept: TableCell[] = [];
    let column = 0;
    for (const { cell, continues } of cells) {
      const above = continues ? columns.get(column) : undefined;
      if (above) above.rowSpan++;
      else {
        columns.set(column, cell);
        kept.push(cell);
      }
      column += cell.colSpan;
    }
    return tableRow(kept, isHeader);
  });
}
