/**
 * Builds the neutral tree while the HTML is walked: collects inline pieces, ends a block where HTML ends one, and keeps
 * the grammar that the Markdown rules rely on. Lists hold items only, containers hold blocks only, a table cell holds
 * one line. Inside table cells and headings, where Markdown allows no blocks, block ends become breaks or blanks.
 */
import { buildInline, CODE, type Link, type Piece, STRONG } from "./inline_run.ts";
import { type Attributes, type BlockName, NeutralNode } from "./neutral.ts";

/** Structure nested deeper than this is flattened: readers cannot follow it, and rules recurse. */
const STRUCTURE_DEPTH_MAX = 128;
/** Between two breaks in a row a new paragraph begins: web pages and mails write paragraphs so. */
const PARAGRAPH_BREAKS = 2;

export class BlockBuilder {
  /** The root is called PRE, so that turndown leaves whitespace alone: it has been decided here. */
  readonly root = NeutralNode.element("PRE");
  marks = 0;
  link: Link | null = null;
  /** Whether structure was flattened. */
  flattened = false;

  private container = this.root;
  private readonly outer: (NeutralNode | null)[] = [];
  private pieces: Piece[] = [];
  private heading = 0;
  /** The one-line content of the innermost real table cell, and the cells around the current point. */
  private cell: Piece[] | null = null;
  private itemPrefix = "";

  get inCell(): boolean {
    return this.cell !== null;
  }

  get inHeading(): boolean {
    return this.heading > 0;
  }

  /** The current item, if nothing of it was written yet. */
  get freshItem(): NeutralNode | null {
    const fresh = this.container.nodeName === "LI" && this.container.firstChild === null && !this.hasText();
    return fresh && !this.inCell ? this.container : null;
  }

  private hasText(): boolean {
    return this.pieces.some((piece) => piece.kind !== "text" || piece.text.trim() !== "");
  }

  text(text: string, marks = this.marks): void {
    if (text !== "") this.pieces.push({ kind: "text", text, marks, link: this.link });
  }

  lineBreak(): void {
    this.pieces.push({ kind: "break", text: "", marks: 0, link: null });
  }

  /** An image, or a reference to a footnote. */
  atom(kind: "image" | "note", node: NeutralNode): void {
    this.pieces.push({
      kind,
      text: "",
      marks: kind === "image" ? this.marks & ~CODE : 0,
      link: kind === "image" ? this.link : null,
      node,
    });
  }

  /** Ends the current paragraph, if there is one. */
  flush(): void {
    if (this.pieces.length === 0) return;
    if (this.inHeading) {
      this.text(" ", 0);
      return;
    }
    const item = this.freshText;
    if (item) takeTask(item.first, item.node);
    const pieces = this.pieces;
    this.pieces = [];
    if (this.cell) this.flushIntoCell(this.cell, pieces);
    else for (const paragraph of splitParagraphs(pieces)) this.appendInline("P", paragraph);
  }

  /** The current item and its first text, if that is about to become the item's first paragraph. */
  private get freshText(): { node: NeutralNode; first: Piece } | null {
    const node = this.container;
    if (this.inCell || node.nodeName !== "LI" || node.firstChild || node.attributes.task) return null;
    const first = this.pieces.find((piece) => piece.kind !== "text" || piece.text.trim() !== "");
    return first?.kind === "text" ? { node, first } : null;
  }

  private flushIntoCell(cell: Piece[], pieces: Piece[]): void {
    if (pieces.every((piece) => piece.kind === "break" || (piece.kind === "text" && piece.text.trim() === ""))) return;
    if (cell.length > 0) cell.push({ kind: "break", text: "", marks: 0, link: null });
    if (this.itemPrefix) cell.push({ kind: "text", text: this.itemPrefix, marks: 0, link: null });
    this.itemPrefix = "";
    for (const piece of pieces) cell.push(piece);
  }

  private appendInline(name: BlockName, pieces: Piece[]): void {
    const isHeading = name !== "P";
    const nodes = buildInline(pieces, isHeading ? { breaks: "blank", withoutMarks: STRONG } : { breaks: "hard" });
    if (nodes.length === 0) return;
    const block = NeutralNode.element(name);
    for (const node of nodes) block.append(node);
    this.append(block);
  }

  /** Appends a finished block; what stands directly in a list belongs to the item before it. */
  append(block: NeutralNode): void {
    let target = this.container;
    const isList = block.nodeName === "UL" || block.nodeName === "OL";
    if ((target.nodeName === "UL" || target.nodeName === "OL") && block.nodeName !== "LI") {
      const last = target.lastChild ?? target.append(NeutralNode.element("LI", numberOf(target, undefined)));
      target = last;
    }
    if (isList && target.lastChild?.nodeName === block.nodeName) {
      block.attributes.alternate = !target.lastChild.attributes.alternate;
    }
    target.append(block);
  }

  /** Opens a container. In cells and headings, and below the deepest level, it is only remembered. */
  open(name: BlockName, attributes: Attributes = {}): void {
    this.flush();
    const tooDeep = this.outer.length >= STRUCTURE_DEPTH_MAX;
    if (tooDeep && !this.flattened) this.flattened = true;
    if (tooDeep || this.inCell || this.inHeading) {
      this.outer.push(null);
      return;
    }
    this.outer.push(this.container);
    this.container = NeutralNode.element(name, attributes);
  }

