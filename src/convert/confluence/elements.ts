/**
 * What each element of storage format becomes that is no macro: tasks, layouts, dates, emoticons, editor extensions and
 * the few HTML elements that need help. Elements without a rule are HTML and go through.
 */
import { EMOTICONS } from "./emoticons.ts";
import { image } from "./images.ts";
import { link, resolvedHref } from "./links.ts";
import { macro } from "./macros.ts";
import { inline, type Place, type Rule } from "./map_page.ts";
import { html, type PageAttributes, type PageNode, text } from "./page_tree.ts";
import { panelNode } from "./panel.ts";
import { CDATA, child, isElement, textOf, type XmlElement } from "./read_xml.ts";

/** HTML as it is; elements of unknown namespaces stand for their content. */
export const passThrough: Rule = (page, element) => {
  const children = page.nodes(element.children);
  if (element.name.includes(":")) return children;
  return [html(element.name.toUpperCase(), element.attributes as PageAttributes, children)];
};

const invisible: Rule = () => [];
const content: Rule = (page, element) => page.nodes(element.children);
const block: Rule = (page, element) => [html("DIV", {}, page.nodes(element.children))];
const verbatim: Rule = (_page, element) => [text(textOf(element.children))];

/** Resource identifiers show nothing themselves; what damaged markup put into them is text. */
const resource: Rule = (page, element) =>
  page.nodes(element.children.filter((node) => !isElement(node) || !node.name.startsWith("ri:")));

const cell: Rule = (page, element, place) => {
  page.cells++;
  const mapped = passThrough(page, element, place);
  page.cells--;
  return mapped;
};

/** A header cell beside data cells heads its row: GFM knows no such cells, bold text says the same. */
const row: Rule = (page, element, place) => {
  const cells = element.children.filter((node): node is XmlElement => isElement(node, "td") || isElement(node, "th"));
  const mixed = cells.some(({ name }) => name === "td") && cells.some(({ name }) => name === "th");
  if (!mixed) return passThrough(page, element, place);
  const children = element.children.map((node) =>
    isElement(node, "th") ? { ...node, children: [{ name: "strong", attributes: {}, children: node.children }] } : node,
  );
  return passThrough(page, { ...element, children }, place);
};

const anchor: Rule = (page, element) => {
  const { href, title } = element.attributes;
  const children = page.nodes(element.children);
  if (href === undefined) return children;
  return [html("A", { href: resolvedHref(page, href), ...(title ? { title } : {}) }, children)];
};

const picture: Rule = (page, element) => {
  const attributes = { ...element.attributes };
  if (attributes.src) attributes.src = page.address(attributes.src);
  return [html("IMG", attributes)];
};

const taskList: Rule = (page, element) => [html("UL", {}, page.nodes(element.children))];

const task: Rule = (page, element) => {
  const status = child(element, "ac:task-status");
  const done = status !== undefined && textOf(status.children).trim().toLowerCase() === "complete";
  return [html("LI", {}, [checkbox(done), ...page.nodes(element.children)])];
};

/** The box at the start of a list item that makes a task of it. */
export function checkbox(done: boolean): PageNode {
  return html("INPUT", done ? { type: "checkbox", checked: "" } : { type: "checkbox" });
}

const date: Rule = (page, element, place) => {
  const { datetime } = element.attributes;
  return datetime ? inline(place, [text(datetime)]) : page.nodes(element.children);
};

const emoticon: Rule = (_page, element) => {
  const of = (key: string): string => element.attributes[`ac:${key}`] ?? "";
  return [
    text(
      emoji({
        fallback: of("emoji-fallback"),
        id: of("emoji-id"),
        short: of("emoji-shortname"),
        name: of("name") || of("shortcode"),
      }),
    ),
  ];
};

/** The character of an emoticon, or else its short name between colons. */
export function emoji(emoticon: { fallback: string; id: string; short: string; name: string }): string {
  const { fallback, id, short, name } = emoticon;
  if (fallback !== "" && !/^:.*:$/.test(fallback)) return fallback;
  if (/^[0-9a-f]{2,6}(?:-[0-9a-f]{2,6})*$/i.test(id)) {
    const points = id.split("-").map((hex) => Number.parseInt(hex, 16));
    if (points.every((point) => point <= 0x10ffff)) return String.fromCodePoint(...points);
  }
  // Editors write blue-star for every emoji that old versions do not know.
  const named = name === "blue-star" && short !== "" ? undefined : EMOTICONS.get(name);
  return named ?? (short || fallback || (name ? `:${name}:` : ""));
}

