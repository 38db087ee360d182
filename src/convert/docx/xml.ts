/**
 * Parses the XML parts of a .docx into a light tree. Namespaces become fixed prefixes (`w:p`, `a:blip`, …) whatever the
 * document calls them, strict and transitional alike. Document type declarations are refused, since entities are never
 * legitimate in OOXML, and nesting is bounded; everything else that is not well-formed is `convert.malformed`.
 */
import { PermanentError } from "../../errors.ts";

export interface XmlElement {
  /** Local name with our prefix; elements of unknown namespaces keep their own prefix. */
  name: string;
  /** Attributes with our prefix, or none where the document has none. */
  attributes: Record<string, string>;
  children: XmlNode[];
}

export type XmlNode = XmlElement | string;

const PREFIXES: Readonly<Record<string, string>> = {
  "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
  "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
  "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
  "http://purl.oclc.org/ooxml/officeDocument/relationships": "r",
  "http://schemas.openxmlformats.org/package/2006/relationships": "rel",
  "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing": "wp",
  "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing": "wp",
  "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
  "http://purl.oclc.org/ooxml/drawingml/main": "a",
  "http://schemas.openxmlformats.org/drawingml/2006/picture": "pic",
  "http://purl.oclc.org/ooxml/drawingml/picture": "pic",
  "http://schemas.openxmlformats.org/drawingml/2006/chart": "c",
  "http://purl.oclc.org/ooxml/drawingml/chart": "c",
  "http://schemas.openxmlformats.org/drawingml/2006/diagram": "dgm",
  "http://purl.oclc.org/ooxml/drawingml/diagram": "dgm",
  "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
  "http://purl.oclc.org/ooxml/officeDocument/math": "m",
  "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
  "http://schemas.microsoft.com/office/word/2010/wordml": "w14",
  "http://schemas.microsoft.com/office/word/2010/wordprocessingShape": "wps",
  "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup": "wpg",
  "http://schemas.microsoft.com/office/word/2010/wordprocessingCanvas": "wpc",
  "urn:schemas-microsoft-com:vml": "v",
  "urn:schemas-microsoft-com:office:office": "o",
  "http://schemas.openxmlformats.org/package/2006/metadata/core-properties": "cp",
  "http://purl.org/dc/elements/1.1/": "dc",
  "http://purl.org/dc/terms/": "dcterms",
  "http://www.w3.org/XML/1998/namespace": "xml",
};

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const malformed = (what: string): PermanentError =>
  new PermanentError("convert.malformed", `A part of the .docx is no well-formed XML: ${what}.`);

/** Text of an XML part: UTF-8, or UTF-16 with its byte order mark. */
export function decodeXml(bytes: Uint8Array): string {
  const charset =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(charset).decode(bytes);
}

/** Parses a part. Throws PermanentError `convert.malformed`, or `convert.too_large` beyond `nestingMax`. */
export function parseXml(source: string, nestingMax: number): XmlElement {
  return new Parser(source, nestingMax).parse();
}

type Scope = Readonly<Record<string, string>>;

class Parser {
  private at = 0;
  private readonly stack: { element: XmlElement; rawName: string; scope: Scope }[] = [];
  private root: XmlElement | null = null;

  constructor(
    private readonly source: string,
    private readonly nestingMax: number,
  ) {}

  parse(): XmlElement {
    const { source } = this;
    for (;;) {
      const open = source.indexOf("<", this.at);
      if (open < 0) break;
      if (open > this.at) this.text(source.slice(this.at, open));
      this.at = open;
      this.markup();
    }
    if (this.stack.length > 0) throw malformed(`<${this.stack.at(-1)!.rawName}> is never closed`);
    if (!this.root) throw malformed("it has no element");
    return this.root;
  }

  private text(raw: string): void {
    const parent = this.stack.at(-1)?.element;
    if (parent) parent.children.push(raw.includes("&") ? decodeEntities(raw) : raw);
  }

  private markup(): void {
    const { source, at } = this;
    const next = source.charCodeAt(at + 1);
    if (next === 0x2f) this.closeTag();
    else if (next === 0x3f) this.skipTo("?>", "a processing instruction");
    else if (source.startsWith("<!--", at)) this.skipTo("-->", "a comment");
    else if (source.startsWith("<![CDATA[", at)) {
      const start = at + 9;
      this.skipTo("]]>", "a CDATA section");
      this.stack.at(-1)?.element.children.push(source.slice(start, this.at - 3));
    } else if (next === 0x21) throw malformed("it declares a document type, which no Office program writes");
    else this.openTag();
  }

