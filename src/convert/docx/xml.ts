/**
 * The light tree that the XML parts of a .docx are read into (see parse_xml.ts), and the questions that its readers ask.
 * Elements that are written alike are one object, so that the tree is never changed.
 */

export interface XmlElement {
  /** Local name with our prefix; elements of unknown namespaces keep their own prefix. */
  readonly name: string;
  /** Attributes with our prefix, or none where the document has none. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
}

export type XmlNode = XmlElement | string;

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node !== "string";
}

/** The first child element of this name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  if (!element) return undefined;
  for (const node of element.children) if (typeof node !== "string" && node.name === name) return node;
  return undefined;
}

export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((node): node is XmlElement => typeof node !== "string" && node.name === name) ?? [];
}

/** `w:val` of a child, the way WordprocessingML writes most properties. */
export function childValue(element: XmlElement | undefined, name: string): string | undefined {
  return child(element, name)?.attributes["w:val"];
}

/** An on/off property: undefined if it is not there, true without a value. */
export function toggle(element: XmlElement | undefined, name: string): boolean | undefined {
  const property = child(element, name);
  if (!property) return undefined;
  const value = property.attributes["w:val"];
  return value === undefined || !(value === "0" || value === "false" || value === "off" || value === "none");
}

/** All text in the element, in order. */
export function textOf(element: XmlElement): string {
  let text = "";
  for (const node of element.children) text += typeof node === "string" ? node : textOf(node);
  return text;
}

/** Every descendant of these names, outermost only, in order. */
export function descendants(element: XmlElement, names: ReadonlySet<string>, found: XmlElement[] = []): XmlElement[] {
  for (const node of element.children) {
    if (typeof node === "string") continue;
    if (names.has(node.name)) found.push(node);
    else descendants(node, names, found);
  }
  return found;
}

/** Escapes text for XML and HTML content and attributes. */
export function escapeXml(text: string): string {
  return /[&<>"]/.test(text)
    ? text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;")
    : text;
}