/** The node counts, and only if it shows nothing its fallback, so that nothing is told twice. */
const extension: Rule = (page, element) => {
  const nodes = element.children.filter((node) => !isElement(node, "ac:adf-fallback"));
  const shown = page.nodes(nodes);
  if (shown.some(hasContent)) return [html("DIV", {}, shown)];
  return block(page, child(element, "ac:adf-fallback") ?? { ...element, children: [] }, NOWHERE);
};

const NOWHERE: Place = { siblings: [], index: 0 };

function hasContent(node: PageNode): boolean {
  if (node.nodeValue !== null) return node.nodeValue.trim() !== "";
  if (node.nodeName === "IMG") return true;
  for (let inner = node.firstChild; inner; inner = inner.nextSibling) if (hasContent(inner)) return true;
  return false;
}

const editorNode: Rule = (page, element) => {
  const { type } = element.attributes;
  if (type === "panel") {
    const attribute = element.children.find(
      (node): node is XmlElement => isElement(node, "ac:adf-attribute") && node.attributes.key === "panel-type",
    );
    const kind = attribute ? textOf(attribute.children).trim() : "";
    return panelNode(page, ADF_ALERTS.get(kind), undefined, () => page.nodes(element.children));
  }
  const name = type === "decision-list" ? "UL" : type === "decision-item" ? "LI" : "DIV";
  return [html(name, {}, page.nodes(element.children))];
};

/** The new editor's panel types; its colours differ from those of the macros with the same names. */
const ADF_ALERTS: ReadonlyMap<string, string> = new Map([
  ["info", "NOTE"],
  ["note", "IMPORTANT"],
  ["tip", "TIP"],
  ["success", "TIP"],
  ["warning", "WARNING"],
  ["error", "CAUTION"],
]);

const variable: Rule = (_page, element) => [text(element.attributes["at:name"] ?? "")];

const each = (rule: Rule, ...names: string[]): [string, Rule][] => names.map((name) => [name, rule]);

const ELEMENTS: ReadonlyMap<string, Rule> = new Map([
  ...each(content, CDATA, "ac:link-body", "ac:inline-comment-marker"),
  ...each(verbatim, "ac:plain-text-link-body", "ac:plain-text-body"),
  ...each(block, "ac:layout", "ac:layout-section", "ac:layout-cell", "ac:rich-text-body", "ac:task-body", "ac:caption"),
  ...each(block, "ac:adf-content", "ac:adf-fallback"),
  ...each(invisible, "ac:parameter", "ac:default-parameter", "ac:placeholder", "at:declarations", "ac:property"),
  ...each(invisible, "ac:task-id", "ac:task-uuid", "ac:task-status"),
  ...each(invisible, "ac:adf-attribute", "ac:adf-mark", "ac:adf-mark-key", "ac:adf-fragment-mark", "ac:adf-parameter"),
  ...each(invisible, "ac:adf-fragment-mark-detail", "fab:display-type", "fab:placeholder-url"),
  ...each(resource, "ri:page", "ri:blog-post", "ri:attachment", "ri:url", "ri:user", "ri:space", "ri:shortcut"),
  ...each(resource, "ri:content-entity"),
  ...each(macro, "ac:structured-macro", "ac:macro"),
  ...each(link, "ac:link"),
  ...each(image, "ac:image"),
  ...each(taskList, "ac:task-list"),
  ...each(task, "ac:task"),
  ...each(date, "time"),
  ...each(emoticon, "ac:emoticon", "ac:hipchat-emoticon"),
  ...each(extension, "ac:adf-extension"),
  ...each(editorNode, "ac:adf-node", "ac:adf-leaf"),
  ...each(variable, "at:var"),
  ...each(cell, "td", "th"),
  ...each(row, "tr"),
  ...each(anchor, "a"),
  ...each(picture, "img"),
]);

/** The rule of an element of storage format. */
export function storageRule(element: XmlElement): Rule {
  return ELEMENTS.get(element.name) ?? passThrough;
}
