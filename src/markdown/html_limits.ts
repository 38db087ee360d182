/**
 * Guards the HTML parser against pages made to keep it busy. Its work per tag grows with the depth of open elements and
 * with the square of a tag's attributes, so that a million nested `<div>` would take hours: tags beyond what any author
 * can mean are taken out before parsing, their text stays.
 */
import { type Tag, tagsOf } from "./html_tags.ts";

/** Elements that HTML closes by itself, or that have no content: a row of them does not nest. */
const NOT_NESTING =
  /^(?:a|p|li|dt|dd|td|th|tr|thead|tbody|tfoot|option|optgroup|br|hr|img|input|meta|link|area|base|col|embed|param|source|track|wbr|rt|rp)$/;
/**
 * Elements that the parser opens anew in every following block as long as they are not closed, and how many of them may
 * be open at once: pages that never close their fonts would grow without bounds.
 */
const FORMATTING = /^(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)$/;
const FORMATTING_MAX = 8;
/** Attributes of a tag; a tag with more loses all of them. */
const ATTRIBUTES_MAX = 500;
/** An end tag closes an element this far up at most; beyond, it is taken for a stray one. */
const REACH = 100;

/** The HTML without the tags of elements deeper than `max`, and whether there were any. */
export function limitHtml(html: string, max: number): { html: string; cut: boolean } {
  const nesting = new Nesting(max);
  const kept: string[] = [];
  let done = 0;
  for (const tag of tagsOf(html)) {
    const keeps = NOT_NESTING.test(tag.name) || nesting.follow(tag);
    if (keeps && tag.attributes <= ATTRIBUTES_MAX) continue;
    kept.push(html.slice(done, tag.start), keeps ? `<${tag.isEnd ? "/" : ""}${tag.name}>` : " ");
    done = tag.end;
  }
  return done === 0 ? { html, cut: false } : { html: kept.join("") + html.slice(done), cut: true };
}

/** Follows which elements are open, and which of their tags are kept. */
class Nesting {
  private readonly open: { name: string; kept: boolean; formatting: boolean }[] = [];
  private depth = 0;
  private formatting = 0;

  constructor(private readonly max: number) {}

  /** Says whether the tag is to be kept. */
  follow(tag: Tag): boolean {
    return tag.isEnd ? this.end(tag.name) : this.start(tag.name);
  }

  private start(name: string): boolean {
    const formatting = FORMATTING.test(name);
    const kept = this.depth < this.max && !(formatting && this.formatting >= FORMATTING_MAX);
    this.open.push({ name, kept, formatting: kept && formatting });
    if (kept) this.depth++;
    if (kept && formatting) this.formatting++;
    return kept;
  }

  private end(name: string): boolean {
    let at = this.open.length - 1;
    for (const stop = Math.max(0, this.open.length - REACH); at >= stop && this.open[at]!.name !== name; ) at--;
    const closed = this.open[at];
    if (closed?.name !== name) return true;
    for (const element of this.open.splice(at)) {
      if (element.kept) this.depth--;
      if (element.formatting) this.formatting--;
    }
    return closed.kept;
  }
}
