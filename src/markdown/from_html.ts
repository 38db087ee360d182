/**
 * HTML → Markdown, for every reader that comes through HTML. domino parses as browsers do, a walk turns the tree into
 * neutral blocks and inline runs, turndown writes them by our rules. Time grows linearly with the size of the page, and
 * no depth of nesting exhausts the stack.
 */
import domino, { type HtmlDocument, type HtmlElement, type HtmlNode } from "@mixmark-io/domino";
import type { Warning } from "../convert/converted.ts";
import { limitHtml } from "./html_limits.ts";
import { findNotes } from "./html_notes.ts";
import { HtmlWalk } from "./html_walk.ts";
import { writeMarkdown } from "./rules.ts";

export interface HtmlOptions {
  /** Address of the page: relative links and images are resolved against it. Without it they stay as written. */
  baseUrl?: string;
  /** Open elements at which deeper tags are ignored (their text stays). */
  nestingMax?: number;
}

export interface HtmlMarkdown {
  markdown: string;
  warnings: Warning[];
}

const NESTING_MAX = 512;

/** Markdown of an HTML page or fragment, without a final line end; "" if a reader would see nothing. */
export function htmlToMarkdown(html: string, options: HtmlOptions = {}): HtmlMarkdown {
  const { document, cut } = parseHtml(html, options.nestingMax);
  return documentToMarkdown(document, { ...options, cut });
}

/** Parses as browsers do; `cut` says whether tags nested too deep were taken out. */
export function parseHtml(html: string, nestingMax: number = NESTING_MAX): { document: HtmlDocument; cut: boolean } {
  const limited = limitHtml(html, nestingMax);
  return { document: domino.createDocument(limited.html, true), cut: limited.cut };
}

/** Markdown of a parsed page; `cut` as `parseHtml` said. */
export function documentToMarkdown(
  document: HtmlDocument,
  options: HtmlOptions & { cut?: boolean } = {},
): HtmlMarkdown {
  const body: HtmlNode = document.body ?? document.documentElement;
  const notes = findNotes(localLinks(body), (id) => document.getElementById(id));
  const walk = new HtmlWalk(notes, options.baseUrl);
  walk.run(body);
  for (const note of walk.noteBodies) walk.builder.root.append(note);
  if (options.cut || walk.builder.flattened)
    walk.warn("nesting_flattened", "Elements nested too deep were reduced to their text.");
  return { markdown: writeMarkdown(walk.builder.root), warnings: walk.warnings };
}

function localLinks(root: HtmlNode): HtmlElement[] {
  const links: HtmlElement[] = [];
  let node: HtmlNode = root;
  for (;;) {
    if (node.nodeName === "A" && (node as HtmlElement).getAttribute("href")?.startsWith("#"))
      links.push(node as HtmlElement);
    if (node.firstChild) {
      node = node.firstChild;
      continue;
    }
    while (node !== root && !node.nextSibling) node = node.parentNode!;
    if (node === root) return links;
    node = node.nextSibling!;
  }
}
