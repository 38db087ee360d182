/**
 * Decides what of an HTML document a reader does not see: scripts, styles, templates, hidden elements, anchors that only
 * mark a heading. Everything that is not listed here counts as seen.
 */
import type { HtmlElement } from "@mixmark-io/domino";

const NEVER_SHOWN: ReadonlySet<string> = new Set([
  "SCRIPT",
  "STYLE",
  "TEMPLATE",
  "NOSCRIPT",
  "HEAD",
  "TITLE",
  "META",
  "LINK",
  "BASE",
  "DATALIST",
  "RP",
  "PARAM",
  "SOURCE",
  "TRACK",
  "DEFS",
  "DESC",
  "METADATA",
  "SYMBOL",
]);
const HIDING_STYLE = /display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all/i;
/** Classes of the small links that documentation generators put beside headings. */
const HEADING_ANCHOR =
  /(?:^|\s)(?:headerlink|heading-?anchor|header-?anchor|anchor(?:-?link)?|anchorjs-link|hash-link|permalink|direct-link)(?:\s|$)/i;

export function isHidden(element: HtmlElement, name: string): boolean {
  if (NEVER_SHOWN.has(name)) return true;
  if (element.hasAttribute("hidden")) return element.getAttribute("hidden") !== "until-found";
  const style = element.getAttribute("style");
  if (style && HIDING_STYLE.test(style)) return true;
  if (name === "DIALOG") return !element.hasAttribute("open");
  // KaTeX writes every formula twice: as MathML and as positioned glyphs. MediaWiki puts "^" beside its back links.
  const classes = name === "SPAN" ? element.getAttribute("class") : null;
  return classes === "katex-html" || classes === "mw-cite-backlink";
}

/** A link in a heading that only offers the heading's own address. */
export function isHeadingAnchor(element: HtmlElement): boolean {
  const text = element.textContent.trim();
  if (text.length > 2) return false;
  return (
    text === "" ||
    text === "#" ||
    text === "¶" ||
    text === "§" ||
    text === "🔗" ||
    HEADING_ANCHOR.test(element.getAttribute("class") ?? "")
  );
}

const RUNNABLE = /^(?:javascript|data|vbscript):/i;

/** Whether following the address would run something or show what the document brings along itself. */
export function isRunnable(url: string): boolean {
  // Browsers skip blanks and control characters in a scheme, so that "java\nscript:" runs too.
  return RUNNABLE.test(url.replace(/[\u0000-\u0020\u007f-\u009f]+/g, ""));
}
