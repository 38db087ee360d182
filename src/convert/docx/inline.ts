/**
 * Reads the inline content of paragraphs: runs, links, fields, notes, symbols, tracked changes, formulas. Decides what a
 * reader sees (insertions yes, deletions and hidden text no) and hands everything to a RunWriter in a form that mammoth
 * does not lose.
 */
import { declaredCharset, decodeText } from "../charset.ts";
import type { DocxContext } from "./context.ts";
import { type Drawing, drawingOf } from "./drawing.ts";
import { FieldTracker, type LinkTarget, parseHyperlink } from "./fields.ts";
import { texOf } from "./math.ts";
import { type Look, noteReference, type Paragraph, PLAIN, type Text } from "./model.ts";
import type { Relations } from "./package.ts";
import type { RunWriter } from "./run_writer.ts";
import { isMonospace, readRunProperties } from "./styles.ts";
import { child, childValue, escapeXml, isElement, textOf, type XmlElement } from "./xml.ts";

/** Elements that change nothing for the reader: their content stands in their place. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  "w:ins",
  "w:moveTo",
  "w:smartTag",
  "w:customXml",
  "w:sdtContent",
  "w:dir",
  "w:bdo",
  "w:subDoc",
  "w:rubyBase",
  "w:conflictIns",
  "w14:conflictIns",
]);

interface ReadLook {
  readonly look: Look;
  readonly font: string | undefined;
  readonly hidden: boolean;
}

/** A character of a picture font. */
export interface FontSymbol {
  font: string;
  /** Four hexadecimal digits or more. */
  char: string;
  /** Where to put what it shows. */
  text: Text;
}

/** Fonts whose characters are pictures; mammoth knows what they show. */
const DINGBATS = /^(?:symbol|wingdings(?: [23])?|webdings)$/i;

export class InlineReader {
  /** Symbols of picture fonts, whose text mammoth fills in: it knows what they show. */
  readonly symbols: FontSymbol[] = [];
  private readonly fields = new FieldTracker();
  /** By the run's properties, which the parser gives the same object wherever they are written alike. */
  private readonly looks = new Map<XmlElement | undefined, ReadLook>();
  private fieldLinkOpen = false;

  constructor(
    private readonly context: DocxContext,
    private readonly relations: Relations,
  ) {}

  /** Reads a paragraph's content. Returns the text boxes and other blocks that were anchored in it. */
  read(paragraph: XmlElement, writer: RunWriter): XmlElement[] {
    const boxes: XmlElement[] = [];
    this.fields.beginParagraph();
    this.syncFieldLink(writer);
    this.children(paragraph, writer, boxes);
    if (this.fieldLinkOpen) writer.closeLink();
    this.fieldLinkOpen = false;
    return boxes;
  }

  /** The content of a file that the document embeds as a whole (`w:altChunk`), if it is one that we read. */
  chunk(node: XmlElement): Paragraph[] {
    const relation = this.relations.get(node.attributes["r:id"] ?? "");
    const bytes = relation && !relation.external ? this.context.container.bytes(relation.target) : null;
    const html = bytes === null ? null : chunkHtml(relation!.target, bytes);
    if (html === null) {
      this.context.warn("chunk_skipped", "An embedded file of a type that is not read was left out.");
      return [];
    }
    return [this.context.blockMarker(`<div>${html}</div>`)];
  }

  private children(element: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    for (const node of element.children) if (isElement(node)) this.element(node, writer, boxes);
  }

  private element(node: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    switch (node.name) {
      case "w:r":
        this.run(node, writer, boxes);
        return;
      case "w:hyperlink":
        this.link(this.targetOf(node), node, writer, boxes);
        return;
      case "w:fldSimple":
        this.link(parseHyperlink(node.attributes["w:instr"] ?? ""), node, writer, boxes);
        return;
      case "w:sdt":
        this.contentControl(node, writer, boxes);
        return;
      case "m:oMath":
      case "m:oMathPara":
        this.formula(node, writer);
        return;
      case "mc:AlternateContent": {
        const chosen = chooseAlternate(node);
        if (chosen) this.children(chosen, writer, boxes);
        return;
      }
      default:
        if (TRANSPARENT.has(node.name)) this.children(node, writer, boxes);
    }
  }

