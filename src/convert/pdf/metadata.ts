/**
 * What the document says of itself: title, authors, dates, language. Programs fill the title with file names and
 * "Microsoft Word - …"; such titles are worse than none and are left out.
 */
import type { MetadataValue } from "../converted.ts";
import type { PdfDocument } from "./open.ts";

export interface PdfMetadata {
  title: string | null;
  language: string | null;
  metadata: Record<string, MetadataValue>;
}

const IMPLAUSIBLE =
  /^(?:microsoft (?:word|powerpoint|excel)\b|powerpoint[- ]presentation|untitled|ohne titel|unbenannt|(?:document|dokument|book|slide|layout) ?\d*$|print(?:ing)?\b|about:blank|title$)/i;
const FILE_NAME = /\.(?:docx?|pdf|pptx?|xlsx?|od[tsp]|indd|qxd|tex|dvi|ps|rtf|html?|txt|md|p65|fm|png|jpe?g|tiff?)$/i;
/** What report generators fill in where nothing was stated. */
const UNSTATED = /^\(?(?:anonymous|unspecified|unknown|none|null)\)?$/i;

export function plausibleTitle(title: string): boolean {
  return /[\p{L}\p{N}]{2}/u.test(title) && title.length <= 300 && !IMPLAUSIBLE.test(title) && !FILE_NAME.test(title);
}

/** `D:20230114093012+01'00'` as ISO 8601; null if it is no date. */
export function isoDate(value: string): string | null {
  const match = /^(?:D:)?\s*(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)?)?)?)?)?\s*(Z|[+-]\d\d)?'?(\d\d)?/.exec(
    value,
  );
  if (!match) return null;
  const [, year, month = "01", day = "01", hour, minute = "00", second = "00", zone, zoneMinute = "00"] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31 || Number(year) < 1900)
    return null;
  if (hour === undefined) return `${year}-${month}-${day}`;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  const offset = zone === undefined || zone === "Z" ? "Z" : `${zone}:${zoneMinute}`;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
}

/** Reads the information dictionary and XMP; never fails. */
export async function metadataOf(document: PdfDocument): Promise<PdfMetadata> {
  const read = await document.getMetadata().catch(() => null);
  const info = (read?.info ?? {}) as Record<string, unknown>;
  const xmp = (name: string): unknown => {
    try {
      return read?.metadata?.get(name);
    } catch {
      return undefined;
    }
  };
  const metadata: Record<string, MetadataValue> = { pages: document.numPages };
  const title =
    [clean(xmp("dc:title")), clean(info.Title)].find((text) => text !== null && plausibleTitle(text)) ?? null;
  const author = clean(info.Author) ?? clean(xmp("dc:creator"));
  if (author) metadata.author = author;
  const subject = clean(info.Subject);
  if (subject) metadata.subject = subject;
  const keywords = clean(info.Keywords);
  if (keywords) metadata.keywords = keywords;
  const created = isoDate(String(info.CreationDate ?? ""));
  if (created) metadata.created = created;
  const modified = isoDate(String(info.ModDate ?? ""));
  if (modified) metadata.modified = modified;
  const language = clean(info.Language);
  return {
    title,
    language: language && /^[a-z]{2,3}(?:[-_][\w-]+)*$/i.test(language) ? language.replace(/_/g, "-") : null,
    metadata,
  };
}

function clean(value: unknown): string | null {
  const text = Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "";
  const plain = text
    .replace(/[\u0000-\u001f\u007f-\u009f\ufeff]+/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .normalize("NFC");
  return plain === "" || UNSTATED.test(plain) ? null : plain;
}
