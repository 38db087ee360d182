/**
 * Reads the outline ("bookmarks") of a document: its titles say which lines are headings. Bounded, since outlines of
 * damaged files may be huge or refer to themselves.
 */
import { type Outline, outlineKey } from "./headings.ts";
import type { PdfDocument } from "./open.ts";

const ENTRIES_MAX = 5_000;
const DEPTH_MAX = 12;

interface Entry {
  title?: unknown;
  items?: unknown;
}

/** Titles to depth from 1; empty if the document has none or it cannot be read. */
export async function outlineOf(document: PdfDocument): Promise<Outline> {
  const outline: Outline = new Map();
  const add = (entries: unknown, depth: number): void => {
    if (!Array.isArray(entries) || depth > DEPTH_MAX) return;
    for (const entry of entries as Entry[]) {
      if (outline.size >= ENTRIES_MAX) return;
      const key = typeof entry?.title === "string" ? outlineKey(entry.title) : "";
      if (key !== "" && !outline.has(key)) outline.set(key, depth);
      add(entry?.items, depth + 1);
    }
  };
  add(await document.getOutline().catch(() => null), 1);
  return outline;
}
