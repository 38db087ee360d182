/**
 * The HTML tree that a page becomes, in the shape that the Markdown writer reads. It is built directly instead of as HTML
 * text, because an HTML parser would move what Confluence allows and HTML does not: panels in paragraphs, macros between
 * table rows.
 */
import type { HtmlDocument, HtmlElement, HtmlNode } from "@mixmark-io/domino";

export type PageAttributes = Record<string, string>;

export class PageNode implements HtmlElement {
  readonly nodeType: number;
  parentNode: PageNode | null = null;
  firstChild: PageNode | null = null;
  lastChild: PageNode | null = null;
  nextSibling: PageNode | null = null;
  previousSibling: PageNode | null = null;

  constructor(
    /** Upper-case element name, or "#text". */
    readonly nodeName: string,
    readonly nodeValue: string | null,
    private readonly attributes: PageAttributes,
  ) {
    this.nodeType = nodeValue === null ? 1 : 3;
  }

  append(child: PageNode): void {
    child.parentNode = this;
    child.previousSibling = this.lastChild;
    if (this.lastChild) this.lastChild.nextSibling = child;
    else this.firstChild = child;
    this.lastChild = child;
  }

  getAttribute(name: string): string | null {
    return this.attributes[name] ?? null;
  }

  hasAttribute(name: string): boolean {
    return this.attributes[name] !== undefined;
  }

  get textContent(): string {
    if (this.nodeValue !== null) return this.nodeValue;
    let text = "";
    for (let child = this.firstChild; child; child = child.nextSibling) text += child.textContent;
    return text;
  }
}

/** An element around its children; a string child is text. */
export function html(
  name: string,
  attributes: PageAttributes = {},
  children: readonly (PageNode | string)[] = [],
): PageNode {
  const node = new PageNode(name, null, attributes);
  for (const child of children) node.append(typeof child === "string" ? text(child) : child);
  return node;
}

export function text(value: string): PageNode {
  return new PageNode("#text", value, {});
}

/** A document whose body holds the nodes. */
export function pageDocument(nodes: readonly PageNode[]): HtmlDocument {
  const body = html("BODY", {}, nodes);
  let ids: Map<string, PageNode> | null = null;
  const getElementById = (id: string): HtmlElement | null => {
    ids ??= idsOf(body);
    return ids.get(id) ?? null;
  };
  return Object.assign(html("#document"), {
    head: null,
    body,
    documentElement: body,
    getElementById,
  }) satisfies HtmlNode;
}

function idsOf(root: PageNode): Map<string, PageNode> {
  const ids = new Map<string, PageNode>();
  const open: PageNode[] = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    const id = node.getAttribute("id");
    if (id && !ids.has(id)) ids.set(id, node);
    for (let child = node.lastChild; child; child = child.previousSibling) open.push(child);
  }
  return ids;
}
