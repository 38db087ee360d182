/**
 * Reads the style sheet and decides what a style means: a heading of some level, a title, code, a quote, a list item.
 * Meaning comes from the style's name, from its outline level, or from the style that it is based on, whichever is
 * nearest, so that a company's "Chapter" based on "heading 1" is a heading too.
 */
import { child, childrenOf, childValue, toggle, type XmlElement } from "./xml.ts";

export type ParagraphRole = "heading" | "title" | "code" | "quote" | "continuation" | "text";

export interface ParagraphStyle {
  role: ParagraphRole;
  /** 1 to 9, of headings. */
  level: number;
  /** Numbering that the style brings along. */
  numId: string | undefined;
  ilvl: string | undefined;
  indent: number | undefined;
}

export interface RunStyle {
  bold?: boolean;
  italic?: boolean;
  strike?: boolean;
  hidden?: boolean;
  code?: boolean;
  position?: "subscript" | "superscript";
  font?: string;
}

interface RawStyle {
  id: string;
  name: string;
  basedOn: string | undefined;
  element: XmlElement;
}

/**
 * Names of heading styles: Word writes its own in English whatever language it runs in; other programs and converted
 * documents carry localized ones.
 */
const HEADING_NAME =
  /^(?:heading|überschrift|titre|título|titulo|titolo|encabezado|cabeçalho|intestazione|kop|rubrik|overskrift|otsikko|nagłówek|nadpis|címsor|başlık|заголовок|επικεφαλίδα|כותרת|العنوان|标题|標題|見出し|제목)\s*(\d)$/u;
const TITLE_NAME = /^(?:title|titel|titre|título|titolo|название|标题|表題|제목)$/u;
const CODE_NAME =
  /^(?:source ?code|code|code ?block|codeblock|code ?snippet|code ?listing|listing|program ?listing|preformatted(?: text)?|html preformatted|html vorformatiert|plain code|verbatim|macro ?text|macro|console|command ?line|terminal)$/;
const QUOTE_NAME = /^(?:quote|intense quote|quotations?|block ?quote|block ?text|zitat|intensives zitat|citation)$/;
const CONTINUATION_NAME = /^(?:list paragraph|list continue(?: \d)?|listenabsatz|paragraphe de liste)$/;
const CODE_RUN_NAME =
  /^(?:verbatim ?char|source ?text|source ?code(?: char)?|code(?: char)?|inline ?code|html (?:code|keyboard|sample|typewriter|tt)|teletype|codezchn|html preformatted char|example)$/;
const MONOSPACE =
  /courier|consolas|\bmono\b|monospace|menlo|monaco|lucida console|andale|fixedsys|source code|fira code|cascadia|jetbrains|typewriter|terminal/i;

export function isMonospace(font: string | undefined): boolean {
  return font !== undefined && MONOSPACE.test(font);
}

const CHAIN_MAX = 20;

export class Styles {
  private readonly paragraphStyles = new Map<string, RawStyle>();
  private readonly characterStyles = new Map<string, RawStyle>();
  private readonly numberingStyles = new Map<string, XmlElement>();
  private readonly paragraphs = new Map<string, ParagraphStyle>();
  private readonly runs = new Map<string, RunStyle>();
  private defaultParagraph: string | undefined;
  /** Whether the body text itself is set in a monospaced font, so that it says nothing of a run. */
  readonly monospacedBody: boolean;
  /** BCP 47 language of the default run properties, if stated. */
  readonly language: string | undefined;

  constructor(root: XmlElement | undefined) {
    for (const element of childrenOf(root, "w:style")) this.add(element);
    const defaults = child(child(child(root, "w:docDefaults"), "w:rPrDefault"), "w:rPr");
    const normal = this.defaultParagraph === undefined ? undefined : this.paragraphStyles.get(this.defaultParagraph);
    const normalRun = child(normal?.element, "w:rPr");
    this.language = child(normalRun, "w:lang")?.attributes["w:val"] ?? child(defaults, "w:lang")?.attributes["w:val"];
    this.monospacedBody = isMonospace(fontOf(normalRun) ?? fontOf(defaults));
  }

  private add(element: XmlElement): void {
    const { "w:styleId": id, "w:type": type = "paragraph", "w:default": isDefault } = element.attributes;
    if (id === undefined) return;
    if (type === "numbering") this.numberingStyles.set(id, element);
    const styles = type === "paragraph" ? this.paragraphStyles : type === "character" ? this.characterStyles : null;
    if (!styles || styles.has(id)) return;
    const name = (childValue(element, "w:name") ?? id).toLowerCase().trim();
    styles.set(id, { id, name, basedOn: childValue(element, "w:basedOn"), element });
    if (type === "paragraph" && (isDefault === "1" || isDefault === "true")) this.defaultParagraph ??= id;
  }

