/**
 * Reads storage format into a tree. A well-formed page is taken by its word; any other is read the way browsers read
 * HTML, so that damaged markup costs structure but never text: end tags close what they can, `<li>`, `<td>` or `<p>` end
 * the one before, void elements need no end. Elements nested too deep dissolve into their text.
 */
import { scanXml, withoutControls, type XmlAttributes, type XmlSink } from "./scan_xml.ts";

export interface XmlElement {
  /** In lower case, with its prefix: `ac:link`. A CDATA section is an element of the name CDATA. */
  name: string;
  attributes: XmlAttributes;
  children: XmlNode[];
}
export type XmlNode = XmlElement | string;

export const CDATA = "#cdata";

export interface XmlTree {
  nodes: XmlNode[];
  /** The markup was not well-formed; the tree is a best guess. */
  repaired: boolean;
  /** Elements nested too deep lost their tags. */
  flattened: boolean;
}

/** Reads a whole page or fragment. Never throws; time and depth are bounded. */
export function readXml(source: string, nestingMax: number): XmlTree {
  const clean = withoutControls(source);
  const strict = new TreeSink(nestingMax, false);
  if (scanXml(clean, strict, true) && strict.wellFormed) {
    return { nodes: strict.nodes, repaired: false, flattened: strict.flattened };
  }
  const lenient = new TreeSink(nestingMax, true);
  scanXml(clean, lenient, false);
  return { nodes: lenient.nodes, repaired: true, flattened: lenient.flattened };
}

const VOID: ReadonlySet<string> = new Set([
  ..."area base br col embed hr img input link meta source track wbr".split(" "),
]);
const INLINE: ReadonlySet<string> = new Set([
  ..."a abbr b big cite code del em font i ins kbd mark s small span strike strong sub sup tt u var".split(" "),
  "ac:inline-comment-marker",
]);
/** Start tags that end an open paragraph. */
const ENDS_PARAGRAPH =
  /^(?:p|h[1-6]|ul|ol|dl|table|blockquote|pre|hr|div|ac:task-list|ac:layout.*|ac:rich-text-body|ac:plain-text-body)$/;
/** Start tag → the elements that it ends, unless one of the barriers is open inside them. */
const ENDS: ReadonlyMap<string, { ends: readonly string[]; barriers: readonly string[] }> = new Map(
  Object.entries({
    li: { ends: ["li"], barriers: ["ul", "ol", "td", "th", "ac:rich-text-body", "ac:task-body"] },
    dt: { ends: ["dt", "dd"], barriers: ["dl"] },
    dd: { ends: ["dt", "dd"], barriers: ["dl"] },
    td: { ends: ["td", "th"], barriers: ["tr", "table"] },
    th: { ends: ["td", "th"], barriers: ["tr", "table"] },
    tr: { ends: ["tr"], barriers: ["table"] },
    thead: { ends: ["thead", "tbody", "tfoot"], barriers: ["table"] },
    tbody: { ends: ["thead", "tbody", "tfoot"], barriers: ["table"] },
    tfoot: { ends: ["thead", "tbody", "tfoot"], barriers: ["table"] },
    "ac:task": { ends: ["ac:task"], barriers: ["ac:task-list", "ac:task-body"] },
    "ac:parameter": { ends: ["ac:parameter"], barriers: ["ac:structured-macro", "ac:macro"] },
    "ac:rich-text-body": { ends: ["ac:parameter"], barriers: ["ac:structured-macro", "ac:macro"] },
    "ac:plain-text-body": { ends: ["ac:parameter"], barriers: ["ac:structured-macro", "ac:macro"] },
  }),
);
/** An end tag of inline text or a paragraph does not reach out of these. */
const CONTAINERS = ["td", "th", "ac:rich-text-body", "ac:task-body", "ac:layout-cell", "ac:caption"] as const;

