/**
 * Guards the HTML parser against hostile nesting. Its work per tag grows with the depth of open elements, so that a
 * million nested `<div>` would take hours: tags beyond a depth that no reader can mean are taken out, their text stays.
 */

/** Elements that HTML closes by itself, or that have no content: a row of them does not nest. */
const NOT_NESTING =
  /^(?:p|li|dt|dd|td|th|tr|thead|tbody|tfoot|option|optgroup|br|hr|img|input|meta|link|area|base|col|embed|param|source|track|wbr|rt|rp)$/;
const TAG = /<(\/?)([a-zA-Z][^\s/<>]*)[^<>]*>/g;
/** An end tag closes an element this far up at most; beyond, it is taken for a stray one. */
const REACH = 100;

/** The HTML without the tags of elements deeper than `max`, and whether there were any. */
export function limitDepth(html: string, max: number): { html: string; cut: boolean } {
  const open: { name: string; kept: boolean }[] = [];
  const kept: string[] = [];
  let depth = 0;
  let done = 0;
  const drop = (from: number, to: number): void => {
    kept.push(html.slice(done, from));
    done = to;
  };
  TAG.lastIndex = 0;
  for (let match = TAG.exec(html); match; match = TAG.exec(html)) {
    const name = match[2]!.toLowerCase();
    if (NOT_NESTING.test(name)) continue;
    if (match[1]) {
      const at = lastOpen(open, name);
      if (at < 0) continue;
      if (!open[at]!.kept) drop(match.index, TAG.lastIndex);
      for (let index = at; index < open.length; index++) if (open[index]!.kept) depth--;
      open.length = at;
    } else {
      open.push({ name, kept: depth < max });
      if (depth < max) depth++;
      else drop(match.index, TAG.lastIndex);
    }
  }
  return done === 0 ? { html, cut: false } : { html: kept.join(" ") + html.slice(done), cut: true };
}

function lastOpen(open: readonly { name: string }[], name: string): number {
  const end = Math.max(0, open.length - REACH);
  for (let index = open.length - 1; index >= end; index--) if (open[index]!.name === name) return index;
  return -1;
}