  /** What a paragraph style means; the default paragraph style's meaning for undefined. */
  paragraph(id: string | undefined): ParagraphStyle {
    const wanted = id ?? this.defaultParagraph ?? "";
    let style = this.paragraphs.get(wanted);
    if (!style) {
      style = this.resolveParagraph(wanted);
      this.paragraphs.set(wanted, style);
    }
    return style;
  }

  run(id: string | undefined): RunStyle {
    if (id === undefined) return NO_RUN_STYLE;
    let style = this.runs.get(id);
    if (!style) {
      style = {};
      for (const raw of this.chain(this.characterStyles, id).reverse()) {
        Object.assign(style, readRunProperties(child(raw.element, "w:rPr")));
        if (CODE_RUN_NAME.test(raw.name)) style.code = true;
      }
      this.runs.set(id, style);
    }
    return style;
  }

  /** The numbering that a list style names. */
  numberingStyle(id: string): string | undefined {
    return childValue(child(child(this.numberingStyles.get(id), "w:pPr"), "w:numPr"), "w:numId");
  }

  private chain(styles: ReadonlyMap<string, RawStyle>, id: string): RawStyle[] {
    const chain: RawStyle[] = [];
    for (let raw = styles.get(id); raw && !chain.includes(raw) && chain.length < CHAIN_MAX; ) {
      chain.push(raw);
      raw = raw.basedOn === undefined ? undefined : styles.get(raw.basedOn);
    }
    return chain;
  }

  private resolveParagraph(id: string): ParagraphStyle {
    const chain = this.chain(this.paragraphStyles, id);
    const style: ParagraphStyle = { role: "text", level: 0, numId: undefined, ilvl: undefined, indent: undefined };
    // A style that the sheet does not define still says what it is by its id.
    if (chain.length === 0 && id !== "") Object.assign(style, roleOf(id.toLowerCase().replace(/(\d)$/, " $1")) ?? {});
    for (const raw of chain) {
      const properties = child(raw.element, "w:pPr");
      if (style.role === "text") Object.assign(style, roleOf(raw.name) ?? outlineRole(properties) ?? {});
      const numbering = child(properties, "w:numPr");
      style.numId ??= childValue(numbering, "w:numId");
      style.ilvl ??= childValue(numbering, "w:ilvl");
      style.indent ??= indentOf(properties);
    }
    return style;
  }
}

const NO_RUN_STYLE: RunStyle = {};

function roleOf(name: string): { role: ParagraphRole; level: number } | null {
  const heading = HEADING_NAME.exec(name);
  if (heading && heading[1] !== "0") return { role: "heading", level: Number(heading[1]) };
  if (TITLE_NAME.test(name)) return { role: "title", level: 0 };
  if (CODE_NAME.test(name)) return { role: "code", level: 0 };
  if (QUOTE_NAME.test(name)) return { role: "quote", level: 0 };
  return CONTINUATION_NAME.test(name) ? { role: "continuation", level: 0 } : null;
}

/** Outline levels 0 to 8 are headings; 9 is Word's way to say "body text". */
function outlineRole(properties: XmlElement | undefined): { role: ParagraphRole; level: number } | null {
  const value = childValue(properties, "w:outlineLvl");
  return value !== undefined && /^[0-8]$/.test(value) ? { role: "heading", level: Number(value) + 1 } : null;
}

/** Left indent in twentieths of a point. */
export function indentOf(properties: XmlElement | undefined): number | undefined {
  const attributes = child(properties, "w:ind")?.attributes;
  const value = Number.parseInt(attributes?.["w:left"] ?? attributes?.["w:start"] ?? "", 10);
  return Number.isNaN(value) ? undefined : value;
}

function fontOf(properties: XmlElement | undefined): string | undefined {
  const fonts = child(properties, "w:rFonts")?.attributes;
  return fonts?.["w:ascii"] ?? fonts?.["w:hAnsi"];
}

/** What run properties state; what they do not mention is left out. */
export function readRunProperties(properties: XmlElement | undefined): RunStyle {
  if (!properties) return NO_RUN_STYLE;
  const style: RunStyle = {};
  const bold = toggle(properties, "w:b");
  const italic = toggle(properties, "w:i");
  const strike = toggle(properties, "w:strike") ?? toggle(properties, "w:dstrike");
  const hidden = toggle(properties, "w:vanish");
  if (bold !== undefined) style.bold = bold;
  if (italic !== undefined) style.italic = italic;
  if (strike !== undefined) style.strike = strike;
  if (hidden !== undefined) style.hidden = hidden;
  const position = childValue(properties, "w:vertAlign");
  if (position === "subscript" || position === "superscript") style.position = position;
  const font = fontOf(properties);
  if (font !== undefined) style.font = font;
  return style;
}
