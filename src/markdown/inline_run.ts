/**
 * Turns the inline content of one block, collected as a flat list of pieces with marks, into neutral inline nodes.
 * Decides whitespace (collapsed, trimmed at block edges and line breaks, moved out of marks), which marks nest in which,
 * and what has to be escaped. A flat list instead of nested elements keeps `<b><p>…</b>` and a thousand nested spans
 * harmless, and sees the neighbours that emphasis depends on.
 */
import { escapeInline, escapeLineStart } from "./escape.ts";
import { type InlineName, NeutralNode } from "./neutral.ts";

export const STRONG = 1;
export const EM = 2;
export const DEL = 4;
export const SUB = 8;
export const SUP = 16;
export const CODE = 32;

export interface Link {
  url: string;
  title: string | null;
}

/** One piece of inline content. */
export interface Piece {
  kind: "text" | "break" | "image" | "note";
  text: string;
  marks: number;
  link: Link | null;
  /** An image, or a reference to a footnote. */
  node?: NeutralNode;
}

export interface RunOptions {
  /** What a line break becomes: a hard break, `<br>` in table cells, or a blank in headings. */
  breaks: "hard" | "tag" | "blank";
  /** Marks to drop: headings are bold already. */
  withoutMarks?: number;
}

const MARK_NAMES: readonly (readonly [number, InlineName])[] = [
  [STRONG, "STRONG"],
  [EM, "EM"],
  [DEL, "DEL"],
  [SUB, "SUB"],
  [SUP, "SUP"],
];
const WORD = /[\p{L}\p{N}]/u;
const LEADING_PUNCTUATION = /^[\p{P}\p{S}]+/u;
const TRAILING_PUNCTUATION = /[\p{P}\p{S}]+$/u;

/** Neutral nodes of the pieces; an empty list if a reader would see nothing. */
export function buildInline(pieces: readonly Piece[], options: RunOptions): NeutralNode[] {
  const clean = merge(collapse(pieces, options));
  const out: NeutralNode[] = [];
  let line: Piece[] = [];
  for (const piece of clean) {
    if (piece.kind !== "break") {
      line.push(piece);
      continue;
    }
    for (const node of buildLine(line, options, "\n")) out.push(node);
    out.push(NeutralNode.element("BR", options.breaks === "tag" ? { oneLine: true } : {}));
    line = [];
  }
  for (const node of buildLine(line, options, "")) out.push(node);
  return out;
}

/** Collapses whitespace across pieces and drops breaks that show nothing. */
function collapse(pieces: readonly Piece[], options: RunOptions): Piece[] {
  const out: Piece[] = [];
  let blankBefore = true;
  const trimEnd = (): void => {
    for (let index = out.length - 1; index >= 0; index--) {
      const last = out[index]!;
      if (last.kind !== "text" || last.marks & CODE) return;
      last.text = last.text.replace(/[ \u00a0]+$/, "");
      if (last.text !== "") return;
      out.pop();
    }
  };
  for (const piece of pieces) {
    if (piece.kind === "break") {
      if (options.breaks === "blank") {
        if (!blankBefore) out.push({ kind: "text", text: " ", marks: 0, link: null });
      } else {
        trimEnd();
        if (out.length > 0) out.push({ kind: "break", text: "", marks: 0, link: null });
      }
      blankBefore = true;
      continue;
    }
    if (piece.kind !== "text") {
      out.push({ ...piece });
      blankBefore = false;
      continue;
    }
    let marks = piece.marks & ~(options.withoutMarks ?? 0);
    let text = piece.text;
    if (marks & CODE) {
      marks = CODE;
      text = text.replace(/\r\n?|\n/g, " ");
      if (text.trim() === "") {
        marks = 0;
        text = " ";
      }
    }
    if (!(marks & CODE)) {
      text = text
        .replace(/[ \t\r\n\f\v\u2028\u2029]+/g, " ")
        .replace(/ \u00a0[ \u00a0]*|\u00a0[\u00a0]* [ \u00a0]*/g, " ");
      if (blankBefore) text = text.replace(/^[ \u00a0]+/, "");
    }
    if (text === "") continue;
    out.push({ kind: "text", text, marks, link: piece.link });
    blankBefore = !(marks & CODE) && text.endsWith(" ");
  }
  trimEnd();
  while (out.at(-1)?.kind === "break") {
    out.pop();
    trimEnd();
  }
  return out;
}

