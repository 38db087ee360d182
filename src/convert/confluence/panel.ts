/**
 * Panels as block quotes. The kind is said by GitHub's alert mark, which readers and programs understand, the title by a
 * bold line; in a table cell, where no quote can stand, title and body remain.
 */
import { type PageMapper, titleLine } from "./map_page.ts";
import { html, type PageNode } from "./page_tree.ts";

/** Macro or class name → alert. Confluence's yellow "note" warns, its red "warning" warns more. */
export const ALERTS: ReadonlyMap<string, string> = new Map([
  ["info", "NOTE"],
  ["information", "NOTE"],
  ["tip", "TIP"],
  ["success", "TIP"],
  ["note", "WARNING"],
  ["warning", "CAUTION"],
  ["error", "CAUTION"],
]);

/** Quotes in quotes: each level prefixes every line, so that a few more would make a large page of a small one. */
const PANELS_MAX = 8;

/** A quote with an optional mark and title; nothing for an empty panel. */
export function panelNode(
  page: PageMapper,
  alert: string | undefined,
  title: string | undefined,
  content: () => PageNode[],
): PageNode[] {
  page.panels++;
  const body = content();
  page.panels--;
  if (!title && body.every(isEmpty)) return [];
  if (page.panels >= PANELS_MAX) return [html("DIV", {}, [...titleLine(title), ...body])];
  const mark = alert && page.cells === 0 ? [html("P", {}, [`[!${alert}]`])] : [];
  return [html("BLOCKQUOTE", {}, [...mark, ...titleLine(title), ...body])];
}

function isEmpty(node: PageNode): boolean {
  if (node.nodeValue !== null) return node.nodeValue.trim() === "";
  return node.nodeName === "DIV" && node.firstChild === null;
}
