/** Turns converted Markdown into a document that is ready to be swapped in: chunks and links with their ids. */
import { chunkMarkdown } from "../chunk/chunk.ts";
import type { Config } from "../config.ts";
import { type ContentRef, linkRefs } from "../connector/confluence/refs.ts";
import { assertSourceType } from "../connector/registry.ts";
import { CONVERTER_VERSION, type ConvertedDocument } from "../convert/convert.ts";
import { FORMATS } from "../convert/converted.ts";
import { detectLanguage } from "../index/language.ts";
import { type ParsedMarkdown, parseMarkdown } from "../markdown/blocks.ts";
import { resolveLinkTarget } from "../markdown/link_target.ts";
import { extractLinks } from "../markdown/links.ts";
import type { ClaimedItem } from "../queue/claim_items.ts";
import { chunkIdOf, documentIdOf, sourceIdOf } from "../store/ids.ts";
import type { PreparedChunk, PreparedDocument, PreparedLink } from "../store/prepared.ts";
import type { FetchedSource } from "./fetch.ts";

/** Longest title kept, in UTF-16 code units. */
const TITLE_MAX = 500;

export interface PrepareInput {
  item: ClaimedItem;
  fetched: FetchedSource;
  converted: ConvertedDocument;
  /** The Markdown's UTF-8 bytes. */
  markdown: Uint8Array;
  versionId: string;
  uris: { rawUri: string; markdownUri: string; manifestUri: string };
}

/** Pure but for the language model, which is loaded at first use. */
export function prepareDocument(
  { item, fetched, converted, markdown, versionId, uris }: PrepareInput,
  chunking: Config["chunking"],
): PreparedDocument {
  const { descriptor } = item;
  const parsed = parseMarkdown(converted.markdown);
  const documentId = documentIdOf(item.sourceId);
  const title =
    (fetched.title ?? descriptor.title ?? converted.title ?? fetched.name).trim().slice(0, TITLE_MAX) || fetched.name;
  return {
    claim: { jobId: item.jobId, itemId: item.itemId, runLease: item.runLease },
    tenantId: item.tenantId,
    connectionId: item.connectionId,
    sourceId: item.sourceId,
    sourceType: item.sourceType,
    externalRef: item.externalRef,
    fingerprint: descriptor.fingerprint,
    modifiedAt: fetched.modifiedAt ?? descriptor.modifiedAt,
    versionId,
    checksum: fetched.checksum,
    converterVersion: CONVERTER_VERSION,
    ...uris,
    mediaType: FORMATS[converted.format].mediaType,
    rawBytes: fetched.bytes.byteLength,
    markdownBytes: markdown.byteLength,
    markdownSha256: new Bun.CryptoHasher("sha256").update(markdown).digest("hex"),
    documentId,
    title,
    url: fetched.url ?? descriptor.url,
    ...detectLanguage(converted.markdown, converted.language ?? undefined),
    metadata: { ...converted.metadata, ...fetched.metadata },
    warnings: converted.warnings,
    chunks: prepareChunks(parsed, title, documentId, chunking),
    links: prepareLinks(parsed, item, fetched.treeRef),
    aliasIds: (fetched.aliases ?? []).map((ref) => documentIdOf(sourceIdOf(item.tenantId, item.sourceType, ref))),
    dependsOn: fetched.dependsOn?.map((ref) => sourceIdOf(item.tenantId, item.sourceType, ref)) ?? null,
  };
}

function prepareChunks(
  markdown: ParsedMarkdown,
  title: string,
  documentId: string,
  chunking: Config["chunking"],
): PreparedChunk[] {
  const equal = new Map<string, number>();
  return chunkMarkdown(markdown, { title, ...chunking }).map((chunk) => {
    const preceding = equal.get(chunk.textSha256) ?? 0;
    equal.set(chunk.textSha256, preceding + 1);
    return { ...chunk, chunkId: chunkIdOf(documentId, chunk.textSha256, preceding) };
  });
}

function prepareLinks(markdown: ParsedMarkdown, item: ClaimedItem, treeRef: string | undefined): PreparedLink[] {
  return extractLinks(markdown).map((link) => {
    const { anchor, targets } = targetsOf(link.href, item, treeRef);
    return {
      linkType: link.type,
      href: link.href,
      linkText: link.text,
      anchor,
      targetDocumentIds:
        targets?.map(({ sourceType, ref }) => documentIdOf(sourceIdOf(item.tenantId, sourceType, ref))) ?? null,
    };
  });
}

/** What a link may mean: within a tree by its path, within a Confluence site by its address. */
function targetsOf(
  href: string,
  item: ClaimedItem,
  treeRef: string | undefined,
): { anchor: string | null; targets: ContentRef[] | null } {
  if (item.externalRef.startsWith("confluence://")) {
    const targets = linkRefs(href, item.externalRef);
    const hash = href.indexOf("#");
    return { anchor: hash < 0 ? null : decoded(href.slice(hash + 1)), targets: targets.length > 0 ? targets : null };
  }
  const target = resolveLinkTarget(href, { externalRef: item.externalRef, treeRef });
  const sourceType = assertSourceType(item.sourceType);
  return { anchor: target.anchor ?? null, targets: target.candidates?.map((ref) => ({ sourceType, ref })) ?? null };
}

function decoded(anchor: string): string {
  try {
    return decodeURIComponent(anchor);
  } catch {
    return anchor;
  }
}
