/**
 * Reads what a .docx says of itself: title, authors, dates, keywords, language. Titles that programs fill in by
 * themselves ("Microsoft Word - Document1") are no titles.
 */
import type { MetadataValue } from "../converted.ts";
import { isoDate } from "../iso_date.ts";
import { child, textOf, type XmlElement } from "./xml.ts";

export interface Properties {
  title: string | null;
  language: string | null;
  metadata: Record<string, MetadataValue>;
}

const NO_TITLE =
  /^(?:(?:microsoft )?word ?- ?.*|untitled.*|document ?\d*|dokument ?\d*|title|\[.*\]|.*\.(?:docx?|dotx?|rtf))$/i;

/** @param core the core properties part; may be missing. */
export function readProperties(core: XmlElement | undefined): Properties {
  const text = (name: string): string => {
    const element = child(core, name);
    return element ? textOf(element).replace(/\s+/g, " ").trim() : "";
  };
  const metadata: Record<string, MetadataValue> = {};
  const put = (key: string, value: string): void => {
    if (value !== "") metadata[key] = value;
  };
  put("author", text("dc:creator"));
  put("subject", text("dc:subject"));
  put("description", text("dc:description"));
  put("category", text("cp:category"));
  put("last_modified_by", text("cp:lastModifiedBy"));
  put("created", date(text("dcterms:created")));
  put("modified", date(text("dcterms:modified")));
  const keywords = text("cp:keywords")
    .split(/[,;]/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
  if (keywords.length > 0) metadata.tags = keywords;
  const title = text("dc:title");
  return {
    title: title === "" || NO_TITLE.test(title) ? null : title,
    language: languageTag(text("dc:language")),
    metadata,
  };
}

function date(value: string): string {
  return value === "" ? "" : (isoDate(value) ?? "");
}

/** A BCP 47 tag, or null. */
export function languageTag(value: string | undefined): string | null {
  return value !== undefined && /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/i.test(value) ? value : null;
}