  /** Closes what `open` opened; empty containers vanish. */
  close(): void {
    this.flush();
    const outer = this.outer.pop();
    if (!outer) return;
    const done = this.container;
    this.container = outer;
    if (done.nodeName === "UL" || done.nodeName === "OL") done.attributes.loose = done.childNodes.some(isLooseItem);
    if (done.firstChild) this.append(done);
  }

  /** Opens a list item; `value` is its own number, if it states one. Returns how to close it. */
  openItem(value: number | undefined): () => void {
    if (this.inCell || this.inHeading) {
      this.flush();
      this.itemPrefix = "- ";
      return () => {
        this.flush();
        this.itemPrefix = "";
      };
    }
    const inList = this.container.nodeName === "UL" || this.container.nodeName === "OL";
    if (!inList) this.open("UL");
    this.open("LI", inList ? numberOf(this.container, value) : {});
    return () => {
      this.close();
      if (!inList) this.close();
    };
  }

  openHeading(level: number): () => void {
    if (this.inHeading) return () => this.flush();
    this.flush();
    if (this.inCell) {
      const marks = this.marks;
      this.marks |= STRONG;
      return () => {
        this.flush();
        this.marks = marks;
      };
    }
    this.heading = level;
    return () => {
      const pieces = this.pieces;
      this.pieces = [];
      this.heading = 0;
      this.appendInline(`H${level}` as BlockName, pieces);
    };
  }

  /** Opens a cell of a row. Cells of tables in cells are text of the outer cell. */
  openCell(row: NeutralNode | null, attributes: Attributes): () => void {
    if (!row || this.inCell || this.inHeading) {
      return () => this.text("  ", 0);
    }
    this.flush();
    const cell: Piece[] = [];
    this.cell = cell;
    return () => {
      this.flush();
      this.cell = null;
      const node = NeutralNode.element("TD", attributes);
      for (const child of buildInline(cell, { breaks: "tag" })) node.append(child);
      row.append(node);
    };
  }

  /** A code block, verbatim; in a table cell one code span per line. */
  code(code: string, language: string): void {
    this.flush();
    if (code.trim() === "") return;
    if (this.inCell || this.inHeading) {
      for (const [index, line] of code.replace(/\n$/, "").split("\n").entries()) {
        if (index > 0) this.lineBreak();
        if (line.trim() !== "") this.text(line, CODE);
      }
      this.flush();
      return;
    }
    const block = NeutralNode.element("PRE", { language });
    block.append(NeutralNode.text(code));
    this.append(block);
  }

  rule(): void {
    this.flush();
    if (!this.inCell && !this.inHeading) this.append(NeutralNode.element("HR"));
  }

  /** Writes blocks into a node outside the tree until the returned function is called. */
  detour(name: BlockName, attributes: Attributes): { node: NeutralNode; end: () => void } {
    this.flush();
    const saved = { container: this.container, cell: this.cell, heading: this.heading, pieces: this.pieces };
    const node = NeutralNode.element(name, attributes);
    [this.container, this.cell, this.heading, this.pieces] = [node, null, 0, []];
    return {
      node,
      end: () => {
        this.flush();
        [this.container, this.cell, this.heading, this.pieces] = [
          saved.container,
          saved.cell,
          saved.heading,
          saved.pieces,
        ];
      },
    };
  }
}

function numberOf(list: NeutralNode, value: number | undefined): Attributes {
  if (list.nodeName !== "OL") return {};
  const last = list.lastChild?.attributes.number;
  return { number: value ?? (last === undefined ? (list.attributes.start ?? 1) : last + 1) };
}

/** Word processors and wikis write tasks with box characters. */
function takeTask(first: Piece, item: NeutralNode): void {
  const box = /^\s*([☐☑☒])[\ufe0e\ufe0f]?(?:\s+|$)/u.exec(first.text);
  if (!box) return;
  item.attributes.task = box[1] === "☐" ? "open" : "done";
  first.text = first.text.slice(box[0].length);
}

/** More than one paragraph, or anything but lists after it, needs blank lines. */
function isLooseItem(item: NeutralNode): boolean {
  return item.childNodes.some((block, index) => index > 0 && block.nodeName !== "UL" && block.nodeName !== "OL");
}

function splitParagraphs(pieces: Piece[]): Piece[][] {
  const paragraphs: Piece[][] = [];
  let current: Piece[] = [];
  let breaks: Piece[] = [];
  for (const piece of pieces) {
    if (piece.kind === "break") {
      breaks.push(piece);
      continue;
    }
    const blank = piece.kind === "text" && piece.text.trim() === "";
    if (blank && breaks.length > 0) continue;
    if (breaks.length >= PARAGRAPH_BREAKS) {
      paragraphs.push(current);
      current = [];
    } else for (const one of breaks) current.push(one);
    breaks = [];
    current.push(piece);
  }
  paragraphs.push(current);
  return paragraphs;
}
