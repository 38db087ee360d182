/**
 * Reads link and form annotations of a whole document. They are asked for by type, since PDF.js reads the text of a page
 * a second time, to find out what a link covers, when it is asked for the annotations of a page.
 */
import { apply, type Matrix } from "./matrix.ts";
import type { PdfDocument } from "./open.ts";
import type { Box, FontStyle, PageContent } from "./page_content.ts";

/** The fields of PDF.js's annotations that are read here. */
export interface AnnotationFields {
  pageIndex?: number;
  subtype?: string;
  rect?: ArrayLike<number>;
  url?: string;
  fieldType?: string;
  fieldValue?: unknown;
  hidden?: boolean;
}

/** PDF.js's numbers of the two types. */
const LINK = 2;
const WIDGET = 20;
/** Pages asked for at once: between two batches the event loop gets its turn. */
const BATCH = 100;

/** Annotations by page index; pages without any are missing. Never rejects: links are worth less than the text. */
export async function readAnnotations(document: PdfDocument): Promise<Map<number, AnnotationFields[]>> {
  const byPage = new Map<number, AnnotationFields[]>();
  for (let start = 0; start < document.numPages; start += BATCH) {
    const skipped = new Set<number>();
    for (let page = 0; page < document.numPages; page++) if (page < start || page >= start + BATCH) skipped.add(page);
    const found: unknown = await document.getAnnotationsByType(new Set([LINK, WIDGET]), skipped).catch(() => null);
    for (const annotation of Array.isArray(found) ? (found as AnnotationFields[]) : []) {
      const page = annotation.pageIndex ?? -1;
      const own = byPage.get(page);
      if (own) own.push(annotation);
      else byPage.set(page, [annotation]);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return byPage;
}

/** Adds the links of a page, and the values of fields that have no appearance of their own. */
export function addAnnotations(content: PageContent, annotations: readonly AnnotationFields[], base: Matrix): void {
  for (const annotation of annotations) {
    const box = annotation.rect && boxOf(annotation.rect, base);
    if (!box) continue;
    if (annotation.subtype === "Link" && annotation.url) content.links.push({ ...box, url: annotation.url });
    else if (annotation.subtype === "Widget" && !annotation.hidden) addFieldValue(content, annotation, box);
  }
}

/** A value without an appearance (a viewer was to draw it) becomes glyphs in the field's box. */
function addFieldValue(content: PageContent, annotation: AnnotationFields, box: Box): void {
  if (annotation.fieldType !== "Tx" && annotation.fieldType !== "Ch") return;
  const value = annotation.fieldValue;
  const text = (Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "").trim();
  if (text === "") return;
  const inside = content.glyphs.some(
    (glyph) =>
      glyph.text !== " " && glyph.x >= box.x1 - 1 && glyph.x <= box.x2 && glyph.y >= box.y1 && glyph.y <= box.y2 + 2,
  );
  if (inside) return;
  const lines = text.split(/\r\n?|\n/);
  const size = Math.min(10, (box.y2 - box.y1) / lines.length / 1.2) || 10;
  for (const [row, line] of lines.entries()) {
    const characters = [...line];
    const advance = Math.min(size * 0.5, (box.x2 - box.x1) / Math.max(1, characters.length));
    for (const [column, character] of characters.entries()) {
      content.glyphs.push({
        text: /\s/.test(character) ? " " : character,
        x: box.x1 + column * advance,
        y: box.y1 + (row + 1) * size * 1.1,
        width: advance,
        size,
        font: WITHOUT_STYLE,
        quadrant: 0,
        mark: -1,
        artifact: false,
      });
    }
  }
}

const WITHOUT_STYLE: FontStyle = { name: "", bold: false, italic: false, mono: false, dingbats: false };

function boxOf(rect: ArrayLike<number>, base: Matrix): Box | undefined {
  const numbers = Array.from(rect, Number);
  if (numbers.length < 4 || numbers.some((number) => !Number.isFinite(number))) return undefined;
  const [xa, ya] = apply(base, numbers[0]!, numbers[1]!);
  const [xb, yb] = apply(base, numbers[2]!, numbers[3]!);
  return { x1: Math.min(xa, xb), y1: Math.min(ya, yb), x2: Math.max(xa, xb), y2: Math.max(ya, yb) };
}
