/**
 * Turns the tree of a page into plain HTML elements: each element of Confluence's own namespaces has a rule, HTML goes
 * through as it is, what is unknown stands for its content. One mapper is used for one page; it collects what the page
 * refers to and what could not be shown.
 */
import type { ConvertLimits, Warning } from "../converted.ts";
import { type ConfluenceContext, type PageRef, ReferenceList } from "./context.ts";
import { html, type PageNode, text } from "./page_tree.ts";
import { isElement, type XmlElement, type XmlNode } from "./read_xml.ts";

/** Where an element stands: among its siblings. */
export interface Place {
  siblings: readonly XmlNode[];
  index: number;
}
/** What an element becomes. */
export type Rule = (page: PageMapper, element: XmlElement, place: Place) => PageNode[];

const WARNINGS_MAX = 50;
const INLINE_ELEMENTS =
  /^(?:a|abbr|b|big|br|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|ac:(?:link|image|emoticon|inline-comment-marker))$/;

export class PageMapper {
  readonly references = new ReferenceList();
  readonly warnings: Warning[] = [];
  /** Markdown that is to be put in as it is, see literal.ts. */
  readonly literals: string[] = [];
  /** Table cells around the current point. */
  cells = 0;
  /** Panels around the current point. */
  panels = 0;
  /** Pages whose content is being read, the page itself first; undefined where it is not known. */
  readonly reading: (PageRef | undefined)[];
  /** Characters that included pages may still bring in. */
  includeBudget: number;

  constructor(
    readonly context: ConfluenceContext,
    readonly limits: ConvertLimits,
    private readonly ruleOf: (element: XmlElement) => Rule,
    /** The markup was damaged: elements may stand where they do not belong. */
    readonly repaired: boolean,
  ) {
    this.reading = [context.self];
    this.includeBudget = limits.markdownCharsMax;
  }

  nodes(list: readonly XmlNode[]): PageNode[] {
    const out: PageNode[] = [];
    for (const [index, node] of list.entries()) {
      if (typeof node === "string") out.push(text(node));
      else for (const mapped of this.ruleOf(node)(this, node, { siblings: list, index })) out.push(mapped);
    }
    return out;
  }

  /** Notes something imperfect; equal ones are folded. */
  warn(code: string, message: string): void {
    const known = this.warnings.find((warning) => warning.code === code && warning.message === message);
    if (known) known.count = (known.count ?? 1) + 1;
    else if (this.warnings.length < WARNINGS_MAX) this.warnings.push({ code, message });
  }

  /** An address resolved against the site, as written if that is not known. */
  address(url: string): string {
    const { baseUrl } = this.context;
    if (baseUrl === undefined || url.startsWith("#") || url.trim() === "") return url;
    return URL.canParse(url, baseUrl) ? new URL(url, baseUrl).href : url;
  }
}

/** A bold line of its own, as panels and code blocks have for a title. */
export function titleLine(title: string | undefined): PageNode[] {
  return title ? [html("P", {}, [html("STRONG", {}, [title])])] : [];
}

/** Something without content of its own: a line of its own where no text stands beside it. */
export function standIn(place: Place, content: readonly (PageNode | string)[]): PageNode[] {
  const before = neighbour(place, -1);
  const after = neighbour(place, 1);
  if (!isInline(before) && !isInline(after)) return [html("P", {}, content)];
  return inline(place, [html("SPAN", {}, content)]);
}

/** Inline nodes, kept apart from words that touch them in the source: the page shows them in a box. */
export function inline(place: Place, nodes: readonly PageNode[]): PageNode[] {
  const before = place.siblings[place.index - 1];
  const after = place.siblings[place.index + 1];
  const out = [...nodes];
  if (typeof before === "string" && /[\p{L}\p{N}]$/u.test(before)) out.unshift(text(" "));
  if (typeof after === "string" && /^[\p{L}\p{N}]/u.test(after)) out.push(text(" "));
  return out;
}

function neighbour({ siblings, index }: Place, step: number): XmlNode | undefined {
  let at = index + step;
  while (typeof siblings[at] === "string" && (siblings[at] as string).trim() === "") at += step;
  return siblings[at];
}

function isInline(node: XmlNode | undefined): boolean {
  return node !== undefined && (!isElement(node) || INLINE_ELEMENTS.test(node.name));
}
