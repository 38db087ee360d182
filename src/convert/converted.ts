/**
 * What every converter takes and gives. Converters are pure: bytes and limits in; Markdown, metadata and warnings out.
 * They import no database, object store, config, log, clock or fetch, so that the same bytes always give the same
 * output and the same code can run in a worker thread, in the isolated child process or on a command line.
 */

/** Something imperfect that the reader of the document should know; the conversion went on. */
export interface Warning {
  /** Stable code, `snake_case`, e.g. `image_without_source`. */
  code: string;
  /** One sentence that names the place or the thing. */
  message: string;
  /** How often it happened, when equal warnings were folded. */
  count?: number;
}

export type MetadataValue = string | number | boolean | null | MetadataValue[] | { [key: string]: MetadataValue };

/** A document as Markdown (before the normaliser). */
export interface Converted {
  /** CommonMark + GFM without front matter. */
  markdown: string;
  /** The title that the document itself states, if any (front matter, core properties, <title>, first heading). */
  title: string | null;
  /** BCP 47 language that the document itself declares, if any. */
  language: string | null;
  /** What the document says of itself: authors, dates (ISO 8601), tags, pages, … */
  metadata: Record<string, MetadataValue>;
  warnings: Warning[];
}

/** Bounds for hostile input. Counted on what is really read or inflated, never on what a header declares. */
export interface ConvertLimits {
  /** Bytes that all entries of an archive or all streams of a pdf may inflate to together. */
  inflatedBytesMax: number;
  /** Entries of an archive. */
  archiveEntriesMax: number;
  /** Pages of a paginated document. */
  pagesMax: number;
  /** Nesting of elements. */
  nestingMax: number;
  /** Characters of the resulting Markdown. */
  markdownCharsMax: number;
}

export const DEFAULT_LIMITS: ConvertLimits = {
  inflatedBytesMax: 256 * 1024 * 1024,
  archiveEntriesMax: 65_536,
  pagesMax: 5_000,
  nestingMax: 2048,
  markdownCharsMax: 64 * 1024 * 1024,
};

/** A converter of one format. Throws PermanentError `convert.*`; never anything else on bad input. */
export type Converter = (bytes: Uint8Array, limits: ConvertLimits) => Promise<Converted>;

/** The formats the product reads. `isolated` ones are parsed in the child process, since their parsers face hostile bytes. */
export const FORMATS = {
  markdown: { mediaType: "text/markdown", isolated: false },
  text: { mediaType: "text/plain", isolated: false },
  html: { mediaType: "text/html", isolated: false },
  confluence: { mediaType: "application/vnd.confluence.storage+xml", isolated: false },
  /** A page as the connector stores it: storage format with everything around it, see confluence/page_payload.ts. */
  confluence_page: { mediaType: "application/vnd.sluice.confluence-page+json", isolated: false },
  docx: { mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", isolated: true },
  pdf: { mediaType: "application/pdf", isolated: true },
} as const satisfies Record<string, { mediaType: string; isolated: boolean }>;

export type Format = keyof typeof FORMATS;
