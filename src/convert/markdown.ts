/**
 * Markdown in, the same Markdown out: only front matter is taken off and read. Everything that makes it canonical is
 * the normaliser's work, so that this file decides nothing but charset, title and metadata.
 */
import { decodeText } from "./charset.ts";
import type { Converted, Converter } from "./converted.ts";
import { splitFrontMatter } from "./front_matter.ts";
import { firstHeading } from "./title.ts";

/** Converts a Markdown file. Never throws. */
export const convertMarkdown: Converter = async (bytes): Promise<Converted> => {
  const decoded = decodeText(bytes);
  const text = decoded.text.includes("\r") ? decoded.text.replace(/\r\n?/g, "\n") : decoded.text;
  const front = splitFrontMatter(text);
  const metadata = front.metadata;
  if (decoded.charset !== "utf-8") metadata.charset = decoded.charset;
  return {
    markdown: front.body,
    title: front.title ?? firstHeading(front.body),
    language: front.language,
    metadata,
    warnings: [...decoded.warnings, ...front.warnings],
  };
};