class TreeSink implements XmlSink {
  readonly nodes: XmlNode[] = [];
  flattened = false;
  private crossed = false;
  private readonly names: string[] = [];
  /** Where the content of the open element of the same index goes. */
  private readonly contents: XmlNode[][] = [];
  /** Name → indices of its open elements. */
  private readonly places = new Map<string, number[]>();
  /** Indices of open elements that are neither inline nor paragraphs. */
  private readonly structural: number[] = [];

  constructor(
    private readonly nestingMax: number,
    private readonly lenient: boolean,
  ) {}

  get wellFormed(): boolean {
    return !this.crossed && this.names.length === 0;
  }

  text(text: string): void {
    if (text === "") return;
    if (this.lenient && /\S/.test(text)) this.endResources();
    const { content } = this;
    const last = content.length - 1;
    if (typeof content[last] === "string") content[last] += text;
    else content.push(text);
  }

  cdata(text: string): void {
    this.content.push({ name: CDATA, attributes: {}, children: [text] });
  }

  open(name: string, attributes: XmlAttributes, empty: boolean): void {
    if (this.lenient) this.endImplied(name);
    const children: XmlNode[] = [];
    if (this.names.length < this.nestingMax) this.content.push({ name, attributes, children });
    else this.flattened = true;
    if (empty || (this.lenient && VOID.has(name))) return;
    // The tags of what is nested too deep are gone, its text stays with the last element that counts.
    this.contents.push(this.names.length < this.nestingMax ? children : this.content);
    const index = this.names.push(name) - 1;
    const places = this.places.get(name);
    if (places) places.push(index);
    else this.places.set(name, [index]);
    if (!INLINE.has(name) && name !== "p") this.structural.push(index);
  }

  close(name: string): void {
    if (!this.lenient) {
      if (this.names.at(-1) === name) this.closeFrom(this.names.length - 1);
      else this.crossed = true;
      return;
    }
    const index = this.last(name);
    if (index < 0) return;
    if ((INLINE.has(name) || name === "p") && index < this.lastOf(CONTAINERS)) return;
    this.closeFrom(index);
  }

  private get content(): XmlNode[] {
    return this.contents.at(-1) ?? this.nodes;
  }

  private last(name: string): number {
    return this.places.get(name)?.at(-1) ?? -1;
  }

  private lastOf(names: readonly string[]): number {
    let last = -1;
    for (const name of names) last = Math.max(last, this.last(name));
    return last;
  }

  private closeFrom(index: number): void {
    while (this.names.length > index) {
      this.places.get(this.names.pop()!)!.pop();
      this.contents.pop();
    }
    while ((this.structural.at(-1) ?? -1) >= index) this.structural.pop();
  }

  private endImplied(name: string): void {
    if (!name.startsWith("ri:")) this.endResources();
    const rule = ENDS.get(name);
    if (rule) {
      const index = this.lastOf(rule.ends);
      if (index > this.lastOf(rule.barriers)) this.closeFrom(index);
    }
    if (ENDS_PARAGRAPH.test(name)) {
      const index = this.last("p");
      if (index > (this.structural.at(-1) ?? -1)) this.closeFrom(index);
    }
  }

  /** Resource identifiers hold nothing but each other: an unclosed one must not swallow what follows. */
  private endResources(): void {
    let index = this.names.length;
    while (index > 0 && this.names[index - 1]!.startsWith("ri:")) index--;
    if (index < this.names.length) this.closeFrom(index);
  }
}

export function isElement(node: XmlNode | undefined, name?: string): node is XmlElement {
  return typeof node === "object" && (name === undefined || node.name === name);
}

/** The first child element of this name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((node): node is XmlElement => isElement(node, name));
}

/** All text inside, in order; `<br>` is a line end. */
export function textOf(nodes: readonly XmlNode[]): string {
  let text = "";
  for (const node of nodes) text += typeof node === "string" ? node : node.name === "br" ? "\n" : textOf(node.children);
  return text;
}
