/**
 * Reads one page of an open document into plain data: glyphs, rules, links, form values. Everything that touches
 * PDF.js's page objects is here, so that the layout stages can be tested on synthetic input.
 */
import { getResolvedPDFJS } from "unpdf";
import { type AnnotationFields, addAnnotations, readAnnotations } from "./annotations.ts";
import { interpret, type OperatorList, type Operators } from "./interpret.ts";
import { toMatrix } from "./matrix.ts";
import type { PdfDocument, PdfPage } from "./open.ts";
import type { PageContent } from "./page_content.ts";
import { type HeadingTags, headingTags } from "./tags.ts";
import type { Font } from "./text_state.ts";

/** What all pages of a document share. */
export interface Reader {
  document: PdfDocument;
  operators: Operators;
  fonts: Map<string, Font | null>;
  visible: (content: unknown) => boolean;
  /** Whether the document claims to be tagged. */
  tagged: boolean;
  annotations: Map<number, AnnotationFields[]>;
}

export async function readerOf(document: PdfDocument): Promise<Reader> {
  const { OPS } = await getResolvedPDFJS();
  const layers = await document.getOptionalContentConfig().catch(() => null);
  const marks = await document.getMarkInfo().catch(() => null);
  return {
    document,
    annotations: await readAnnotations(document),
    tagged: (marks as { Marked?: boolean } | null)?.Marked === true,
    operators: OPS as unknown as Operators,
    fonts: new Map(),
    visible: (content) => {
      try {
        return layers?.isVisible(content) ?? true;
      } catch {
        return true;
      }
    },
  };
}

const NO_HEADINGS: HeadingTags = new Map();

/** Reads page `number` (from 1). Rejects only if the page object itself is unreadable. */
export async function readPage(reader: Reader, number: number): Promise<PageContent> {
  const page = await reader.document.getPage(number);
  try {
    const viewport = page.getViewport({ scale: 1 });
    const base = toMatrix(viewport.transform) ?? [1, 0, 0, -1, 0, viewport.height];
    const content: PageContent = {
      number,
      width: viewport.width,
      height: viewport.height,
      glyphs: [],
      rules: [],
      links: [],
      headings: reader.tagged ? headingTags(await page.getStructTree().catch(() => null)) : NO_HEADINGS,
    };
    const list = (await page.getOperatorList()) as OperatorList;
    await loadFonts(reader, page, list);
    interpret(list, content, base, {
      operators: reader.operators,
      font: (id) => reader.fonts.get(id) ?? null,
      visible: reader.visible,
    });
    addAnnotations(content, reader.annotations.get(number - 1) ?? [], base);
    return content;
  } finally {
    page.cleanup();
  }
}

/** Fonts arrive beside the operator list; each is looked up once a document. */
async function loadFonts(reader: Reader, page: PdfPage, list: OperatorList): Promise<void> {
  const ids = new Set<string>();
  for (let index = 0; index < list.fnArray.length; index++) {
    const args = list.argsArray[index] as readonly unknown[] | undefined;
    if (list.fnArray[index] === reader.operators.setFont) collect(ids, args?.[0]);
    else if (list.fnArray[index] === reader.operators.setGState && Array.isArray(args?.[0])) {
      for (const entry of args[0]) if (Array.isArray(entry) && entry[0] === "Font") collect(ids, entry[1]?.[0]);
    }
  }
  for (const id of ids) {
    if (reader.fonts.has(id)) continue;
    const object = page.commonObjs.has(id)
      ? (page.commonObjs.get(id) as unknown)
      : await new Promise<unknown>((resolve) => page.commonObjs.get(id, resolve));
    reader.fonts.set(id, fontOf(object));
  }
}

function collect(ids: Set<string>, id: unknown): void {
  if (typeof id === "string") ids.add(id);
}

/** The fields of PDF.js's font object that are read here. */
interface FontFields {
  name?: string;
  bold?: boolean;
  black?: boolean;
  italic?: boolean;
  fallbackName?: string;
  vertical?: boolean;
  isType3Font?: boolean;
  fontMatrix?: ArrayLike<number>;
  bbox?: ArrayLike<number>;
}

const MONO = /mono|courier|consol|menlo|typewriter|cmtt|sftt|inconsolata|fixed|terminal|lettergothic|ocr-?b/i;
const ITALIC = /italic|oblique|kursiv|cmti|cmsl|sfti/i;
const DINGBATS = /dingbats|wingdings|webdings/i;
const BOLD = /bold|black|heavy|semibold|demi|cmbx|sfbx|-bd\b|medi(um)?$/i;

function fontOf(object: unknown): Font | null {
  if (typeof object !== "object" || object === null) return { ...PLAIN };
  const fields = object as FontFields;
  const name = (fields.name ?? "").replace(/^[A-Z]{6}\+/, "");
  const unit = fields.fontMatrix?.[0] || 0.001;
  return {
    name,
    bold: fields.bold === true || fields.black === true || BOLD.test(name),
    italic: fields.italic === true || ITALIC.test(name),
    mono: fields.fallbackName === "monospace" || MONO.test(name),
    unit,
    height: fields.isType3Font ? typeThreeHeight(fields) : 1,
    vertical: fields.vertical === true,
    dingbats: DINGBATS.test(name),
  };
}

const PLAIN: Font = {
  name: "",
  bold: false,
  italic: false,
  mono: false,
  unit: 0.001,
  height: 1,
  vertical: false,
  dingbats: false,
};

/** A Type 3 font may be drawn in any units: its size is the height of its box. */
function typeThreeHeight(fields: FontFields): number {
  const unit = Math.abs(fields.fontMatrix?.[3] ?? 0.001);
  const height = Math.abs((fields.bbox?.[3] ?? 0) - (fields.bbox?.[1] ?? 0)) * unit;
  if (height > 0.3 && height < 3) return 1;
  return height > 0 && height < 1000 ? height : unit * 1000;
}