function sameLink(one: Link | null, other: Link | null): boolean {
  return one === other || (one !== null && other !== null && one.url === other.url && one.title === other.title);
}

function merge(pieces: Piece[]): Piece[] {
  const out: Piece[] = [];
  for (const [index, piece] of pieces.entries()) {
    const last = out.at(-1);
    const next = pieces[index + 1];
    // A blank between two pieces with equal marks belongs to them, so that "**a** **b**" becomes "**a b**".
    if (piece.kind === "text" && piece.text === " " && last && next) piece.marks = last.marks & next.marks & ~CODE;
    if (
      last?.kind === "text" &&
      piece.kind === "text" &&
      sameLink(last.link, piece.link) &&
      last.marks === piece.marks
    ) {
      last.text += piece.text;
    } else out.push(piece);
  }
  return out;
}

/** Where a line's nodes go, with what stands at its two ends. */
interface Scope {
  before: string;
  after: string;
  inLink: boolean;
  lineStart: boolean;
  /** The last character of other emphasis right before: its asterisks run together with ours. */
  behindMark: string;
}

function buildLine(line: Piece[], options: RunOptions, after: string): NeutralNode[] {
  const scope = { before: "", after, inLink: false, lineStart: options.breaks === "hard", behindMark: "" };
  return buildGroup(line, 0, false, scope);
}

/** Nodes of pieces, where the marks in `done` (and the link, if `linked`) are already around them. */
function buildGroup(pieces: Piece[], done: number, linked: boolean, scope: Scope): NeutralNode[] {
  const out: NeutralNode[] = [];
  let index = 0;
  while (index < pieces.length) {
    const group = longestGroup(pieces, index, done, linked);
    const end = group ? group.end : index + 1;
    const before = index > 0 ? lastChar(pieces[index - 1]!, done, linked) : scope.before;
    const after = end < pieces.length ? firstChar(pieces[end]!, done, linked) : scope.after;
    const previous = pieces[index - 1];
    const behindMark = previous && (previous.marks & ~done & (STRONG | EM)) !== 0 ? previous.text.slice(-1) : "";
    const inner: Scope = {
      before,
      after,
      inLink: scope.inLink,
      lineStart: scope.lineStart && out.length === 0,
      behindMark,
    };
    if (group === null) out.push(...leaf(pieces[index]!, inner));
    else out.push(...wrap(pieces.slice(index, end), group, done, linked, inner));
    index = end;
  }
  return out;
}

interface Group {
  end: number;
  /** 0 for a link. */
  mark: number;
  name: InlineName;
}

/** The mark or link that covers most pieces from here on; it goes outside. */
function longestGroup(pieces: Piece[], start: number, done: number, linked: boolean): Group | null {
  const first = pieces[start]!;
  let best: Group | null = null;
  if (!linked && first.link) {
    let end = start + 1;
    while (end < pieces.length && sameLink(pieces[end]!.link, first.link)) end++;
    best = { end, mark: 0, name: "A" };
  }
  for (const [mark, name] of MARK_NAMES) {
    if (!(first.marks & mark) || done & mark) continue;
    let end = start + 1;
    while (end < pieces.length && pieces[end]!.marks & mark) end++;
    if (best === null || end > best.end) best = { end, mark, name };
  }
  return best;
}

