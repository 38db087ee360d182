/**
 * What every connector gives: a listing that says of itself whether it is complete, and the bytes of one source.
 * A connector only reads; it knows neither the queue nor the database, so that one conformance suite can hold all of
 * them to the same behaviour. The rule that matters most: a listing is complete only when the connector can prove it,
 * since whatever a complete listing lacks will be deleted.
 */
import type { Format, MetadataValue } from "../convert/converted.ts";
import type { ErrorData } from "../errors.ts";

export const SOURCE_TYPES = [
  "CONFLUENCE_PAGE",
  "CONFLUENCE_ATTACHMENT",
  "FILE_CATALOG_OBJECT",
  "FILE_UPLOAD_OBJECT",
] as const;

export type SourceType = (typeof SOURCE_TYPES)[number];

/** A JSON value as it lies in a row. */
export type JsonObject = Record<string, MetadataValue>;

/** One source as listed, without its payload. Plain JSON: it lies in `ingest_items` until it is fetched. */
export interface Descriptor {
  sourceType: SourceType;
  /** Stable and unique per (tenant, source type), e.g. `file:///srv/docs/a b.md`, `s3://bucket/key`. */
  externalRef: string;
  /** Opaque change mark: equal = unchanged since the last sync. */
  fingerprint: string;
  /** ISO 8601 in UTC. */
  modifiedAt: string | null;
  /** Bytes, when the listing tells. */
  size: number | null;
  /** File name, NFC, for display and for guessing the format. */
  name: string;
  title: string | null;
  /** Where a reader can open it. */
  url: string | null;
  /** What the source says it is; the converter decides by content. */
  mediaType: string | null;
  /** What `fetch` needs to find it again. */
  locator: JsonObject;
}

/** An entry that exists but could not be listed. It becomes a failed item and counts as seen, so it is never deleted. */
export interface ListFailure {
  externalRef: string;
  name: string;
  error: ErrorData;
}

export interface DescriptorPage {
  descriptors: Descriptor[];
  failures: ListFailure[];
  /** Entries outside the include globs or inside the exclude globs. */
  ignored: number;
}

export interface ListOutcome {
  /** True only if every source that exists was listed. Deletions follow from nothing else. */
  listingComplete: boolean;
  /** Why not, one sentence for the job's result. */
  reason?: string;
}

export interface Listing {
  /** Consumed once, page by page; throws SluiceErrors `connector.*`, and stops with the signal's reason when aborted. */
  pages: AsyncIterable<DescriptorPage>;
  /** To be asked after the last page; before it, or after a throw, it says incomplete. */
  outcome(): ListOutcome;
  /**
   * Of external refs that the complete listing lacked, those that exist and belong to the connection nevertheless. For
   * sources whose lists may lose rows; what it returns is not deleted.
   */
  confirmMissing?(missing: readonly string[], signal: AbortSignal): Promise<Set<string>>;
}

export interface ListContext {
  signal: AbortSignal;
  /** Descriptors in a page, about. */
  pageSize?: number;
  /** Only these of the connector's types; without it, all of them. */
  sourceTypes?: readonly SourceType[];
}

export interface FetchContext {
  signal: AbortSignal;
  /** Larger payloads fail with `connector.too_large`; counted on what is read, never trusted from a header. */
  maxBytes: number;
}

/** The payload of one source. */
export interface Fetched {
  bytes: Uint8Array;
  /** As in the descriptor, unless the source knows better by now. */
  name: string;
  mediaType: string | null;
  /** What the bytes are, where the source answers for it; without it, they are looked at. */
  format?: Format;
  title?: string | null;
  url?: string | null;
  modifiedAt?: string | null;
  /** What the source says about the document, merged into its metadata. */
  metadata?: JsonObject;
  /** Set when the raw bytes already lie in the object store (uploads), so that they are not stored twice. */
  rawUri?: string;
  /** Other refs by which links may call this source, of its own source type. */
  aliases?: string[];
  /** External refs of the sources (of the same type) whose content is part of this one. */
  dependsOn?: string[];
}

/** One thing that was tried, in words for the person who set the connection up. */
export interface ConnectionCheck {
  name: string;
  ok: boolean;
  message: string;
  /** Error code, when it is not ok. */
  code?: string;
}

export interface ConnectionTest {
  ok: boolean;
  checks: ConnectionCheck[];
}

export interface Connector {
  /** The types that this connector lists; one connection may give several (pages and attachments). */
  readonly sourceTypes: readonly SourceType[];
  /** External ref, ending in a slash, of the folder that holds all of its sources; where they lie in a tree. */
  readonly treeRef?: string;
  /** False when a setting is missing without which nothing can be reached. */
  isConfigured(): boolean;
  /** What of the config can be checked on this machine, e.g. that a folder is allowed; throws like `list` would. */
  checkConfig?(): void;
  list(context: ListContext): Listing;
  /** Throws PermanentError `connector.gone`, `connector.too_large`, `connector.forbidden`; TransientError, SnoozeError. */
  fetch(descriptor: Descriptor, context: FetchContext): Promise<Fetched>;
  /** Tries what a sync would need, without reading content. */
  test?(signal: AbortSignal): Promise<ConnectionTest>;
  /** Releases sockets and timers. */
  close?(): Promise<void>;
}

/** A configured instance of a source type, as it lies in `connections` (secrets already decrypted). */
export interface Connection {
  sourceType: SourceType;
  /** `config.kind` chooses the implementation: `directory`, `s3`, `upload`, `confluence`. */
  config: JsonObject;
  secrets: Record<string, string>;
}
