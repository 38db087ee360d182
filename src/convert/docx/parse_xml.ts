/**
 * Parses the XML parts of a .docx into a light tree. Namespaces become fixed prefixes (`w:p`, `a:blip`, …) whatever the
 * document calls them, strict and transitional alike. Document type declarations are refused, since entities are never
 * legitimate in OOXML, and nesting is bounded; everything else that is not well-formed is `convert.malformed`.
 *
 * Word repeats itself: most tags, and most properties of runs, paragraphs and cells, stand there a thousand times letter
 * by letter. Each is parsed once and found again by its text, which takes a sixth of the time (measured with 12 MB) and
 * far less memory.
 */
import { PermanentError } from "../../errors.ts";
import type { XmlElement, XmlNode } from "./xml.ts";

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

/** Prefixes that are declared at some place, and what was read with them, by the text that it was read from. */
class Scope {
  readonly tags = new Map<string, Tag>();
  readonly properties = new Map<string, Properties>();

  constructor(readonly prefixes: Readonly<Record<string, string>>) {}
}

/** What a tag says, whichever element it opens. */
interface Tag {
  readonly rawName: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The element, if the tag closes it too. */
  readonly empty: XmlElement | null;
  /** How the element ends, if it holds properties that are worth remembering. */
  readonly endTag: string | null;
  /** The scope of its content. */
  readonly scope: Scope;
}

/** A whole element that holds properties. */
interface Properties {
  readonly element: XmlElement;
  /** Levels of elements in it. */
  readonly height: number;
}

interface OpenElement {
  readonly element: XmlElement;
  readonly children: XmlNode[];
  readonly tag: Tag;
  /** Where its tag starts. */
  readonly start: number;
  /** Levels of elements in it that are closed by now. */
  height: number;
}

const PROPERTIES: ReadonlySet<string> = new Set(["w:rPr", "w:pPr", "w:tcPr", "w:trPr", "w:tblPr"]);
/** Longer ones hardly stand there twice. */
const PROPERTIES_LENGTH_MAX = 1000;
/** Texts that are remembered at once: some carry ids that occur only once. */
const REMEMBERED_MAX = 10_000;

function remember<T>(known: Map<string, T>, text: string, read: T): void {
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(text, read);
}

