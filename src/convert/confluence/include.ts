/**
 * Puts the content of included pages in its place, under a line that says where it comes from. Pages that include each
 * other are cut where the circle closes, and all includes of a page together have a budget.
 */
import { type IncludeRef, type PageRef, pageKey } from "./context.ts";
import { pageHref } from "./links.ts";
import { literalNode } from "./literal.ts";
import type { PageMapper } from "./map_page.ts";
import { html, type PageNode } from "./page_tree.ts";
import { isElement, readXml, type XmlElement, type XmlNode } from "./read_xml.ts";

const INCLUDE_DEPTH_MAX = 8;

/** The included content, or null if it is not available or must not be read once more. */
export function includePage(page: PageMapper, ref: IncludeRef): PageNode[] | null {
  if (page.context.include === undefined) return null;
  const own: PageRef = { ...ref };
  const space = ref.spaceKey ?? page.reading.at(-1)?.spaceKey ?? page.context.spaceKey;
  if (ref.contentId === undefined && space !== undefined) own.spaceKey = space;
  if (page.reading.length > INCLUDE_DEPTH_MAX || page.reading.some((open) => open && pageKey(open) === pageKey(own))) {
    page.warn("include_cycle", "A page that includes itself was cut where the circle closes.");
    return null;
  }
  const included = page.context.include(ref);
  if (!included) return null;
  page.references.page(ref, ref.kind);
  const length = (included.storage ?? included.markdown ?? "").length;
  if (length > page.includeBudget) {
    page.warn("include_too_large", "The included pages are longer than the limit; the rest of them was left out.");
    return null;
  }
  page.includeBudget -= length;
  const source = html("A", { href: included.url ?? pageHref(page, ref) }, [
    included.title ?? ref.title ?? ref.contentId ?? "",
  ]);
  const line = html("P", {}, [html("EM", {}, ["Included from ", source])]);
  if (included.storage === undefined) return [line, ...literalNode(page.literals, included.markdown ?? "")];
  return [line, html("DIV", {}, storageNodes(page, own, ref, included.storage))];
}

function storageNodes(page: PageMapper, own: PageRef, ref: IncludeRef, storage: string): PageNode[] {
  const { nodes } = readXml(storage, page.limits.nestingMax);
  page.reading.push(own);
  const wanted = ref.kind === "excerpt-include" ? excerptOf(nodes, ref.excerpt) : nodes;
  const mapped = page.nodes(wanted);
  page.reading.pop();
  return mapped;
}

/** Body of the named excerpt, of the first one without a name; all of a page that has none. */
function excerptOf(nodes: readonly XmlNode[], name: string | undefined): readonly XmlNode[] {
  const found: XmlElement[] = [];
  collectExcerpts(nodes, found);
  const excerpt = found.find((one) => name !== undefined && excerptName(one) === name) ?? found[0];
  // Excerpts may be hidden on their own page; where they are included they show.
  return excerpt
    ? excerpt.children.flatMap((node) => (isElement(node, "ac:rich-text-body") ? node.children : []))
    : nodes;
}

function collectExcerpts(nodes: readonly XmlNode[], found: XmlElement[]): void {
  for (const node of nodes) {
    if (!isElement(node)) continue;
    const name =
      node.name === "ac:structured-macro" || node.name === "ac:macro" ? node.attributes["ac:name"] : undefined;
    if (name === "excerpt" || name === "multiexcerpt" || name === "multiexcerpt-macro") found.push(node);
    else collectExcerpts(node.children, found);
  }
}

function excerptName(excerpt: XmlElement): string | undefined {
  for (const node of excerpt.children) {
    if (isElement(node, "ac:parameter") && /^(?:name|MultiExcerptName)$/.test(node.attributes["ac:name"] ?? "")) {
      return node.children
        .filter((part) => typeof part === "string")
        .join("")
        .trim();
    }
  }
  return undefined;
}
