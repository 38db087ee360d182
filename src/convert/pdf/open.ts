/**
 * Opens a document with everything switched off that a text reader does not need: no network, no script, no system
 * fonts, no image decoding, no WebAssembly. Decides which failures of PDF.js mean "encrypted" and which "damaged".
 */
import { getDocumentProxy } from "unpdf";
import { messageOf, PermanentError } from "../../errors.ts";
import type { ConvertLimits } from "../converted.ts";
import { BundledData } from "./bundled_data.ts";
import { guardInflation } from "./inflate_guard.ts";

export type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;
export type PdfPage = Awaited<ReturnType<PdfDocument["getPage"]>>;

/**
 * PDF.js registers the fonts of a page with the browser's document. Without one it falls back to compiling the
 * outline of every glyph (a third of the whole time), so it gets a style sheet that forgets its rules.
 */
class ForgetfulSheet {
  readonly cssRules: never[] = [];
  insertRule(): void {}
}

/**
 * Opens `bytes` (not kept: a copy is made, since PDF.js takes over the buffer).
 * Throws PermanentError `convert.encrypted`, `convert.malformed` or `convert.too_large`.
 */
export async function openPdf(bytes: Uint8Array, limits: ConvertLimits): Promise<PdfDocument> {
  requireHeader(bytes);
  await guardInflation(bytes, limits.inflatedBytesMax);
  const ownerDocument = { adoptedStyleSheets: [], defaultView: { CSSStyleSheet: ForgetfulSheet } };
  let document: PdfDocument;
  try {
    document = await getDocumentProxy(bytes.slice(), {
      verbosity: 0,
      disableFontFace: false,
      ownerDocument: ownerDocument as never,
      useSystemFonts: false,
      useWorkerFetch: false,
      useWasm: false,
      maxImageSize: 0,
      isOffscreenCanvasSupported: false,
      isImageDecoderSupported: false,
      enableXfa: false,
      BinaryDataFactory: BundledData,
    });
  } catch (error) {
    throw refusal(error);
  }
  if (document.numPages > limits.pagesMax) {
    const pages = document.numPages;
    await document.loadingTask.destroy();
    throw new PermanentError("convert.too_large", `the document has ${pages} pages`, {
      limit: "pagesMax",
      pages,
      max: limits.pagesMax,
    });
  }
  return document;
}

/** Frees everything that the document holds; PDF.js keeps pages, fonts and the file itself until then. */
export async function closePdf(document: PdfDocument): Promise<void> {
  await document.loadingTask.destroy();
}

/** A login page saved as .pdf would otherwise cost a search through all of it. Readers accept junk before the header. */
function requireHeader(bytes: Uint8Array): void {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 64 * 1024));
  if (head.includes("%PDF-") || head.includes("%FDF-") || /\d+ \d+ obj\b/.test(head)) return;
  throw new PermanentError("convert.malformed", "the file does not start like a PDF");
}

function refusal(error: unknown): PermanentError {
  const name = error instanceof Error ? error.name : "";
  if (name === "PasswordException") {
    return new PermanentError("convert.encrypted", "the document can only be opened with a password");
  }
  return new PermanentError(
    "convert.malformed",
    `the document cannot be read: ${messageOf(error)}`,
    {},
    { cause: error },
  );
}