  private skipTo(end: string, what: string): void {
    const found = this.source.indexOf(end, this.at);
    if (found < 0) throw malformed(`${what} is never closed`);
    this.at = found + end.length;
  }

  private closeTag(): void {
    const end = this.source.indexOf(">", this.at);
    const name = this.source.slice(this.at + 2, end < 0 ? this.at + 2 : end).trim();
    const top = this.stack.pop();
    if (end < 0 || !top || top.rawName !== name) throw malformed(`</${name.slice(0, 80)}> closes nothing`);
    this.at = end + 1;
  }

  private openTag(): void {
    const { source } = this;
    const nameEnd = endOfName(source, this.at + 1);
    const rawName = source.slice(this.at + 1, nameEnd);
    if (rawName === "") throw malformed("a tag has no name");
    this.at = nameEnd;
    const raw = this.attributes();
    const outer = this.stack.at(-1)?.scope ?? {};
    const scope = declare(raw, outer);
    const element: XmlElement = { name: qualify(rawName, scope, true), attributes: {}, children: [] };
    for (const [name, value] of raw) {
      if (!name.startsWith("xmlns")) element.attributes[qualify(name, scope, false)] = value;
    }
    const parent = this.stack.at(-1)?.element;
    if (parent) parent.children.push(element);
    else if (this.root) throw malformed("it has more than one root");
    else this.root = element;
    if (source[this.at] === "/") this.at += 2;
    else {
      this.at++;
      this.stack.push({ element, rawName, scope });
      if (this.stack.length > this.nestingMax) {
        throw new PermanentError("convert.too_large", "The .docx nests elements deeper than allowed.", {
          limit: this.nestingMax,
        });
      }
    }
  }

  /** Reads attributes up to `>` or `/>`. */
  private attributes(): [string, string][] {
    const { source } = this;
    const found: [string, string][] = [];
    for (;;) {
      while (isBlank(source.charCodeAt(this.at))) this.at++;
      const char = source[this.at];
      if (char === ">" || (char === "/" && source[this.at + 1] === ">")) return found;
      const equals = endOfName(source, this.at);
      const name = source.slice(this.at, equals);
      this.at = equals;
      while (isBlank(source.charCodeAt(this.at))) this.at++;
      if (name === "" || source[this.at] !== "=") throw malformed("a tag is broken");
      this.at++;
      while (isBlank(source.charCodeAt(this.at))) this.at++;
      const quote = source[this.at];
      const end = quote === '"' || quote === "'" ? source.indexOf(quote, this.at + 1) : -1;
      if (end < 0) throw malformed("an attribute has no value");
      const value = source.slice(this.at + 1, end);
      found.push([name, value.includes("&") ? decodeEntities(value) : value]);
      this.at = end + 1;
    }
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Where a tag's or attribute's name ends: at a blank, "=", "/", ">" or "<". */
function endOfName(source: string, from: number): number {
  let at = from;
  for (; at < source.length; at++) {
    const code = source.charCodeAt(at);
    if (isBlank(code) || code === 0x3d || code === 0x2f || code === 0x3e || code === 0x3c) break;
  }
  return at;
}

function declare(raw: readonly [string, string][], outer: Scope): Scope {
  let scope: Record<string, string> | null = null;
  for (const [name, uri] of raw) {
    if (name !== "xmlns" && !name.startsWith("xmlns:")) continue;
    scope ??= { ...outer };
    const own = name === "xmlns" ? "" : name.slice(6);
    scope[own] = PREFIXES[uri] ?? own;
  }
  return scope ?? outer;
}

function qualify(rawName: string, scope: Scope, useDefault: boolean): string {
  const colon = rawName.indexOf(":");
  if (colon < 0) {
    const prefix = useDefault ? scope[""] : undefined;
    return prefix ? `${prefix}:${rawName}` : rawName;
  }
  const own = rawName.slice(0, colon);
  const prefix = scope[own] ?? own;
  return prefix === own ? rawName : `${prefix}:${rawName.slice(colon + 1)}`;
}

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(\w{1,10}));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
    },
  );
}

// Helpers to read the tree.

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node !== "string";
}

/** The first child element of this name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((node): node is XmlElement => typeof node !== "string" && node.name === name);
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
