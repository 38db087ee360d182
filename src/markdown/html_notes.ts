/**
 * Finds footnotes in HTML. Every generator writes them in its own way, but all link in both directions: from the mark in
 * the text to the note, and from the note back to the mark. Such a pair, with a mark that looks like one, is a footnote.
 */
import type { HtmlElement, HtmlNode } from "@mixmark-io/domino";

export interface Notes {
  /** Reference link → label. */
  references: ReadonlyMap<HtmlNode, string>;
  /** Element with the note's text → label. */
  bodies: ReadonlyMap<HtmlNode, string>;
  /** Links from the note back to its marks. */
  backLinks: ReadonlySet<HtmlNode>;
}

const NOTE_ELEMENTS = /^(?:LI|P|DIV|ASIDE|DD|TR|SECTION|SPAN)$/;
const MARK_TEXT =
  /^[[(]?(?:\d{1,6}|[a-zA-Z]{1,2}|[ivxlcdm]{1,6}|[*†‡§¶]{1,3}|(?:note|nb|fn|lower-alpha|n)\.? ?\d{1,4})[\])]?$/i;
const MARK_CLASS = /footnote|noteref|endnote|(?:^|\s|-)fn(?:\s|-|$)/i;
/** A back link stands this deep in its note at most. */
const CLIMB_MAX = 12;

/** `localLinks` are all links of the document that point into it, in document order. */
export function findNotes(localLinks: readonly HtmlElement[], byId: (id: string) => HtmlElement | null): Notes {
  const references = new Map<HtmlNode, string>();
  const bodies = new Map<HtmlNode, string>();
  const backLinks = new Set<HtmlNode>();
  const linksTo = new Map<string, HtmlElement[]>();
  for (const link of localLinks) {
    const target = targetOf(link);
    const list = linksTo.get(target);
    if (list) list.push(link);
    else linksTo.set(target, [link]);
  }
  for (const link of localLinks) {
    if (backLinks.has(link) || !looksLikeMark(link)) continue;
    const body = byId(targetOf(link));
    if (!body || !NOTE_ELEMENTS.test(body.nodeName) || isInside(link, body)) continue;
    const back = idsOf(link, byId)
      .flatMap((id) => linksTo.get(id) ?? [])
      .filter((other) => isInside(other, body));
    if (back.length === 0) continue;
    const label = bodies.get(body) ?? String(bodies.size + 1);
    bodies.set(body, label);
    references.set(link, label);
    for (const one of back) backLinks.add(one);
  }
  return { references, bodies, backLinks };
}

function targetOf(link: HtmlElement): string {
  const fragment = (link.getAttribute("href") ?? "").slice(1);
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

function looksLikeMark(link: HtmlElement): boolean {
  const role = link.getAttribute("role");
  if (role === "doc-noteref") return true;
  if (MARK_CLASS.test(link.getAttribute("class") ?? "")) return true;
  const text = link.textContent.trim();
  return text.length <= 12 && MARK_TEXT.test(text);
}

/**
 * The link's own id, or that of the element that holds nothing but the link. An id counts for the first element that has
 * it only, as in browsers; else a page of equal ids would take quadratic time.
 */
function idsOf(link: HtmlElement, byId: (id: string) => HtmlElement | null): string[] {
  const ids: string[] = [];
  let element: HtmlNode | null = link;
  for (let level = 0; level < 3 && element?.nodeType === 1; level++) {
    const id = (element as HtmlElement).getAttribute("id");
    if (id && byId(id) === element) ids.push(id);
    element = element.parentNode;
    if (element && !/^(?:SUP|SPAN|A)$/.test(element.nodeName)) break;
  }
  return ids;
}

function isInside(node: HtmlNode, ancestor: HtmlNode): boolean {
  let current: HtmlNode | null = node;
  for (let level = 0; level < CLIMB_MAX && current; level++) {
    if (current === ancestor) return true;
    current = current.parentNode;
  }
  return false;
}