/** Puts a mark or a link around pieces; blanks at its edges go outside, since Markdown's marks must touch their text. */
function wrap(pieces: Piece[], group: Group, done: number, linked: boolean, scope: Scope): NeutralNode[] {
  const isLink = group.mark === 0;
  const outside = { before: "", after: "" };
  cut(pieces, /^[ \u00a0]+/, "before", outside);
  cut(pieces, /[ \u00a0]+$/, "after", outside);
  const flanking = group.name === "STRONG" || group.name === "EM" || group.name === "DEL";
  if (flanking && pieces.length > 0) {
    // "**Note:**text" does not close: behind punctuation a closing mark must not stand right before a word.
    if (outside.after === "" && WORD.test(scope.after)) cut(pieces, TRAILING_PUNCTUATION, "after", outside);
    if (outside.before === "" && WORD.test(scope.before)) cut(pieces, LEADING_PUNCTUATION, "before", outside);
    cut(pieces, /^[ \u00a0]+/, "before", outside);
    cut(pieces, /[ \u00a0]+$/, "after", outside);
  }
  const out: NeutralNode[] = [];
  const plain = (text: string, before: string, after: string): void => {
    if (text === "") return;
    out.push(NeutralNode.text(escapeInline(text, { before, after, inLink: scope.inLink })));
  };
  if (pieces.length === 0) {
    plain(outside.before + outside.after, scope.before, scope.after);
    return out;
  }
  const mark = opener(group.name);
  plain(outside.before, scope.before, mark);
  const element = NeutralNode.element(group.name, isLink ? { ...pieces[0]!.link } : {});
  if (flanking) {
    const first = firstChar(pieces[0]!, done | group.mark, linked);
    const last = lastChar(pieces.at(-1)!, done | group.mark, linked);
    const opens = outside.before !== "" || WORD.test(first) || !WORD.test(scope.before);
    const closes = outside.after !== "" || WORD.test(last) || !WORD.test(scope.after);
    const merges =
      scope.behindMark !== "" &&
      outside.before === "" &&
      group.name !== "DEL" &&
      !(WORD.test(scope.behindMark) && WORD.test(first));
    if (!opens || !closes || merges) element.attributes.asTag = true;
  }
  const inner: Scope = {
    before: mark,
    after: isLink ? "]" : mark,
    inLink: scope.inLink || isLink,
    lineStart: false,
    behindMark: "",
  };
  for (const child of buildGroup(pieces, done | group.mark, linked || isLink, inner)) element.append(child);
  if (element.firstChild) out.push(element);
  plain(outside.after, mark === "[" ? ")" : mark, scope.after);
  return out;
}

/** Moves what matches at an end of the group's text out of the group. Pieces are this run's own copies. */
function cut(
  pieces: Piece[],
  pattern: RegExp,
  side: "before" | "after",
  outside: { before: string; after: string },
): void {
  for (;;) {
    const piece = side === "before" ? pieces[0] : pieces.at(-1);
    if (piece === undefined || piece.kind !== "text" || piece.marks & CODE) return;
    const found = pattern.exec(piece.text)?.[0];
    if (found === undefined) return;
    if (side === "before") {
      outside.before += found;
      piece.text = piece.text.slice(found.length);
    } else {
      outside.after = found + outside.after;
      piece.text = piece.text.slice(0, piece.text.length - found.length);
    }
    if (piece.text !== "") return;
    if (side === "before") pieces.shift();
    else pieces.pop();
  }
}

function opener(name: InlineName): string {
  if (name === "A") return "[";
  return name === "SUB" || name === "SUP" ? "<" : name === "DEL" ? "~" : "*";
}

function leaf(piece: Piece, scope: Scope): NeutralNode[] {
  if (piece.node) return [piece.node];
  if (piece.marks & CODE) {
    const code = NeutralNode.element("CODE");
    code.append(NeutralNode.text(piece.text));
    return [code];
  }
  const escaped = escapeInline(piece.text, scope);
  return [NeutralNode.text(scope.lineStart ? escapeLineStart(escaped) : escaped)];
}

/** The character that the neighbour shows first: markup counts as "*" or as its own opening character. */
function firstChar(piece: Piece, done: number, linked: boolean): string {
  if (piece.kind === "image") return "!";
  if (piece.kind === "note" || (piece.link && !linked)) return "[";
  if (piece.marks & CODE) return "`";
  return piece.marks & ~done ? "*" : piece.text[0]!;
}

function lastChar(piece: Piece, done: number, linked: boolean): string {
  if (piece.kind !== "text" || (piece.link && !linked)) return ")";
  if (piece.marks & CODE) return "`";
  return piece.marks & ~done ? "*" : (piece.text.at(-1) ?? "");
}
