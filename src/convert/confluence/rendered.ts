/**
 * Reads pages as Confluence renders them (`view`, `export_view`): its classes say which element was a panel, a status or
 * a task, and lead to the same output as the macro in storage format. What browsers add later, such as highlighted code,
 * is not undone.
 */
import { checkbox, emoji, passThrough, storageRule } from "./elements.ts";
import { attachmentHref } from "./links.ts";
import { inline, type PageMapper, type Rule } from "./map_page.ts";
import { html, type PageNode, text } from "./page_tree.ts";
import { ALERTS, panelNode } from "./panel.ts";
import { isElement, textOf, type XmlElement, type XmlNode } from "./read_xml.ts";

const STORAGE = /<(?:ac|ri):[a-z]/i;
const RENDERED =
  /class\s*=\s*["'][^"']*(?:confluence-|confluenceT|conf-macro|panelContent|expand-content|inline-task-list|toc-macro|status-macro|user-mention)/;

/** Whether the page is Confluence's HTML rather than its storage format. */
export function isRendered(source: string): boolean {
  return !STORAGE.test(source) && RENDERED.test(source);
}

function classesOf(element: XmlElement): string[] {
  return (element.attributes.class ?? "").split(/\s+/);
}

function hasClass(node: XmlNode | undefined, name: string): node is XmlElement {
  return isElement(node) && classesOf(node).includes(name);
}

/** The first element below with the class, outermost first. */
function findClass(element: XmlElement, name: string): XmlElement | undefined {
  for (const node of element.children) {
    if (!isElement(node)) continue;
    const found = hasClass(node, name) ? node : findClass(node, name);
    if (found) return found;
  }
  return undefined;
}

function lineOf(element: XmlElement | undefined): string {
  return textOf(element?.children ?? [])
    .replace(/[\s\u00a0]+/g, " ")
    .trim();
}

const invisible: Rule = () => [];

const information: Rule = (page, element) => {
  const kind = classesOf(element)
    .map((name) => ALERTS.get(/^confluence-information-macro-(\w+)$/.exec(name)?.[1] ?? ""))
    .find(Boolean);
  const isTitle = (node: XmlNode): boolean =>
    hasClass(node, "title") || hasClass(node, "confluence-information-macro-title");
  const isIcon = (node: XmlNode): boolean => hasClass(node, "confluence-information-macro-icon");
  const title = lineOf(element.children.find((node): node is XmlElement => isElement(node) && isTitle(node)));
  const body = element.children.filter((node) => !isTitle(node) && !isIcon(node));
  return panelNode(page, kind, title, () => page.nodes(body));
};

const panel: Rule = (page, element, place) => {
  const classes = classesOf(element);
  if (classes.includes("code") || classes.includes("preformatted")) return passThrough(page, element, place);
  const header = element.children.find((node) => hasClass(node, "panelHeader"));
  const body = element.children.filter((node) => node !== header);
  return panelNode(page, undefined, isElement(header) ? lineOf(header) : "", () => page.nodes(body));
};

const expand: Rule = (page, element) => {
  const title = lineOf(findClass(element, "expand-control-text"));
  const shown = /^click here to expand/i.test(title) ? "" : title;
  const body = element.children.filter((node) => !hasClass(node, "expand-control"));
  return [...(shown ? [html("P", {}, [html("STRONG", {}, [shown])])] : []), ...page.nodes(body)];
};

/** Content that a style hides until somebody opens it. */
const opened: Rule = (page, element) => [html("DIV", {}, page.nodes(element.children))];

const code: Rule = (page, element) => {
  const brush = /brush\s*:\s*([\w+#.-]+)/.exec(element.attributes["data-syntaxhighlighter-params"] ?? "")?.[1];
  return [html("PRE", brush ? { "data-language": brush } : {}, page.nodes(element.children))];
};

const status: Rule = (page, element, place) => inline(place, [html("STRONG", {}, page.nodes(element.children))]);

const tasks: Rule = (page, element) => {
  const items = element.children.map((node): PageNode[] => {
    if (!isElement(node, "li")) return page.nodes([node]);
    return [html("LI", {}, [checkbox(hasClass(node, "checked")), ...page.nodes(node.children)])];
  });
  return [html("UL", {}, items.flat())];
};

const mention: Rule = (_page, element) => {
  const name = lineOf(element);
  return name ? [text(name.startsWith("@") ? name : `@${name}`)] : [];
};

const emoticon: Rule = (_page, element) => {
  const of = (key: string): string => element.attributes[key] ?? "";
  const alt = of("alt").replace(/^\((.*)\)$/, "$1");
  const known = {
    fallback: of("data-emoji-fallback"),
    id: of("data-emoji-id"),
    short: of("data-emoji-short-name"),
    name: of("data-emoticon-name") || alt,
  };
  return [text(emoji(known))];
};

function attachmentName(element: XmlElement): string {
  return element.attributes["data-linked-resource-default-alias"] ?? "";
}

function attachmentAddress(page: PageMapper, name: string): string {
  return attachmentHref(page, { name: "ri:attachment", attributes: { "ri:filename": name }, children: [] });
}

const image: Rule = (page, element) => {
  const name = attachmentName(element);
  const { alt, title } = element.attributes;
  const src = name
    ? attachmentAddress(page, name)
    : page.address(element.attributes["data-image-src"] ?? element.attributes.src ?? "");
  return [html("IMG", { src, alt: alt || title || name })];
};

const file: Rule = (page, element, place) => {
  const name = attachmentName(element);
  if (!name) return passThrough(page, element, place);
  return [html("A", { href: attachmentAddress(page, name) }, [lineOf(element) || name])];
};

const contents: Rule = (page) => {
  page.warn("macro_placeholder", 'The macro "toc" repeats the headings; a placeholder stands for it.');
  return [html("P", {}, ["[table of contents]"])];
};

const jiraKey: Rule = (page, element, place) =>
  passThrough(page, { ...element, children: element.children.filter((node) => !isElement(node, "img")) }, place);

const RULES: ReadonlyMap<string, Rule> = new Map([
  ["confluence-information-macro", information],
  ["panel", panel],
  ["expand-container", expand],
  ["expand-content", opened],
  ["syntaxhighlighter-pre", code],
  ["status-macro", status],
  ["inline-task-list", tasks],
  ["confluence-userlink", mention],
  ["user-mention", mention],
  ["emoticon", emoticon],
  ["confluence-embedded-image", image],
  ["confluence-embedded-file", file],
  ["toc-macro", contents],
  ["jira-issue-key", jiraKey],
  ["text-placeholder", invisible],
  ["confluence-anchor-link", invisible],
  ["hidden", invisible],
]);

/** The rule of an element of a rendered page: that of its first class that has one, or else that of its name. */
export function renderedRule(element: XmlElement): Rule {
  for (const name of element.attributes.class === undefined ? [] : classesOf(element)) {
    const rule = RULES.get(name);
    if (rule) return rule;
  }
  return storageRule(element);
}
