/**
 * Guards the HTML parser against hostile nesting. Its work per tag grows with the depth of open elements, so that a
 * million nested `<div>` would take hours: tags beyond a depth that no reader can mean are taken out, their text stays.
 */

/** Elements that HTML closes by itself, or that have no content: a row of them does not nest. */
const NOT_NESTING =
  /^(?:p|li|dt|dd|td|th|tr|thead|tbody|tfoot|option|optgroup|br|hr|img|input|meta|link|area|base|col|embed|param|source|track|wbr|rt|rp)$/i;
const TAG = /<(\/?)([a-zA-Z][^\s/<>]*)[^<>]*>/g;

/** The HTML with all tags deeper than `max` removed, and whether there were any. */
export function limitDepth(html: string, max: number): { html: string; cut: boolean } {
  if (!isDeep(html, max)) return { html, cut: false };
  let depth = 0;
  const cut = html.replace(TAG, (tag: string, slash: string, name: string) => {
    if (NOT_NESTING.test(name)) return depth > max ? " " : tag;
    if (slash) {
      const kept = depth <= max;
      depth = Math.max(0, depth - 1);
      return kept ? tag : " ";
    }
    if (tag.endsWith("/>")) return depth > max ? " " : tag;
    depth++;
    return depth <= max ? tag : " ";
  });
  return { html: cut, cut: true };
}

function isDeep(html: string, max: number): boolean {
  let depth = 0;
  TAG.lastIndex = 0;
  for (let match = TAG.exec(html); match; match = TAG.exec(html)) {
    if (NOT_NESTING.test(match[2]!)) continue;
    if (match[1]) depth = Math.max(0, depth - 1);
    else if (++depth > max) {
      TAG.lastIndex = 0;
      return true;
    }
  }
  return false;
}
