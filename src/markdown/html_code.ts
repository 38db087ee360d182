/**
 * Reads code blocks out of HTML: the text with every byte, and the language that highlighters leave in class names and
 * data attributes.
 */
import type { HtmlElement, HtmlNode } from "@mixmark-io/domino";
import { isHidden } from "./html_visible.ts";

const LANGUAGE_CLASS = /(?:^|\s)(?:language|lang|highlight-source|highlight)[-:]([\w+#.-]+)/i;
const BRUSH = /brush\s*:\s*([\w+#.-]+)/i;
/** pandoc and highlight.js name the language as a class of its own beside these. */
const MARKER_CLASS = /(?:^|\s)(?:sourceCode|hljs|src-block|prettyprint)(?:\s|$)/;
const NO_LANGUAGE =
  /^(?:sourceCode|hljs|src-block|prettyprint|linenums|numberSource|numberLines|code|codehilite|highlight|none|text|plain(?:text)?|nohighlight|no-highlight|default|copy)$/i;
const LINE_ELEMENTS: ReadonlySet<string> = new Set(["DIV", "P", "LI", "TR"]);
const GUTTER_CLASS =
  /(?:^|\s)(?:gutter|linenos?|lineno|line-numbers?-rows|hljs-ln-numbers|blob-num|rouge-gutter)(?:\s|$)/;

/** Whether the element holds the line numbers beside a code listing. */
export function isGutter(element: HtmlElement): boolean {
  return GUTTER_CLASS.test(element.getAttribute("class") ?? "");
}

/** The language of a `<pre>`: its own, its code element's, or that of the box that a highlighter put around it. */
export function languageOf(pre: HtmlElement): string {
  const candidates: HtmlElement[] = [pre];
  for (let child = pre.firstChild; child; child = child.nextSibling) {
    if (child.nodeName === "CODE") candidates.push(child as HtmlElement);
  }
  let box: HtmlNode | null = pre.parentNode;
  for (let level = 0; level < 2 && box?.nodeName === "DIV" && onlyChildOf(box); level++) {
    candidates.push(box as HtmlElement);
    box = box.parentNode;
  }
  for (const element of candidates) {
    const found = ownLanguage(element);
    if (found) return found;
  }
  return "";
}

function onlyChildOf(box: HtmlNode): boolean {
  let elements = 0;
  for (let child = box.firstChild; child; child = child.nextSibling) if (child.nodeType === 1) elements++;
  return elements === 1;
}

function ownLanguage(element: HtmlElement): string {
  const data =
    element.getAttribute("data-language") ??
    element.getAttribute("data-lang") ??
    element.getAttribute("data-code-lang");
  if (data && /^[\w+#./-]+$/.test(data)) return known(data);
  const classes = element.getAttribute("class") ?? "";
  const named = (LANGUAGE_CLASS.exec(classes) ?? BRUSH.exec(classes))?.[1];
  if (named) return known(named.replace(/[;.]+$/, ""));
  if (element.nodeName === "DIV" || !MARKER_CLASS.test(classes)) return "";
  const other = classes.split(/\s+/).find((name) => /^[a-zA-Z][\w+#-]*$/.test(name) && !NO_LANGUAGE.test(name));
  return other ?? "";
}

function known(language: string): string {
  return NO_LANGUAGE.test(language) ? "" : language.toLowerCase();
}

/** The text of a code block; `<br>` and the ends of line elements are line ends, line numbers beside the code go. */
export function codeOf(pre: HtmlElement): string {
  let code = "";
  let node: HtmlNode | null = pre.firstChild;
  while (node && node !== pre) {
    if (node.nodeType === 3 || node.nodeType === 4) code += node.nodeValue ?? "";
    else if (node.nodeName === "BR") code += "\n";
    const skip = node.nodeType === 1 && (isHidden(node as HtmlElement, node.nodeName) || isGutter(node as HtmlElement));
    if (node.firstChild && !skip) {
      node = node.firstChild;
      continue;
    }
    while (node && node !== pre && !node.nextSibling) {
      node = node.parentNode;
      if (node && node !== pre && LINE_ELEMENTS.has(node.nodeName) && !code.endsWith("\n")) code += "\n";
    }
    if (!node || node === pre) break;
    if (LINE_ELEMENTS.has(node.nodeName) && !node.firstChild && !code.endsWith("\n")) code += "\n";
    node = node.nextSibling;
  }
  return code;
}
