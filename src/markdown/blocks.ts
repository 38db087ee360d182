/**
 * Reads normalised Markdown (LF line ends) into top-level blocks with exact character offsets. Only the block rules of
 * markdown-it run: inline parsing costs about five times as much and the chunker never needs it. markdown-it states
 * where a block is as a line range, so a table of line starts turns lines into offsets. What one parse finds (blocks,
 * where inline text and raw HTML stand, link reference definitions) is shared by the chunker and the link extractor.
 */
import MarkdownIt, { type Token } from "markdown-it";

export type BlockKind =
  | "heading"
  | "paragraph"
  | "list"
  | "item"
  | "table"
  | "code"
  | "quote"
  | "html"
  | "hr"
  | "definition"
  | "footnote";

/** Where the parts of a GFM table are: offsets of the row starts, without header and delimiter row. */
export interface TableShape {
  /** End of the delimiter row, without its line end. */
  headerEnd: number;
  rowStarts: number[];
}

/** A fenced code block. An indented one has no fence. */
export interface Fence {
  /** The run of backticks or tildes as written. */
  marker: string;
  /** Info string, trimmed; its first word is the language. */
  info: string;
  /** Line that follows the last line of code; equals `lineEnd` when the fence is never closed. */
  bodyLineEnd: number;
}

/** Offsets count UTF-16 units, ends are exclusive and leave out trailing white space; `lineEnd` is exclusive too. */
export interface Block {
  kind: BlockKind;
  charStart: number;
  charEnd: number;
  lineStart: number;
  lineEnd: number;
  /** 1 to 6 for a heading, else 0. */
  level: number;
  /** Inline source of a heading, else "". */
  heading: string;
  /** Items of a list; blocks inside an item or a quote. Their offsets start at a line start, markers included. */
  children: Block[];
  table: TableShape | null;
  fence: Fence | null;
}

/** A stretch of source that holds inline Markdown, a table of it, or raw HTML of block level. */
export interface Leaf {
  kind: "inline" | "table" | "html";
  charStart: number;
  charEnd: number;
}

export interface Reference {
  href: string;
  title: string;
}

export interface ParsedMarkdown {
  markdown: string;
  /** Top-level blocks in order; every line that is not blank belongs to one. */
  blocks: Block[];
  leaves: Leaf[];
  /** Link reference definitions by normalised label (`normalizeLabel`), the first of equal labels wins. */
  references: Map<string, Reference>;
  /** Offset of each line's first character. */
  lineStarts: number[];
}

const parser = new MarkdownIt({ html: true });
// Reference targets stay as they are written, as those of inline links do: resolving them is another step's work.
parser.normalizeLink = (url) => url;
parser.validateLink = () => true;

/** The form under which CommonMark compares link labels. */
export function normalizeLabel(label: string): string {
  return parser.utils.normalizeReference(label);
}

/** Reads Markdown into blocks. Never throws; nesting past markdown-it's limit (100) stays unparsed inside its block. */
export function parseMarkdown(markdown: string): ParsedMarkdown {
  const tokens: Token[] = [];
  const env: { references?: Record<string, Reference> } = {};
  parser.block.parse(markdown, parser, env as Parameters<typeof parser.block.parse>[2], tokens);
  const references = new Map<string, Reference>();
  for (const [label, reference] of Object.entries(env.references ?? {})) {
    // `[^1]: https://…` is a footnote to GFM, but a reference definition to markdown-it's core rules.
    if (!label.startsWith("^")) references.set(label, reference);
  }
  const reader = new BlockReader(markdown, tokens);
  const blocks = joinFootnotes(reader.readTopLevel(), markdown);
  return { markdown, blocks, leaves: reader.leaves, references, lineStarts: reader.lineStarts };
}

/** Walks markdown-it's flat token list once. */
class BlockReader {
  readonly leaves: Leaf[] = [];
  readonly lineStarts: number[];
  private next = 0;

  constructor(
    private readonly markdown: string,
    private readonly tokens: Token[],
  ) {
    const starts = [0];
    for (let at = markdown.indexOf("\n"); at >= 0; at = markdown.indexOf("\n", at + 1)) starts.push(at + 1);
    this.lineStarts = starts;
  }

  readTopLevel(): Block[] {
    const blocks: Block[] = [];
    while (this.next < this.tokens.length) {
      const block = this.readBlock(true);
      if (block) blocks.push(block);
    }
    return blocks;
  }

