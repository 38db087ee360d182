/**
 * Converts PDF to Markdown. PDF places glyphs and knows neither words nor paragraphs, so everything a reader sees as
 * structure is worked out from positions, stage by stage: glyphs → words → rows → columns → lines → paragraphs → blocks.
 * Text comes before structure: whatever cannot be understood stays as paragraphs in the order of reading.
 */
import { messageOf, PermanentError } from "../errors.ts";
import type { Converted, Converter, ConvertLimits, Warning } from "./converted.ts";
import { type Block, blocksOf } from "./pdf/blocks.ts";
import { removeFurniture } from "./pdf/furniture.ts";
import { hasText } from "./pdf/interpret.ts";
import { type LaidOutPage, layoutPage, layoutPlainly } from "./pdf/layout_page.ts";
import { metadataOf } from "./pdf/metadata.ts";
import { closePdf, openPdf, type PdfDocument } from "./pdf/open.ts";
import { outlineOf } from "./pdf/outline.ts";
import type { PageContent } from "./pdf/page_content.ts";
import { readerOf, readPage } from "./pdf/read_page.ts";
import { writeBlocks } from "./pdf/write.ts";

/** See Converter. Encrypted documents that open without a password are read; others are refused. */
export const convertPdf: Converter = async (bytes, limits) => {
  if (bytes.length === 0) throw new PermanentError("convert.empty", "the file has no bytes");
  const document = await openPdf(bytes, limits);
  try {
    return await convertDocument(document, limits);
  } finally {
    await closePdf(document);
  }
};

async function convertDocument(document: PdfDocument, limits: ConvertLimits): Promise<Converted> {
  const { pages, warnings } = await readPages(document, limits);
  removeFurniture(pages);
  const blocks = blocksOf(
    pages.flatMap((page) => page.regions),
    await outlineOf(document),
  );
  const markdown = writeBlocks(blocks);
  if (markdown.length > limits.markdownCharsMax) throw tooLong(limits);
  const { title, language, metadata } = await metadataOf(document);
  return { markdown, title: title ?? titleOf(blocks), language, metadata, warnings };
}

/** The heading at the start of the document, if it is the title of the whole. */
function titleOf(blocks: readonly Block[]): string | null {
  const heading = blocks.slice(0, 6).find((block) => block.kind === "heading" && block.level === 1);
  if (heading?.kind !== "heading") return null;
  return (
    heading.spans
      .map((span) => span.text)
      .join("")
      .trim() || null
  );
}

/** Pages that did not go well, by what went wrong. */
interface Troubles {
  silent: number[];
  unreadable: number[];
  plain: number[];
  failure: string;
}

async function readPages(
  document: PdfDocument,
  limits: ConvertLimits,
): Promise<{ pages: LaidOutPage[]; warnings: Warning[] }> {
  const reader = await readerOf(document);
  const pages: LaidOutPage[] = [];
  const troubles: Troubles = { silent: [], unreadable: [], plain: [], failure: "" };
  let glyphs = 0;
  for (let number = 1; number <= document.numPages; number++) {
    // PDF.js resolves with microtasks only: without this a long document would starve every timer of the thread.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const content = await readPage(reader, number).catch((error: unknown) => {
      troubles.unreadable.push(number);
      troubles.failure = messageOf(error);
      return null;
    });
    if (!content) continue;
    glyphs += content.glyphs.length;
    if (glyphs > limits.markdownCharsMax) throw tooLong(limits);
    if (!hasText(content.glyphs)) troubles.silent.push(number);
    pages.push(laidOut(content, troubles));
  }
  if (troubles.unreadable.length > 0 && pages.length === 0) {
    throw new PermanentError("convert.malformed", `no page can be read: ${troubles.failure}`);
  }
  return { pages, warnings: warningsOf(document, troubles) };
}

/** Positions of a hostile file may be such that the layout fails; its text is still worth having. */
function laidOut(content: PageContent, troubles: Troubles): LaidOutPage {
  try {
    return layoutPage(content);
  } catch (error) {
    troubles.plain.push(content.number);
    troubles.failure = messageOf(error);
    return layoutPlainly(content);
  }
}

function warningsOf(document: PdfDocument, { silent, unreadable, plain, failure }: Troubles): Warning[] {
  const warnings: Warning[] = [];
  if (document.numPages === 0) warnings.push({ code: "document_without_pages", message: "The document has no pages." });
  if (silent.length > 0) warnings.push(pagesWarning("page_without_text", silent, "no text, perhaps scanned"));
  if (unreadable.length > 0) warnings.push(pagesWarning("page_unreadable", unreadable, `cannot be read (${failure})`));
  if (plain.length > 0) warnings.push(pagesWarning("page_without_layout", plain, `read row by row (${failure})`));
  return warnings;
}

function pagesWarning(code: string, pages: readonly number[], what: string): Warning {
  const shown = pages.slice(0, 20).join(", ") + (pages.length > 20 ? ", …" : "");
  return { code, message: `${pages.length === 1 ? "Page" : "Pages"} ${shown}: ${what}.`, count: pages.length };
}

function tooLong(limits: ConvertLimits): PermanentError {
  return new PermanentError("convert.too_large", "the document has more text than allowed", {
    limit: "markdownCharsMax",
    max: limits.markdownCharsMax,
  });
}
