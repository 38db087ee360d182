/**
 * Tells which blocks a reader of the rendered document never sees. They are in no passage: a licence comment or a list of
 * link targets would be found by everything and explain nothing.
 */
import type { Block } from "../markdown/blocks.ts";

/** Blocks that show nothing to a reader: rules, comments, anchors, link reference definitions. */
export function isInvisible(block: Block, markdown: string): boolean {
  if (block.kind === "hr" || block.kind === "definition") return true;
  const mayBe = block.kind === "html" || (block.kind === "paragraph" && markdown[block.charStart] === "<");
  if (!mayBe) return false;
  const html = markdown.slice(block.charStart, block.charEnd);
  const text = withoutComments(html);
  if (/\b(?:src|href|alt|title|data)\s*=/i.test(text)) return false;
  // `<https://example.com>` is a link, not a tag.
  return text.replace(/<\/?[a-z][a-z0-9-]*(?:[\s/][^<>]*)?>/gi, "").trim() === "";
}

function withoutComments(html: string): string {
  let text = "";
  let at = 0;
  for (;;) {
    const open = html.indexOf("<!--", at);
    if (open < 0) return text + html.slice(at);
    text += html.slice(at, open);
    const close = html.indexOf("-->", open);
    if (close < 0) return text;
    at = close + 3;
  }
}
