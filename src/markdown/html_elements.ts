/**
 * What each HTML element means for Markdown: a block end, a container, a mark, a list, a table. Links, images and other
 * things with addresses are in html_media.ts.
 */
import type { HtmlElement } from "@mixmark-io/domino";
import { codeOf, isGutter, languageOf } from "./html_code.ts";
import { checkbox, image, link, math, media } from "./html_media.ts";
import type { Handler, HtmlWalk, Leave } from "./html_walk.ts";
import { CODE, DEL, EM, STRONG, SUB, SUP } from "./inline_run.ts";
import { NeutralNode } from "./neutral.ts";

const block: Handler = (walk, element) => {
  if (element.getAttribute("role") === "heading") return heading(walk, Number(element.getAttribute("aria-level") ?? 2));
  walk.builder.flush();
  return () => walk.builder.flush();
};

function heading(walk: HtmlWalk, level: number): Leave {
  return walk.builder.openHeading(Math.min(6, Math.max(1, Math.trunc(level) || 2)));
}

const headingElement: Handler = (walk, _element, name) => heading(walk, Number(name[1]));

const marked =
  (mark: number): Handler =>
  (walk) =>
    walk.mark(mark);

/** `<b>`, but Google Docs wraps whole documents into `<b style="font-weight:normal">`. */
const bold: Handler = (walk, element) =>
  /font-weight\s*:\s*(?:normal|[1-4]00)/i.test(element.getAttribute("style") ?? "") ? undefined : walk.mark(STRONG);

/** Text styled by CSS, as Google Docs and mail programs write it. */
const styled: Handler = (walk, element) => {
  const style = element.getAttribute("style");
  if (!style) return undefined;
  let marks = 0;
  if (/font-weight\s*:\s*(?:bold|bolder|[6-9]00)/i.test(style)) marks |= STRONG;
  if (/font-style\s*:\s*(?:italic|oblique)/i.test(style)) marks |= EM;
  if (/text-decoration[^;]*line-through/i.test(style)) marks |= DEL;
  if (/vertical-align\s*:\s*super/i.test(style)) marks |= SUP;
  if (/vertical-align\s*:\s*sub/i.test(style)) marks |= SUB;
  return marks ? walk.mark(marks) : undefined;
};

const list: Handler = (walk, element, name) => {
  const start = Number.parseInt(element.getAttribute("start") ?? "1", 10);
  walk.builder.open(name === "OL" ? "OL" : "UL", name === "OL" ? { start: Number.isNaN(start) ? 1 : start } : {});
  return () => walk.builder.close();
};

const item: Handler = (walk, element) => {
  const value = Number.parseInt(element.getAttribute("value") ?? "", 10);
  return walk.builder.openItem(Number.isNaN(value) ? undefined : value);
};

const quote: Handler = (walk) => {
  walk.builder.open("BLOCKQUOTE");
  return () => walk.builder.close();
};

/** A term of a definition list, a summary: a paragraph in bold. */
const term: Handler = (walk) => {
  walk.builder.flush();
  const unmark = walk.mark(STRONG);
  return () => {
    walk.builder.flush();
    unmark();
  };
};

const code: Handler = (walk, element) => {
  walk.builder.code(codeOf(element), languageOf(element));
  return "skip";
};

const table: Handler = (walk, element, name) => {
  const role = element.getAttribute("role");
  if (role === "presentation" || role === "none" || isListing(element)) return block(walk, element, name);
  const { builder, tables } = walk;
  builder.flush();
  const isText = builder.inCell || builder.inHeading;
  const node = NeutralNode.element("TABLE");
  tables.push({ node, head: false });
  return () => {
    builder.flush();
    tables.pop();
    // A grid of empty cells tells nobody anything.
    const filled = node.childNodes.some((row) => row.childNodes.some((cell) => cell.firstChild));
    if (!isText && filled) builder.append(node);
  };
};

/** A table that only sets line numbers beside code. */
function isListing(element: HtmlElement): boolean {
  let node = element.firstChild;
  for (let step = 0; node && step < 8; step++) {
    if (node.nodeName === "TD") return isGutter(node as HtmlElement);
    const inside = /^(?:THEAD|TBODY|TR)$/.test(node.nodeName) ? node.firstChild : null;
    node = inside ?? node.nextSibling;
  }
  return false;
}

