/**
 * Reads the structure tree of a tagged page as far as it is trusted: which marked content is a heading of which level.
 * Word processors write these tags from the styles of the author; tags of tables and lists are too often wrong.
 */

/** Marked-content id to heading level. */
export type HeadingTags = ReadonlyMap<number, number>;

const DEPTH_MAX = 64;
const NODES_MAX = 50_000;
const HEADING = /^H([1-6])$/;
const CONTENT = /_mc(\d+)$/;

interface Node {
  role?: unknown;
  type?: unknown;
  id?: unknown;
  children?: unknown;
}

/** Headings of one page's tree, as PDF.js gives it: nested `{role, children}` with `{type: "content", id}` as leaves. */
export function headingTags(tree: unknown): HeadingTags {
  const tags = new Map<number, number>();
  let nodes = 0;
  const walk = (value: unknown, level: number, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > DEPTH_MAX || ++nodes > NODES_MAX) return;
    const node = value as Node;
    if (node.type === "content" && typeof node.id === "string") {
      const id = CONTENT.exec(node.id)?.[1];
      if (id !== undefined && level > 0) tags.set(Number(id), level);
      return;
    }
    const role = typeof node.role === "string" ? node.role : "";
    const own = role === "Title" ? 1 : Number(HEADING.exec(role)?.[1] ?? 0);
    if (Array.isArray(node.children)) for (const child of node.children) walk(child, own || level, depth + 1);
  };
  walk(tree, 0, 0);
  return tags;
}
