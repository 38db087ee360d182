/**
 * The one door to conversion: what is it, which converter reads it, and the last pass over the result. Converters are
 * loaded when first needed, so that a command that reads Markdown never pays for a PDF parser. Only known errors leave
 * here, as long as the converters keep their contract.
 */

import { PermanentError } from "../errors.ts";
import { NORMALISER_VERSION, normaliseMarkdown } from "../markdown/normalise.ts";
import {
  type Converted,
  type Converter,
  type ConvertLimits,
  DEFAULT_LIMITS,
  type Format,
  type Warning,
} from "./converted.ts";
import { sniffFormat } from "./sniff.ts";
import { extensionOf } from "./source_language.ts";
import { firstHeading, titleFromName } from "./title.ts";

/** Part of the id of every source version: bumped whenever some document would come out differently. */
export const CONVERTER_VERSION = `1.${NORMALISER_VERSION}`;

export interface ConvertRequest {
  bytes: Uint8Array;
  /** File name or path, for the format and, as a last resort, the title. */
  name: string;
  mediaType?: string | null;
  /** Skips recognition. */
  format?: Format | undefined;
  limits?: ConvertLimits;
}

/** Normalised Markdown and everything about it; `title` is null only if `name` is empty too. */
export interface ConvertedDocument extends Converted {
  format: Format;
}

/** What a request is, with the warnings of recognition. Throws PermanentError for what the product does not read. */
export function recognise(request: ConvertRequest): { format: Format; warnings: Warning[] } {
  if (request.bytes.length === 0) {
    // A wiki page without content is a page; any other file without bytes was never written.
    if (isStorage(request)) return { format: "confluence", warnings: [] };
    throw new PermanentError("convert.empty", `${request.name} is empty`);
  }
  if (request.format) return { format: request.format, warnings: [] };
  const found = sniffFormat(request.bytes, request.name, request.mediaType);
  if ("format" in found) return found;
  throw new PermanentError(found.code, `${request.name} is ${found.unsupported}`, { detected: found.unsupported });
}

function isStorage({ format, name }: ConvertRequest): boolean {
  return format === "confluence" || (format === undefined && /\.storage\.(?:xhtml|xml|html)$/i.test(name));
}

/**
 * Converts a document of any supported format in this thread. Formats whose parsers face hostile bytes belong into the
 * child process; `worker/isolate.ts` decides that. Throws PermanentError `convert.*`.
 */
export async function convertDocument(request: ConvertRequest): Promise<ConvertedDocument> {
  const { format, warnings } = recognise(request);
  const limits = request.limits ?? DEFAULT_LIMITS;
  const convert = await loadConverter(format, request.name);
  const converted = await convert(request.bytes, limits).catch((error: unknown) => {
    throw error instanceof RangeError ? tooDeep(request.name, error) : error;
  });
  if (converted.markdown.length > limits.markdownCharsMax) {
    throw new PermanentError("convert.too_large", `${request.name} gives more Markdown than allowed`, {
      limit: "markdownCharsMax",
      max: limits.markdownCharsMax,
      actual: converted.markdown.length,
    });
  }
  const normal = normaliseMarkdown(converted.markdown);
  return {
    format,
    markdown: normal.markdown,
    title:
      cleanTitle(converted.title) ??
      firstHeading(normal.markdown) ??
      (request.name ? titleFromName(request.name) : null),
    language: converted.language,
    metadata: converted.metadata,
    warnings: [...warnings, ...converted.warnings, ...normal.warnings],
  };
}

/** A stack or string length exhausted by nesting or size is the document's fault, not a defect. */
function tooDeep(name: string, cause: RangeError): PermanentError {
  return new PermanentError("convert.too_large", `${name} is nested too deeply or too large to convert`, {}, { cause });
}

async function loadConverter(format: Format, name: string): Promise<Converter> {
  switch (format) {
    case "markdown":
      return (await import("./markdown.ts")).convertMarkdown;
    case "text": {
      const { convertText } = await import("./text.ts");
      return (bytes, limits) => convertText(bytes, limits, extensionOf(name));
    }
    case "html":
      return (await import("./html.ts")).convertHtml;
    case "confluence":
      return (await import("./confluence.ts")).convertConfluence;
    case "confluence_page":
      return (await import("./confluence_page.ts")).convertConfluencePage;
    case "docx":
      return (await import("./docx.ts")).convertDocx;
    case "pdf":
      return (await import("./pdf.ts")).convertPdf;
  }
}

function cleanTitle(title: string | null): string | null {
  const clean = title
    ?.slice(0, 1000)
    .toWellFormed()
    .replace(/[\0-\x1f\x7f-\x9f\s]+/g, " ")
    .normalize("NFC")
    .trim();
  return clean ? clean.slice(0, 500) : null;
}