const tableSection: Handler = (walk, _element, name) => {
  const current = walk.tables.at(-1);
  if (!current) return undefined;
  current.head = name === "THEAD";
  return () => {
    current.head = false;
  };
};

const tableRow: Handler = (walk) => {
  walk.builder.flush();
  if (!walk.builder.inCell && !walk.builder.inHeading) walk.tables.at(-1)?.node.append(NeutralNode.element("TR"));
  return () => walk.builder.flush();
};

const tableCell: Handler = (walk, element, name) => {
  if (isGutter(element)) return "skip";
  const current = walk.tables.at(-1);
  const row = current?.node.lastChild ?? null;
  if (!current || (!row && !walk.builder.inCell)) return block(walk, element, name);
  const attributes = {
    rowspan: span(element, "rowspan"),
    colspan: span(element, "colspan") || 1,
    header: name === "TH" || current.head,
  };
  return walk.builder.openCell(row, attributes);
};

function span(element: HtmlElement, attribute: string): number {
  const value = Number.parseInt(element.getAttribute(attribute) ?? "1", 10);
  return Number.isNaN(value) || value < 0 ? 1 : value;
}

/** Controls that stand apart from their neighbours without any blank in the source. */
const spaced: Handler = (walk) => {
  walk.builder.text(" ", 0);
  return () => walk.builder.text(" ", 0);
};

const quoted =
  (open: string, close: string): Handler =>
  (walk) => {
    walk.builder.text(open);
    return () => walk.builder.text(close);
  };

const lineBreak: Handler = (walk) => {
  walk.builder.lineBreak();
  return "skip";
};

const rule: Handler = (walk, element) => {
  // The rule above a list of footnotes goes where the list goes.
  const parent = element.parentNode;
  if (parent?.nodeType === 1 && /footnotes|endnotes/.test((parent as HtmlElement).getAttribute("class") ?? ""))
    return "skip";
  walk.builder.rule();
  return "skip";
};

const named = (handler: Handler, ...names: string[]): [string, Handler][] => names.map((name) => [name, handler]);

export const HANDLERS: Readonly<Record<string, Handler | undefined>> = Object.fromEntries([
  ...named(
    block,
    "ADDRESS",
    "ARTICLE",
    "ASIDE",
    "BODY",
    "CAPTION",
    "CENTER",
    "DD",
    "DETAILS",
    "DIALOG",
    "DIR",
    "DIV",
    "DL",
  ),
  ...named(
    block,
    "FIELDSET",
    "FIGCAPTION",
    "FIGURE",
    "FOOTER",
    "FORM",
    "FRAMESET",
    "HEADER",
    "HGROUP",
    "HTML",
    "LEGEND",
  ),
  ...named(block, "MAIN", "MENU", "NAV", "NOFRAMES", "P", "SEARCH", "SECTION"),
  ...named(headingElement, "H1", "H2", "H3", "H4", "H5", "H6"),
  ...named(marked(STRONG), "STRONG"),
  ...named(bold, "B"),
  ...named(marked(EM), "EM", "I"),
  ...named(marked(DEL), "DEL", "S", "STRIKE"),
  ...named(marked(SUB), "SUB"),
  ...named(marked(SUP), "SUP"),
  ...named(marked(CODE), "CODE", "KBD", "SAMP", "TT"),
  ...named(styled, "SPAN"),
  ...named(list, "UL", "OL"),
  ...named(item, "LI"),
  ...named(quote, "BLOCKQUOTE"),
  ...named(term, "DT", "SUMMARY"),
  ...named(code, "PRE", "LISTING", "XMP", "PLAINTEXT"),
  ...named(table, "TABLE"),
  ...named(tableSection, "THEAD", "TBODY", "TFOOT"),
  ...named(tableRow, "TR"),
  ...named(tableCell, "TD", "TH"),
  ...named(spaced, "BUTTON", "OPTION", "TEXT"),
  ...named(quoted("(", ")"), "RT"),
  ...named(quoted("“", "”"), "Q"),
  ...named(lineBreak, "BR"),
  ...named(rule, "HR"),
  ...named(link, "A"),
  ...named(image, "IMG"),
  ...named(checkbox, "INPUT"),
  ...named(media, "IFRAME", "VIDEO", "AUDIO", "EMBED"),
  ...named(math, "MATH"),
]);
