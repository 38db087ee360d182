/**
 * Writes the blocks of a container (body, cell, note, text box) in mammoth's document model, plainer than Word has them.
 * Decides what each paragraph is, which ones belong together (list items, code lines, quotes, drop caps) and where lists
 * open and close; that nesting is carried through mammoth as HTML, because mammoth's own lists lose start numbers,
 * continued paragraphs and levels.
 */
import type { DocxContext } from "./context.ts";
import { chooseAlternate, type InlineReader } from "./inline.ts";
import { ListNesting } from "./list_nesting.ts";
import { type Block, type Inline, type Paragraph as ModelParagraph, paragraphOf, type StyleName } from "./model.ts";
import type { ListItem } from "./numbering.ts";
import { RunWriter } from "./run_writer.ts";
import { indentOf, type ParagraphRole, type ParagraphStyle } from "./styles.ts";
import { tableFrom } from "./tables.ts";
import { child, childValue, descendants, escapeXml, isElement, type XmlElement } from "./xml.ts";

const BOOKMARK: ReadonlySet<string> = new Set(["w:bookmarkStart"]);
const TRANSPARENT: ReadonlySet<string> = new Set([
  "w:ins",
  "w:moveTo",
  "w:smartTag",
  "w:customXml",
  "w:sdtContent",
  "w:subDoc",
]);

/** A paragraph as read, before it is decided where it goes. */
interface Paragraph {
  role: ParagraphRole;
  level: number;
  item: ListItem | null;
  indent: number | undefined;
  writer: RunWriter;
  content: Inline[];
  boxes: XmlElement[];
}

type Grouping = "code" | "quote" | null;

export class BlockWriter {
  private readonly out: Block[] = [];
  private readonly lists: ListNesting;
  private group: Grouping = null;
  private codeLines: string[] = [];
  /** A paragraph whose end mark was deleted, or a drop cap: its content belongs to the next paragraph. */
  private pending: RunWriter | null = null;
  private pendingBoxes: XmlElement[] = [];
  /** Text of the last paragraph: the caption of a table may stand there already. */
  private lastText = "";
  /** Names of the bookmarks since the last paragraph. */
  private bookmarks: string[] = [];

  constructor(
    private readonly context: DocxContext,
    private readonly inline: InlineReader,
  ) {
    this.lists = new ListNesting(context);
  }

  /** The container's blocks; it may be called once. */
  write(container: XmlElement): Block[] {
    this.blocks(container);
    if (this.pending) this.emit(this.paragraphFrom(this.pending, undefined, undefined));
    this.endGroup();
    this.out.push(...this.lists.closeAll());
    return this.out;
  }

  private blocks(container: XmlElement): void {
    for (const node of container.children) if (isElement(node)) this.block(node);
  }

  private block(node: XmlElement): void {
    switch (node.name) {
      case "w:p":
        this.paragraph(node);
        return;
      case "w:tbl":
        this.endGroup();
        this.out.push(...this.lists.closeAll(), ...tableFrom(node, this.context, this.inline, this.lastText));
        return;
      case "w:sdt": {
        const content = child(node, "w:sdtContent");
        if (content) this.blocks(content);
        return;
      }
      case "w:bookmarkStart":
        this.bookmarks.push(node.attributes["w:name"] ?? "");
        return;
      case "w:altChunk":
        this.endGroup();
        this.out.push(...this.lists.closeAll(), ...this.inline.chunk(node));
        return;
      case "mc:AlternateContent": {
        const chosen = chooseAlternate(node);
        if (chosen) this.blocks(chosen);
        return;
      }
      case "m:oMathPara":
      case "m:oMath":
      case "w:r":
      case "w:hyperlink":
        // Damaged files have inline content where blocks belong.
        this.paragraph({ name: "w:p", attributes: {}, children: [node] });
        return;
      default:
        if (TRANSPARENT.has(node.name)) this.blocks(node);
    }
  }

  private paragraph(node: XmlElement): void {
    const writer = this.pending ?? new RunWriter(this.context);
    const boxes = this.inline.read(node, writer);
    for (const mark of descendants(node, BOOKMARK)) this.bookmarks.push(mark.attributes["w:name"] ?? "");
    const properties = child(node, "w:pPr");
    if (this.isContinuedByNext(properties, writer)) {
      this.pending = writer;
      this.pendingBoxes.push(...boxes);
      return;
    }
    this.pending = null;
    const styleId = childValue(properties, "w:pStyle");
    const paragraph = this.paragraphFrom(writer, properties, styleId);
    paragraph.boxes = [...this.pendingBoxes.splice(0), ...boxes];
    this.emit(paragraph);
  }

