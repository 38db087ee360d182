/**
 * What each macro becomes, one line a macro where possible. A macro that is not here keeps its body, or leaves a
 * placeholder if it has none.
 */
import { includePage } from "./include.ts";
import { attachmentHref, pageHref, pageRefOf, resourceOf, userMention } from "./links.ts";
import { bodyNodes, codeNode, type MacroRule, parameterNodes, placeholder, readMacro, sourceOf } from "./macro.ts";
import { inline, type Rule, standIn, titleLine } from "./map_page.ts";
import { html, type PageNode, text } from "./page_tree.ts";
import { ALERTS, panelNode } from "./panel.ts";
import { isElement, readXml, type XmlElement, type XmlNode } from "./read_xml.ts";

/** HTML in macros is read with less depth than the page itself. */
const HTML_NESTING_MAX = 64;

const invisible: MacroRule = () => [];

const code: MacroRule = (page, macro) => {
  const { parameters, plain, rich } = macro;
  const language =
    macro.name === "noformat" ? "" : (parameters.get("language") ?? parameters.get("lang") ?? parameters.get("") ?? "");
  const title = titleLine(parameters.get("title"));
  if (plain) return [...title, codeNode(sourceOf(plain), language)];
  const attributes: Record<string, string> = language ? { "data-language": language } : {};
  return [...title, html("PRE", attributes, rich ? page.nodes(rich.children) : bodyNodes(page, macro))];
};

const panel: MacroRule = (page, macro) =>
  panelNode(page, ALERTS.get(macro.name), macro.parameters.get("title"), () => bodyNodes(page, macro));

const expand: MacroRule = (page, macro) => [...titleLine(macro.parameters.get("title")), ...bodyNodes(page, macro)];

const status: MacroRule = (_page, { parameters }, place) => {
  const title = parameters.get("title");
  return title ? inline(place, [html("STRONG", {}, [title])]) : [];
};

const jira: MacroRule = (page, macro, place) => {
  const { parameters } = macro;
  const key = parameters.get("key");
  const server = parameters.get("server") || parameters.get("serverId");
  if (key) {
    const url = page.context.jiraUrl?.(key, server);
    return inline(place, [url ? html("A", { href: url }, [key]) : text(key)]);
  }
  const query = parameters.get("jqlQuery") || parameters.get("jql") || parameters.get("url") || "";
  return placeholder(page, macro, place, `macro: jira ${query}`);
};

const formula: MacroRule = (page, macro, place) => {
  const { name, parameters, plain, rich } = macro;
  const source = unescapeUri(parameters.get("body") || sourceOf(plain ?? rich) || parameters.get("") || "").trim();
  if (source === "") return placeholder(page, macro, place, `macro: ${name}`);
  return /inline/.test(name) ? inline(place, [html("CODE", {}, [source])]) : [codeNode(source, "latex")];
};

/** Some macros keep their source percent-encoded behind this mark. */
function unescapeUri(source: string): string {
  const mark = "--uriencoded--";
  if (!source.startsWith(mark)) return source;
  try {
    return decodeURIComponent(source.slice(mark.length));
  } catch {
    return source;
  }
}

/** HTML that somebody wrote into the page; its scripts and styles show nothing. */
const rawHtml: MacroRule = (page, macro) => {
  const source = sourceOf(macro.plain);
  if (source.trim() === "") return bodyNodes(page, macro);
  return [html("DIV", {}, page.nodes(withoutMacros(readXml(source, HTML_NESTING_MAX).nodes)))];
};

/** Markup of a macro's HTML is HTML only: macros in it would be read without end. */
function withoutMacros(nodes: readonly XmlNode[]): XmlNode[] {
  return nodes.flatMap((node) => {
    if (!isElement(node)) return [node];
    const children = withoutMacros(node.children);
    return node.name.includes(":") ? children : [{ ...node, children }];
  });
}

/** A file shown in the page: a link to it. */
const file: MacroRule = (page, macro, place) => {
  const resource = findResource(macro.element, "ri:attachment");
  const name = resource?.attributes["ri:filename"] ?? macro.parameters.get("name");
  if (!name) return placeholder(page, macro, place, `macro: ${macro.name}`);
  const attachment = resource ?? attachmentOf(name, resourceOf(parameterNodes(macro, "page")));
  return standIn(place, [html("A", { href: attachmentHref(page, attachment) }, [name])]);
};

function attachmentOf(name: string, owner: XmlElement | undefined): XmlElement {
  return { name: "ri:attachment", attributes: { "ri:filename": name }, children: owner ? [owner] : [] };
}

function findResource(element: XmlElement, name: string): XmlElement | undefined {
  for (const node of element.children) {
    if (!isElement(node)) continue;
    const found = node.name === name ? node : findResource(node, name);
    if (found) return found;
  }
  return undefined;
}

const diagram: MacroRule = (page, macro, place) => {
  if (macro.plain && sourceOf(macro.plain).trim() !== "") return [codeNode(sourceOf(macro.plain), "")];
  const { parameters } = macro;
  const name = parameters.get("diagramDisplayName") || parameters.get("diagramName") || parameters.get("name");
  return placeholder(page, macro, place, name ? `diagram: ${name}` : "diagram");
};