class Parser {
  private at = 0;
  private readonly stack: OpenElement[] = [];
  private top: OpenElement | null = null;
  private readonly outside = new Scope({});
  private scope = this.outside;
  private root: XmlElement | null = null;
  /** The next end tag of properties by its text, so that no stretch is searched twice for the same. */
  private readonly nextEnds = new Map<string, number>();

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
    if (this.top) throw malformed(`<${this.top.tag.rawName}> is never closed`);
    if (!this.root) throw malformed("it has no element");
    return this.root;
  }

  private text(raw: string): void {
    this.top?.children.push(raw.includes("&") ? decodeEntities(raw) : raw);
  }

  private markup(): void {
    const { source, at } = this;
    const next = source.charCodeAt(at + 1);
    if (next === 0x2f) this.closeTag();
    else if (next === 0x3f) this.skipTo("?>", "a processing instruction");
    else if (next !== 0x21) this.openTag();
    else if (source.startsWith("<!--", at)) this.skipTo("-->", "a comment");
    else if (source.startsWith("<![CDATA[", at)) {
      const start = at + 9;
      this.skipTo("]]>", "a CDATA section");
      this.top?.children.push(source.slice(start, this.at - 3));
    } else throw malformed("it declares a document type, which no Office program writes");
  }

  private skipTo(end: string, what: string): void {
    const found = this.source.indexOf(end, this.at);
    if (found < 0) throw malformed(`${what} is never closed`);
    this.at = found + end.length;
  }

  private closeTag(): void {
    const { source, at } = this;
    const end = source.indexOf(">", at);
    const rawName = this.top?.tag.rawName;
    const isPlain = rawName !== undefined && end - at === rawName.length + 2 && source.startsWith(rawName, at + 2);
    const name = isPlain ? rawName : source.slice(at + 2, end < 0 ? at + 2 : end).trim();
    if (end < 0 || rawName !== name) throw malformed(`</${name.slice(0, 80)}> closes nothing`);
    this.at = end + 1;
    this.leave(this.stack.pop()!);
  }

  private leave(closed: OpenElement): void {
    this.top = this.stack.at(-1) ?? null;
    this.scope = this.top ? this.top.tag.scope : this.outside;
    const { element, start, tag, height } = closed;
    if (this.top) this.top.height = Math.max(this.top.height, height + 1);
    if (tag.endTag === null) return;
    const text = this.textUpTo(tag.endTag, start);
    if (text?.length === this.at - start) remember(this.scope.properties, text, { element, height });
  }

  private openTag(): void {
    const start = this.at;
    const tag = this.tag();
    const known = tag.endTag === null ? null : this.knownProperties(start, tag.endTag);
    const children: XmlNode[] = [];
    const element = tag.empty ?? known ?? { name: tag.name, attributes: tag.attributes, children };
    if (this.top) this.top.children.push(element);
    else if (this.root) throw malformed("it has more than one root");
    else this.root = element;
    if (tag.empty || known) return;
    this.top = { element, children, tag, start, height: 0 };
    this.scope = tag.scope;
    this.stack.push(this.top);
    if (this.stack.length > this.nestingMax) {
      throw new PermanentError("convert.too_large", "The .docx nests elements deeper than allowed.", {
        limit: this.nestingMax,
      });
    }
  }

  /** The element that starts with this tag, if it is properties that were read before from the same text. */
  private knownProperties(start: number, endTag: string): XmlElement | null {
    const text = this.textUpTo(endTag, start);
    const known = text === null ? undefined : this.scope.properties.get(text);
    if (text === null || !known || this.stack.length + 1 + known.height > this.nestingMax) return null;
    if (this.top) this.top.height = Math.max(this.top.height, known.height + 1);
    this.at = start + text.length;
    return known.element;
  }

  /**
   * The text from there to the next such end tag; null if that is far away. It may end an inner element (properties hold
   * older properties of the same name): then the text is not the whole element, and was never remembered.
   */
  private textUpTo(endTag: string, start: number): string | null {
    let end = this.nextEnds.get(endTag) ?? -1;
    if (end < start) {
      const found = this.source.indexOf(endTag, start);
      end = found < 0 ? this.source.length : found;
      this.nextEnds.set(endTag, end);
    }
    const length = end + endTag.length - start;
    return length > PROPERTIES_LENGTH_MAX ? null : this.source.slice(start, start + length);
  }

  /** The tag here: one that was read before, or else read now. */
  private tag(): Tag {
    const { source, at, scope } = this;
    // A `>` may stand in an attribute: then the tag does not end here, and what ends here was never remembered.
    const end = source.indexOf(">", at) + 1;
    const written = source.slice(at, end);
    const known = scope.tags.get(written);
    if (known) {
      this.at = end;
      return known;
    }
    const tag = this.readTag();
    if (this.at === end) remember(scope.tags, written, tag);
    return tag;
  }

  private readTag(): Tag {
    const { source } = this;
    const nameEnd = endOfName(source, this.at + 1);
    const rawName = source.slice(this.at + 1, nameEnd);
    if (rawName === "") throw malformed("a tag has no name");
    this.at = nameEnd;
    const raw = this.attributes();
    const scope = declare(raw, this.scope);
    const name = qualify(rawName, scope, true);
    const attributes: Record<string, string> = {};
    for (const [own, value] of raw) {
      if (!own.startsWith("xmlns")) attributes[qualify(own, scope, false)] = value;
    }
    const isEmpty = source[this.at] === "/";
    this.at += isEmpty ? 2 : 1;
    const empty = isEmpty ? { name, attributes, children: [] } : null;
    const endTag = !isEmpty && PROPERTIES.has(name) ? `</${rawName}>` : null;
    return { rawName, name, attributes, empty, endTag, scope };
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
  let prefixes: Record<string, string> | null = null;
  for (const [name, uri] of raw) {
    if (name !== "xmlns" && !name.startsWith("xmlns:")) continue;
    prefixes ??= { ...outer.prefixes };
    const own = name === "xmlns" ? "" : name.slice(6);
    prefixes[own] = PREFIXES[uri] ?? own;
  }
  return prefixes ? new Scope(prefixes) : outer;
}

function qualify(rawName: string, { prefixes }: Scope, useDefault: boolean): string {
  const colon = rawName.indexOf(":");
  if (colon < 0) {
    const prefix = useDefault ? prefixes[""] : undefined;
    return prefix ? `${prefix}:${rawName}` : rawName;
  }
  const own = rawName.slice(0, colon);
  const prefix = prefixes[own] ?? own;
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