  private isContinuedByNext(properties: XmlElement | undefined, writer: RunWriter): boolean {
    const mark = child(properties, "w:rPr");
    if (child(mark, "w:del") || child(mark, "w:moveFrom")) return true;
    return (
      child(properties, "w:framePr")?.attributes["w:dropCap"] !== undefined &&
      writer.plain.trim().length <= 3 &&
      writer.visible
    );
  }

  private paragraphFrom(writer: RunWriter, properties: XmlElement | undefined, styleId: string | undefined): Paragraph {
    const style = this.context.styles.paragraph(styleId);
    // An outline level of the paragraph's own says nothing: in real files phone numbers and table cells carry one.
    const { role, level } = style;
    const item = role === "heading" || role === "title" ? null : this.itemOf(properties, style, styleId);
    return {
      role,
      level,
      item,
      indent: indentOf(properties) ?? style.indent,
      writer,
      content: writer.finish(),
      boxes: [],
    };
  }

  private itemOf(
    properties: XmlElement | undefined,
    style: ParagraphStyle,
    styleId: string | undefined,
  ): ListItem | null {
    const own = child(properties, "w:numPr");
    const numId = childValue(own, "w:numId") ?? style.numId;
    // A style's own numbering finds its level by the style; a paragraph's own numbering states it.
    const level = childValue(own, "w:ilvl") ?? style.ilvl;
    return this.context.numbering.next(numId, level, styleId);
  }

  private emit(paragraph: Paragraph): void {
    const { writer, item, role } = paragraph;
    if (writer.visible) {
      const continued = item?.silent === true && this.continueItem(item.level);
      if (item && !item.silent) this.listItem(paragraph, item);
      else if (role === "code" || (role === "text" && writer.isAllCode)) this.codeLine(paragraph, continued);
      else this.plainParagraph(paragraph, continued);
      this.bookmarks = [];
      this.lastText = writer.plain;
    } else if (this.group === "code" && role === "code") this.codeLines.push("");
    for (const box of paragraph.boxes) this.box(box);
  }

  private listItem(paragraph: Paragraph, item: ListItem): void {
    this.endGroup();
    this.out.push(this.lists.openItem(item), paragraphOf(paragraph.content));
  }

  /** Says whether there is an item to go on with. */
  private continueItem(level: number): boolean {
    const closed = this.lists.backTo(level);
    if (closed && closed.length > 0) {
      this.endGroup();
      this.out.push(...closed);
    }
    return closed !== null;
  }

  private codeLine(paragraph: Paragraph, continued: boolean): void {
    if (this.group !== "code") {
      this.endGroup();
      if (!continued && !this.lists.continues(paragraph.indent, false)) this.out.push(...this.lists.closeAll());
      this.group = "code";
    }
    this.codeLines.push(paragraph.writer.plain.trimEnd());
  }

  private plainParagraph(paragraph: Paragraph, continued: boolean): void {
    const { role, level, content, writer } = paragraph;
    if (role !== "quote" || this.group !== "quote") this.endGroup();
    if (
      role === "heading" ||
      role === "title" ||
      !(continued || this.lists.continues(paragraph.indent, role === "continuation"))
    ) {
      this.out.push(...this.lists.closeAll());
    }
    if (role === "heading" || role === "title") this.context.addAnchors(this.bookmarks, writer.plain);
    if (role === "heading")
      this.out.push(paragraphOf(content, this.context.use(`H${Math.min(level, 6)}` as StyleName)));
    else if (role === "title") this.out.push(this.title(writer, content));
    else {
      if (role === "quote" && this.group !== "quote") {
        this.out.push(this.context.blockMarker("<blockquote>"));
        this.group = "quote";
      }
      this.out.push(paragraphOf(content));
    }
  }

  /** The first title at the very start is the document's heading; any other one is a paragraph. */
  private title(writer: RunWriter, content: Inline[]): ModelParagraph {
    const isFirst = this.context.title === null;
    this.context.title ??= writer.plain.replace(/\s+/g, " ").trim();
    return paragraphOf(content, isFirst && this.out.length === 0 ? this.context.use("H1") : null);
  }

  private endGroup(): void {
    if (this.group === "quote") this.out.push(this.context.blockMarker("</blockquote>"));
    if (this.group === "code") {
      while (this.codeLines.at(-1) === "") this.codeLines.pop();
      // A line end right behind <pre> is not part of the code for HTML.
      this.out.push(this.context.blockMarker(`<pre>\n${escapeXml(this.codeLines.join("\n"))}</pre>`));
      this.codeLines = [];
    }
    this.group = null;
  }

  private box(box: XmlElement): void {
    this.endGroup();
    for (const block of new BlockWriter(this.context, this.inline).write(box)) this.out.push(block);
  }
}