/** Another site's content in a frame: a link to it. */
const frame: MacroRule = (page, macro, place) => {
  const resource = findResource(macro.element, "ri:url");
  const written = resource?.attributes["ri:value"] || macro.parameters.get("url") || macro.parameters.get("src") || "";
  if (!/^(?:https?:)?\/\//i.test(written)) return placeholder(page, macro, place, `macro: ${macro.name}`);
  const url = page.address(written);
  return standIn(place, [html("A", { href: url }, [url])]);
};

const profile: MacroRule = (page, macro, place) => {
  const user = findResource(macro.element, "ri:user");
  return user ? standIn(place, [userMention(page, user)]) : placeholder(page, macro, place, `macro: ${macro.name}`);
};

const include: MacroRule = (page, macro, place) => {
  const kind =
    macro.name.startsWith("excerpt") || macro.name.startsWith("multiexcerpt") ? "excerpt-include" : "include";
  const wanted = targetPage(macro);
  const excerpt = macro.parameters.get("name") ?? macro.parameters.get("MultiExcerptName");
  if (wanted) {
    const included = includePage(page, { ...wanted, kind, ...(excerpt ? { excerpt } : {}) });
    if (included) return included;
    page.references.page(wanted, kind);
  }
  page.warn("include_unresolved", "The content of an included page is not available; a placeholder stands for it.");
  const label: (PageNode | string)[] = wanted
    ? [": ", html("A", { href: pageHref(page, wanted) }, [wanted.title ?? wanted.contentId ?? ""])]
    : [];
  return standIn(place, [`[${kind === "include" ? "include" : "excerpt"}`, ...label, "]"]);
};

/** The page that an include macro names, as a link, a resource or plain text ("SPACE:Title"). */
function targetPage(macro: Parameters<MacroRule>[1]): ReturnType<typeof pageRefOf> | undefined {
  const resource =
    findResource(macro.element, "ri:page") ??
    findResource(macro.element, "ri:blog-post") ??
    findResource(macro.element, "ri:content-entity");
  if (resource) {
    const ref = pageRefOf(resource);
    return ref.title === undefined && ref.contentId === undefined ? undefined : ref;
  }
  const written = ["", "pageTitle", "page"].map((name) => macro.parameters.get(name)).find((value) => value) ?? "";
  const named = /^(?:([\w~.-]+):)?(.+)$/.exec(written.normalize("NFC"));
  if (!named) return undefined;
  return { ...(named[1] ? { spaceKey: named[1] } : {}), title: named[2]!.trim() };
}

const dynamic =
  (label: string): MacroRule =>
  (page, macro, place) =>
    macro.rich ? bodyNodes(page, macro) : placeholder(page, macro, place, label);

const each = (rule: MacroRule, ...names: string[]): [string, MacroRule][] => names.map((name) => [name, rule]);

const MACROS: ReadonlyMap<string, MacroRule> = new Map([
  ...each(invisible, "anchor", "placeholder", "style", "script", "div-style"),
  ...each(code, "code", "noformat", "code-block", "codeblock", "paste-code-macro"),
  ...each(panel, "info", "note", "tip", "warning", "panel", "error", "success"),
  ...each(expand, "expand", "ui-expand", "details-expand"),
  ...each(status, "status"),
  ...each(jira, "jira", "jiraissues"),
  ...each(formula, "mathblock", "mathinline", "mathdisplay", "mathjax", "mathjax-block-macro", "mathjax-inline-macro"),
  ...each(formula, "latex", "latex-formatting", "latex-block", "latex-inline", "latexmathblock", "latexmathinline"),
  ...each(formula, "easy-math", "easy-math-block", "easy-math-inline", "eazy-math", "eazy-math-block"),
  ...each(formula, "eazy-math-inline", "katex", "katex-block", "katex-inline"),
  ...each(rawHtml, "html", "html-bobswift", "html-include"),
  ...each(file, "view-file", "viewpdf", "viewdoc", "viewxls", "viewppt", "multimedia", "pdf"),
  ...each(diagram, "drawio", "drawio-sketch", "inc-drawio", "gliffy", "lucidchart", "mermaid-cloud", "plantumlcloud"),
  ...each(frame, "widget", "iframe", "web-widget"),
  ...each(profile, "profile", "profile-picture"),
  ...each(include, "include", "excerpt-include", "includeplus", "multiexcerpt-include", "include-shared-block"),
  ...each(dynamic("table of contents"), "toc", "toc-zone", "stoc"),
  ...each(dynamic("child pages"), "children", "childpages", "children-display"),
  ...each(dynamic("page tree"), "pagetree", "pagetreesearch"),
  ...each(dynamic("recently updated"), "recently-updated", "recently-updated-dashboard"),
  ...each(dynamic("attachments"), "attachments"),
]);

/** Macros that show one part of several: their name is the part's heading. */
const PARTS = /tab|nav-item|accordion|slide|card|step/;
/** Plain-text macros whose name says what language their body is in. */
const LANGUAGES = /^(plantuml|mermaid|graphviz|dot|sql|markdown|latex|yaml|json|csv)/;

const fallback: MacroRule = (page, macro, place) => {
  const { name, parameters, rich, plain } = macro;
  if (parameters.get("hidden") === "true") return [];
  const title = parameters.get("title") || (PARTS.test(name) ? parameters.get("label") || parameters.get("name") : "");
  if (rich) return [...titleLine(title), ...bodyNodes(page, macro)];
  const source = sourceOf(plain);
  if (source.trim() !== "") return [...titleLine(title), codeNode(source, LANGUAGES.exec(name)?.[1] ?? "")];
  const rest = page.repaired ? page.nodes(macro.element.children) : [];
  if (rest.some((node) => node.nodeValue === null || node.nodeValue.trim() !== "")) return rest;
  return placeholder(page, macro, place, `macro: ${name || "unnamed"}`);
};

export const macro: Rule = (page, element, place) => {
  const read = readMacro(element);
  return (MACROS.get(read.name) ?? fallback)(page, read, place);
};
