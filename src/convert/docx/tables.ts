/**
 * Writes tables for mammoth: rows and cells unwrapped from content controls and tracked changes, cells that a row leaves
 * out at its start put in as empty ones, so that every cell keeps its column.
 */
import { BlockWriter } from "./blocks.ts";
import type { DocxContext } from "./context.ts";
import { chooseAlternate, type InlineReader } from "./inline.ts";
import { child, childrenOf, childValue, escapeXml, isElement, toggle, type XmlElement } from "./xml.ts";

const WRAPPERS: ReadonlySet<string> = new Set([
  "w:sdt",
  "w:sdtContent",
  "w:customXml",
  "w:ins",
  "w:moveTo",
  "mc:AlternateContent",
]);

/** @param before text of the paragraph above the table. */
export function tableXml(table: XmlElement, context: DocxContext, inline: InlineReader, before: string): string {
  const rows = unwrapped(table, "w:tr").filter((row) => !child(child(row, "w:trPr"), "w:del"));
  const header = headerRows(table, rows);
  const written = rows.map((row, index) => rowXml(row, index < header, context, inline)).filter((row) => row !== "");
  if (written.length === 0) return "";
  // The caption is no paragraph of the document: Word keeps it with the table's properties.
  const caption = childValue(child(table, "w:tblPr"), "w:tblCaption")?.trim();
  const captionXml =
    caption && caption !== before.trim()
      ? `<w:p><w:r><w:t xml:space="preserve">${escapeXml(caption)}</w:t></w:r></w:p>`
      : "";
  return `${captionXml}<w:tbl>${written.join("")}</w:tbl>`;
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

function rowXml(row: XmlElement, isHeader: boolean, context: DocxContext, inline: InlineReader): string {
  const cells = unwrapped(row, "w:tc");
  if (cells.length === 0) return "";
  const properties = child(row, "w:trPr");
  const before = Math.min(Number.parseInt(childValue(properties, "w:gridBefore") ?? "0", 10) || 0, 100);
  const skipped = "<w:tc><w:p/></w:tc>".repeat(before);
  return `<w:tr>${isHeader ? "<w:trPr><w:tblHeader/></w:trPr>" : ""}${skipped}${cells.map((cell) => cellXml(cell, context, inline)).join("")}</w:tr>`;
}

function cellXml(cell: XmlElement, context: DocxContext, inline: InlineReader): string {
  const properties = child(cell, "w:tcPr");
  const span = Number.parseInt(childValue(properties, "w:gridSpan") ?? "1", 10);
  const merge = childrenOf(properties, "w:vMerge")[0];
  const mergeValue = merge?.attributes["w:val"];
  const gridSpan = span > 1 ? `<w:gridSpan w:val="${Math.min(span, 1000)}"/>` : "";
  const vMerge = merge ? `<w:vMerge${mergeValue === undefined ? "" : ` w:val="${escapeXml(mergeValue)}"`}/>` : "";
  const blocks = new BlockWriter(context, inline).write(cell);
  return `<w:tc>${gridSpan || vMerge ? `<w:tcPr>${gridSpan}${vMerge}</w:tcPr>` : ""}${blocks || "<w:p/>"}</w:tc>`;
}