  private contentControl(node: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    const box = child(child(node, "w:sdtPr"), "w14:checkbox");
    if (box) {
      const value = child(box, "w14:checked")?.attributes["w14:val"] ?? "0";
      writer.text(value === "1" || value === "true" ? "☒" : "☐", PLAIN);
      return;
    }
    const content = child(node, "w:sdtContent");
    if (content) this.children(content, writer, boxes);
  }

  private formula(node: XmlElement, writer: RunWriter): void {
    const tex = texOf(node);
    if (tex !== "") writer.html(`<code>${escapeXml(tex)}</code>`, tex);
  }

  private targetOf(node: XmlElement): LinkTarget | null {
    const relation = this.relations.get(node.attributes["r:id"] ?? "");
    const anchor = node.attributes["w:anchor"];
    const target: LinkTarget = {};
    if (relation) target.url = relation.target;
    if (anchor !== undefined) target.anchor = anchor;
    return target.url === undefined && anchor === undefined ? null : target;
  }

  private link(target: LinkTarget | null, node: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    const opened = target !== null && writer.openLink(inOneAddress(target));
    this.children(node, writer, boxes);
    if (opened) writer.closeLink();
  }

  /** Opens or closes the link of a field, so that the writer's state follows the tracker's. */
  private syncFieldLink(writer: RunWriter): void {
    const target = this.fields.link;
    if (target && !this.fieldLinkOpen) this.fieldLinkOpen = writer.openLink(inOneAddress(target));
    else if (!target && this.fieldLinkOpen) {
      writer.closeLink();
      this.fieldLinkOpen = false;
    }
  }

  private lookOf(run: XmlElement): ReadLook {
    const properties = child(run, "w:rPr");
    let look = this.looks.get(properties);
    if (!look) {
      look = this.readLook(properties);
      this.looks.set(properties, look);
    }
    return look;
  }

  private readLook(properties: XmlElement | undefined): ReadLook {
    const style = this.context.styles.run(childValue(properties, "w:rStyle"));
    const own = readRunProperties(properties);
    const font = own.font ?? style.font;
    const code = style.code === true || (isMonospace(font) && !this.context.styles.monospacedBody);
    const look: Look = {
      bold: own.bold ?? style.bold ?? false,
      italic: own.italic ?? style.italic ?? false,
      strike: own.strike ?? style.strike ?? false,
      code,
      position: own.position ?? style.position,
    };
    return { look, font, hidden: own.hidden ?? style.hidden ?? false };
  }

  private run(run: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    const { look, font, hidden } = this.lookOf(run);
    for (const node of run.children) {
      if (!isElement(node)) continue;
      if (node.name === "w:fldChar") {
        const shown = this.fields.mark(node);
        if (shown !== "") writer.text(shown, look);
        this.syncFieldLink(writer);
      } else if (node.name === "w:instrText") this.fields.instruction(textOf(node));
      else if (!hidden && !this.fields.inInstruction) this.content(node, writer, look, font, boxes);
    }
  }

  private content(
    node: XmlElement,
    writer: RunWriter,
    look: Look,
    font: string | undefined,
    boxes: XmlElement[],
  ): void {
    switch (node.name) {
      case "w:t":
        this.fields.seen();
        this.text(textOf(node), writer, look, font);
        return;
      case "w:tab":
      case "w:ptab":
        writer.blank("tab", look);
        return;
      case "w:br":
      case "w:cr":
        writer.blank("break", look);
        return;
      case "w:noBreakHyphen":
        writer.text("\u2011", look);
        return;
      case "w:softHyphen":
        writer.text("\u00ad", look);
        return;
      case "w:sym":
        this.symbol(node, writer, look);
        return;
      case "w:footnoteReference":
      case "w:endnoteReference":
        this.note(node, writer);
        return;
      case "w:drawing":
      case "w:pict":
      case "w:object":
        this.drawing(drawingOf(node, this.relations, this.context), writer, boxes);
        return;
      case "mc:AlternateContent": {
        const chosen = chooseAlternate(node);
        for (const inner of chosen?.children ?? [])
          if (isElement(inner)) this.content(inner, writer, look, font, boxes);
        return;
      }
      case "w:ruby":
        this.ruby(node, writer, boxes);
        return;
      case "m:oMath":
        this.formula(node, writer);
        return;
    }
  }

