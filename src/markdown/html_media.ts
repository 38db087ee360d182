/**
 * Links, images and other elements that carry an address. Decides which addresses survive: what would run code or holds
 * the bytes themselves becomes inert, everything else stays as written.
 */
import type { HtmlElement, HtmlNode } from "@mixmark-io/domino";
import { escapeInline } from "./escape.ts";
import { isHeadingAnchor, isRunnable } from "./html_visible.ts";
import type { Handler } from "./html_walk.ts";
import { CODE } from "./inline_run.ts";
import { NeutralNode } from "./neutral.ts";

export const link: Handler = (walk, element) => {
  const { builder, notes } = walk;
  const label = notes.references.get(element);
  if (label !== undefined) {
    builder.atom("note", NeutralNode.element("NOTE", { label }));
    return "skip";
  }
  if (notes.backLinks.has(element)) return "skip";
  const href = element.getAttribute("href")?.trim();
  if (!href || builder.link) return undefined;
  if (builder.inHeading && href.startsWith("#") && isHeadingAnchor(element)) return "skip";
  if (isRunnable(href)) {
    walk.warn("link_target_dropped", "A link whose target runs code or carries data was reduced to its text.");
    return undefined;
  }
  builder.link = { url: walk.resolve(href), title: element.getAttribute("title") };
  return () => {
    builder.link = null;
  };
};

export const image: Handler = (walk, element) => {
  const source = (element.getAttribute("src") ?? "").trim();
  const written = source === "" || source.startsWith("data:") ? (lazySource(element) ?? source) : source;
  const alt = (element.getAttribute("alt") ?? "").replace(/\s+/g, " ").trim();
  if (written === "" && alt === "") {
    walk.warn("image_without_source", "An image names neither a source nor a text and was left out.");
    return "skip";
  }
  let url = walk.resolve(written);
  if (isRunnable(written)) {
    const kind = /^data:image\/([a-z]+)/i.exec(written)?.[1]?.toLowerCase() ?? "bin";
    url = `image-${++walk.namedImages}.${kind}`;
    walk.warn("image_inlined", "The bytes of an image inside the page were replaced by a name.");
  }
  walk.builder.atom(
    "image",
    NeutralNode.element("IMG", { url, alt: escapeInline(alt, { inLink: true }), title: element.getAttribute("title") }),
  );
  return "skip";
};

/** Where scripts that load images late keep their address. */
function lazySource(element: HtmlElement): string | undefined {
  const named = element.getAttribute("data-src") ?? element.getAttribute("data-original");
  const source = named?.trim() || element.getAttribute("srcset")?.trim().split(/[\s,]/)[0];
  return source || undefined;
}

/** A checkbox at the start of a list item makes a task of it; elsewhere it is shown as a character. */
export const checkbox: Handler = (walk, element) => {
  const type = (element.getAttribute("type") ?? "text").toLowerCase();
  if (type === "checkbox") {
    const checked = element.hasAttribute("checked");
    const item = walk.builder.freshItem;
    if (item && item.attributes.task === undefined) item.attributes.task = checked ? "done" : "open";
    else walk.builder.text(checked ? "☒ " : "☐ ");
  } else if (/^(?:text|submit|button|reset|search|email|url|tel|number|date)$/.test(type)) {
    const value = element.getAttribute("value");
    if (value) walk.builder.text(` ${value} `);
  }
  return "skip";
};

/** What plays or embeds another document becomes a link to it. */
export const media: Handler = (walk, element) => {
  let source = element.getAttribute("src") ?? element.getAttribute("data-src");
  for (let child = element.firstChild; child && !source; child = child.nextSibling) {
    if (child.nodeName === "SOURCE") source = (child as HtmlElement).getAttribute("src");
  }
  const written = source?.trim();
  if (!written || isRunnable(written) || written.startsWith("about:") || walk.builder.link) return "skip";
  const url = walk.resolve(written);
  walk.builder.link = { url, title: null };
  walk.builder.text(element.getAttribute("title")?.trim() || url);
  walk.builder.link = null;
  return "skip";
};

/** A formula as the TeX that it carries along; without any, its own text is read. */
export const math: Handler = (walk, element) => {
  const source = element.getAttribute("alttext") ?? texOf(element);
  if (!source) return undefined;
  walk.builder.text(source, CODE);
  return "skip";
};

function texOf(element: HtmlElement): string | null {
  let node: HtmlNode | null = element.firstChild;
  while (node && node !== element) {
    const isAnnotation = node.nodeType === 1 && node.nodeName.toLowerCase() === "annotation";
    if (isAnnotation && /tex/i.test((node as HtmlElement).getAttribute("encoding") ?? ""))
      return (node as HtmlElement).textContent.trim();
    if (node.firstChild) {
      node = node.firstChild;
      continue;
    }
    while (node && node !== element && !node.nextSibling) node = node.parentNode;
    if (node && node !== element) node = node.nextSibling;
  }
  return null;
}
