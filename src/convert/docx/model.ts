/**
 * The document model that mammoth converts to HTML. mammoth's own reader would make the very same objects, field by
 * field, out of a plain .docx; making them here spares writing XML that would only be parsed again. A test compares
 * the two, so that another release of mammoth cannot change its model unnoticed.
 */

export interface Text {
  type: "text";
  value: string;
}

export interface Run {
  type: "run";
  children: RunContent[];
  styleId: string | null;
  styleName: string | null;
  isBold: boolean;
  isUnderline: boolean;
  isItalic: boolean;
  isStrikethrough: boolean;
  isAllCaps: boolean;
  isSmallCaps: boolean;
  verticalAlignment: "baseline" | "subscript" | "superscript";
  font: null;
  fontSize: null;
  highlight: null;
}

export interface NoteReference {
  type: "noteReference";
  noteType: NoteType;
  noteId: string;
}

export interface Bookmark {
  type: "bookmarkStart";
  name: string;
}

export interface Hyperlink {
  type: "hyperlink";
  children: (Run | Bookmark)[];
  href: string | undefined;
  anchor: string | undefined;
  targetFrame: null;
}

export interface Paragraph {
  type: "paragraph";
  children: Inline[];
  styleId: string | null;
  styleName: string | null;
  numbering: null;
  alignment: null;
  indent: { start: null; end: null; firstLine: null; hanging: null };
}

export interface TableCell {
  type: "tableCell";
  children: Block[];
  colSpan: number;
  rowSpan: number;
}

export interface TableRow {
  type: "tableRow";
  children: TableCell[];
  isHeader: boolean;
}

export interface Table {
  type: "table";
  children: TableRow[];
  styleId: null;
  styleName: null;
}

export interface Note {
  type: "note";
  noteType: NoteType;
  noteId: string;
  body: Block[];
}

export type NoteType = "footnote" | "endnote";
export type RunContent = Text | NoteReference | { type: "tab" } | { type: "break"; breakType: "line" };
export type Inline = Run | Bookmark | Hyperlink;
export type Block = Paragraph | Table;

/** Styles that the model knows: headings of six levels, and runs of code. */
export type StyleName = "H1" | "H2" | "H3" | "H4" | "H5" | "H6" | "Code";

/** What survives of a run's properties. */
export interface Look {
  bold: boolean;
  italic: boolean;
  strike: boolean;
  code: boolean;
  position: "subscript" | "superscript" | undefined;
}

export const PLAIN: Look = { bold: false, italic: false, strike: false, code: false, position: undefined };
export const TAB: RunContent = { type: "tab" };
export const LINE_BREAK: RunContent = { type: "break", breakType: "line" };
const NO_INDENT: Paragraph["indent"] = { start: null, end: null, firstLine: null, hanging: null };

export function paragraphOf(children: Inline[], style: StyleName | null = null): Paragraph {
  return {
    type: "paragraph",
    children,
    styleId: style,
    styleName: style,
    numbering: null,
    alignment: null,
    indent: NO_INDENT,
  };
}

/** A run without content yet. Code looks like nothing else: code spans hold no other markup. */
export function runOf({ bold, italic, strike, code, position }: Look): Run {
  return {
    type: "run",
    children: [],
    styleId: code ? "Code" : null,
    styleName: code ? "Code" : null,
    isBold: bold && !code,
    isUnderline: false,
    isItalic: italic && !code,
    isStrikethrough: strike && !code,
    isAllCaps: false,
    isSmallCaps: false,
    verticalAlignment: code ? "baseline" : (position ?? "baseline"),
    font: null,
    fontSize: null,
    highlight: null,
  };
}

/** Text as an XML parser hands it on: one kind of line end, and no characters that XML forbids. */
export function textOfRun(text: string): Text {
  return { type: "text", value: lineEnds(text.replace(CONTROLS, "")) };
}

export function noteReference(noteType: NoteType, noteId: string): NoteReference {
  return { type: "noteReference", noteType, noteId: attributeValue(noteId) };
}

export function note(noteType: NoteType, noteId: string, body: Block[]): Note {
  return { type: "note", noteType, noteId: attributeValue(noteId), body };
}

export function bookmark(name: string): Bookmark {
  return { type: "bookmarkStart", name };
}

/** A link to an address, or else to a bookmark. */
export function hyperlink(target: { url: string } | { anchor: string }): Hyperlink {
  return {
    type: "hyperlink",
    children: [],
    href: "url" in target ? attributeValue(target.url) : undefined,
    anchor: "url" in target ? undefined : attributeValue(target.anchor),
    targetFrame: null,
  };
}

export function tableOf(children: TableRow[]): Table {
  return { type: "table", children, styleId: null, styleName: null };
}

export function tableRow(children: TableCell[], isHeader: boolean): TableRow {
  return { type: "tableRow", children, isHeader };
}

export function tableCell(children: Block[], colSpan: number): TableCell {
  return { type: "tableCell", children, colSpan, rowSpan: 1 };
}

/** They come from damaged files, and HTML allows them no more than XML does. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

function lineEnds(text: string): string {
  return /[\r\u0085\u2028]/.test(text) ? text.replace(/\r[\n\u0085]?|[\u0085\u2028]/g, "\n") : text;
}

/** An attribute's value as an XML parser hands it on: in one line. */
function attributeValue(text: string): string {
  return lineEnds(text).replace(/[\t\n]/g, " ");
}