  private text(text: string, writer: RunWriter, look: Look, font: string | undefined): void {
    if (font === undefined || !DINGBATS.test(font) || !/[\uf000-\uf0ff]/.test(text)) {
      writer.text(text, look);
      return;
    }
    for (const char of text) {
      const code = char.codePointAt(0)!;
      if (code < 0xf000 || code > 0xf0ff) writer.text(char, look);
      else writer.sign(look, this.symbolText(font, code.toString(16)));
    }
  }

  private symbol(node: XmlElement, writer: RunWriter, look: Look): void {
    const font = node.attributes["w:font"] ?? "";
    const char = node.attributes["w:char"] ?? "";
    if (!/^[0-9a-f]{1,6}$/i.test(char)) return;
    if (DINGBATS.test(font)) {
      writer.sign(look, this.symbolText(font, char));
      return;
    }
    const code = Number.parseInt(char, 16);
    if (code >= 0xe000 && code <= 0xf8ff)
      this.context.warn("symbol_unknown", `A symbol of the font ${font} has no character of its own and was left out.`);
    else if (code <= 0x10ffff) writer.text(String.fromCodePoint(code), look);
  }

  private symbolText(font: string, char: string): Text {
    const text: Text = { type: "text", value: "" };
    this.symbols.push({ font, char: char.toUpperCase().padStart(4, "0"), text });
    return text;
  }

  private note(node: XmlElement, writer: RunWriter): void {
    const id = node.attributes["w:id"] ?? "";
    const kind = node.name === "w:footnoteReference" ? "footnote" : "endnote";
    const known = kind === "footnote" ? this.context.footnotes : this.context.endnotes;
    if (known.has(id)) writer.sign(PLAIN, noteReference(kind, id));
  }

  private ruby(node: XmlElement, writer: RunWriter, boxes: XmlElement[]): void {
    const base = child(node, "w:rubyBase");
    const reading = child(node, "w:rt");
    if (base) this.children(base, writer, boxes);
    if (!reading) return;
    writer.text("(", PLAIN);
    this.children(reading, writer, boxes);
    writer.text(")", PLAIN);
  }

  private drawing(drawing: Drawing, writer: RunWriter, boxes: XmlElement[]): void {
    for (const html of drawing.images) writer.html(html);
    for (const box of drawing.boxes) boxes.push(box);
  }
}

/** HTML of an embedded file, or null. */
function chunkHtml(name: string, bytes: Uint8Array): string | null {
  const { text } = decodeText(bytes, declaredCharset(bytes));
  if (/<(?:html|body|p|div|table)\b/i.test(text.slice(0, 4096)) && !/^\s*MIME-Version/i.test(text)) {
    return text.replace(/^[\s\S]*?<body\b[^<>]*>/i, "").replace(/<\/body\s*>[\s\S]*$/i, "");
  }
  return /\.te?xt$/i.test(name)
    ? text
        .split(/\r?\n/)
        .map((line) => `<p>${escapeXml(line)}</p>`)
        .join("")
    : null;
}

/** A bookmark inside another document is the fragment of its address. */
function inOneAddress(target: LinkTarget): LinkTarget {
  const { url, anchor } = target;
  return url === undefined || anchor === undefined ? target : { url: `${url.replace(/#.*$/s, "")}#${anchor}` };
}

/** Of the same content in a newer and an older form, the newer one if it is of a kind that we read. */
export function chooseAlternate(node: XmlElement): XmlElement | undefined {
  for (const choice of node.children) {
    if (!isElement(choice) || choice.name !== "mc:Choice") continue;
    const required = choice.attributes.Requires ?? "";
    if (
      /^(?:(?:wps|wpg|wpc|wp14|w14|w15|w16\w*|a14|c14|cx\d?|am3d|v|aink|wp15|dgm\d*)\s*)*$/.test(required) &&
      choice.children.length > 0
    )
      return choice;
  }
  return child(node, "mc:Fallback");
}