  /** Reads the block whose token is next, with everything in it. Null if the token is none (a definition in a quote). */
  private readBlock(topLevel: boolean): Block | null {
    const token = this.tokens[this.next++]!;
    switch (token.type) {
      case "paragraph_open":
        return this.finishLeaf(this.block("paragraph", token, topLevel), "paragraph_close");
      case "heading_open": {
        const block = this.block("heading", token, topLevel);
        block.level = Number(token.tag.slice(1));
        block.heading = this.tokens[this.next]!.content;
        return this.finishLeaf(block, "heading_close");
      }
      case "table_open":
        return this.finishLeaf(this.table(token, topLevel), "table_close");
      case "bullet_list_open":
        return this.finishContainer(this.block("list", token, false), "bullet_list_close");
      case "ordered_list_open":
        return this.finishContainer(this.block("list", token, false), "ordered_list_close");
      case "list_item_open":
        return this.finishContainer(this.block("item", token, false), "list_item_close");
      case "blockquote_open":
        return this.finishContainer(this.block("quote", token, topLevel), "blockquote_close");
      case "fence":
        return this.fence(token, topLevel);
      case "code_block":
        return this.block("code", token, false);
      case "html_block": {
        const block = this.block("html", token, false);
        this.leaves.push({ kind: "html", charStart: block.charStart, charEnd: block.charEnd });
        return block;
      }
      case "hr":
        return this.block("hr", token, topLevel);
      case "reference_definition":
        return topLevel ? this.block("definition", token, true) : null;
      default:
        return null;
    }
  }

  /** `trimStart` drops indentation, which only means something to lists, code and blocks inside others. */
  private block(kind: BlockKind, token: Token, trimStart: boolean): Block {
    const [lineStart, lineEnd] = token.map!;
    const { markdown, lineStarts } = this;
    let charStart = lineStarts[lineStart]!;
    let charEnd = lineEnd < lineStarts.length ? lineStarts[lineEnd]! : markdown.length;
    while (charEnd > charStart && isBlank(markdown.charCodeAt(charEnd - 1))) charEnd--;
    if (trimStart) while (charStart < charEnd && isBlank(markdown.charCodeAt(charStart))) charStart++;
    let last = lineEnd;
    while (last > lineStart + 1 && lineStarts[last - 1]! >= charEnd) last--;
    return {
      kind,
      charStart,
      charEnd,
      lineStart,
      lineEnd: last,
      level: 0,
      heading: "",
      children: [],
      table: null,
      fence: null,
    };
  }

  private table(token: Token, topLevel: boolean): Block {
    const block = this.block("table", token, topLevel);
    const afterHeader = block.lineStart + 2;
    const rowStarts = this.lineStarts.slice(afterHeader, Math.max(afterHeader, block.lineEnd));
    let headerEnd = Math.min(this.lineStarts[afterHeader] ?? block.charEnd, block.charEnd);
    while (isBlank(this.markdown.charCodeAt(headerEnd - 1))) headerEnd--;
    block.table = { headerEnd, rowStarts };
    return block;
  }

  private fence(token: Token, topLevel: boolean): Block {
    const block = this.block("code", token, topLevel);
    const lastLine = this.markdown.slice(this.lineStarts[block.lineEnd - 1], block.charEnd);
    const closed = block.lineEnd > block.lineStart + 1 && lastLine.endsWith(token.markup);
    const bodyLineEnd = closed ? block.lineEnd - 1 : block.lineEnd;
    block.fence = { marker: token.markup, info: token.info.trim(), bodyLineEnd };
    return block;
  }

  private finishLeaf(block: Block, closeType: string): Block {
    const kind = block.kind === "table" ? "table" : "inline";
    this.leaves.push({ kind, charStart: block.charStart, charEnd: block.charEnd });
    while (this.tokens[this.next++]!.type !== closeType);
    return block;
  }

  private finishContainer(block: Block, closeType: string): Block {
    while (this.tokens[this.next]!.type !== closeType) {
      const child = this.readBlock(false);
      if (child) block.children.push(child);
    }
    this.next++;
    return block;
  }
}

/** Space, tab, line feed, carriage return. */
function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 9 || code === 13;
}

/**
 * GFM footnote definitions, which markdown-it has no rule for: it reads them as paragraphs or reference definitions,
 * and their indented continuation as code. Here both become one `footnote` block.
 */
function joinFootnotes(blocks: Block[], markdown: string): Block[] {
  if (!markdown.includes("[^")) return blocks;
  const joined: Block[] = [];
  for (const block of blocks) {
    const previous = joined.at(-1);
    if (block.kind === "code" && !block.fence && previous?.kind === "footnote") {
      previous.charEnd = block.charEnd;
      previous.lineEnd = block.lineEnd;
      continue;
    }
    if (block.kind === "paragraph" || block.kind === "definition") {
      const head = markdown.slice(block.charStart, Math.min(block.charEnd, block.charStart + 200));
      if (/^\[\^[^\]\s]+\]:/.test(head)) block.kind = "footnote";
    }
    joined.push(block);
  }
  return joined;
}
