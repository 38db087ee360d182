/**
 * Reads a macro into its name, parameters and body, whatever version of the editor wrote it, and makes the two things
 * that many macros become: a code block, or a placeholder that shows that something dynamic was there.
 */
import { type PageMapper, type Place, standIn } from "./map_page.ts";
import { html, type PageNode } from "./page_tree.ts";
import { CDATA, child, isElement, textOf, type XmlElement, type XmlNode } from "./read_xml.ts";

export interface Macro {
  /** In lower case. */
  name: string;
  element: XmlElement;
  /** Parameter by name; the default parameter is "". Texts are trimmed. */
  parameters: ReadonlyMap<string, string>;
  rich: XmlElement | undefined;
  plain: XmlElement | undefined;
}
export type MacroRule = (page: PageMapper, macro: Macro, place: Place) => PageNode[];

/** Reads a macro element. */
export function readMacro(element: XmlElement): Macro {
  const parameters = new Map<string, string>();
  for (const node of element.children) {
    if (!isElement(node)) continue;
    const isDefault = node.name === "ac:default-parameter";
    if (!isDefault && node.name !== "ac:parameter") continue;
    parameters.set(isDefault ? "" : (node.attributes["ac:name"] ?? ""), textOf(node.children).trim());
  }
  return {
    name: (element.attributes["ac:name"] ?? element.attributes.name ?? "").trim().toLowerCase(),
    element,
    parameters,
    rich: child(element, "ac:rich-text-body"),
    plain: child(element, "ac:plain-text-body"),
  };
}

/** Nodes of a parameter, for parameters that hold a link or a resource. */
export function parameterNodes(read: Macro, ...names: string[]): XmlNode[] {
  const found = read.element.children.filter(
    (node): node is XmlElement => isElement(node, "ac:parameter") && names.includes(node.attributes["ac:name"] ?? ""),
  );
  return found.flatMap((parameter) => parameter.children);
}

/** Text of a plain-text body: that of its CDATA sections, if any, without the layout around them. */
export function sourceOf(body: XmlElement | undefined): string {
  const sections = (body?.children ?? []).filter((node) => isElement(node, CDATA));
  return textOf(sections.length > 0 ? sections : (body?.children ?? []));
}

/**
 * The rich-text body; without one the plain text. What stands beside the body shows nothing, unless damaged markup may
 * have put it there.
 */
export function bodyNodes(page: PageMapper, read: Macro): PageNode[] {
  const nodes = page.repaired ? read.element.children : [read.rich ?? read.plain].filter((body) => body !== undefined);
  return [html("DIV", {}, page.nodes(nodes))];
}

/** A code block with every byte of the source. */
export function codeNode(source: string, language: string): PageNode {
  return html("PRE", language ? { "data-language": language } : {}, [source]);
}

/** "[what it is]", with a warning that the content is not there. */
export function placeholder(page: PageMapper, read: Macro, place: Place, label: string): PageNode[] {
  page.warn("macro_placeholder", `The macro "${read.name}" has no content in the page; a placeholder stands for it.`);
  return standIn(place, [`[${label.replace(/\s+/g, " ").trim()}]`]);
}
