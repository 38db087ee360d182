/** Prepared documents for tests of the store, made by the real chunker from Markdown. */
import type { Sql } from "postgres";
import { chunkMarkdown } from "../../src/chunk/chunk.ts";
import { type ClaimedItem, claimItems } from "../../src/queue/claim_items.ts";
import { chunkIdOf, documentIdOf, sourceIdOf, versionIdOf } from "../../src/store/ids.ts";
import type { PreparedDocument, PreparedLink } from "../../src/store/prepared.ts";
import { jobWithItems } from "./queue.ts";

export const TYPE = "FILE_CATALOG_OBJECT";
export const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");
export const documentIdFor = (tenantId: string, ref: string): string => documentIdOf(sourceIdOf(tenantId, TYPE, ref));

/** Claims one new item for each ref, as the pipeline would hold them while it swaps. */
export async function claimFor(sql: Sql, tenantId: string, refs: string[]): Promise<ClaimedItem[]> {
  await jobWithItems(sql, tenantId, refs);
  return claimItems(sql, { worker: "test", leaseSeconds: 60, lane: "inline", limit: refs.length });
}

export function prepared(item: ClaimedItem, markdown: string, links: PreparedLink[] = []): PreparedDocument {
  const documentId = documentIdOf(item.sourceId);
  const versionId = versionIdOf(item.sourceId, sha256(markdown), "1");
  const title = item.externalRef.split("/").at(-1)!;
  const equal = new Map<string, number>();
  const uri = `local://markdown/${item.tenantId}/${item.sourceId}/${versionId}`;
  return {
    claim: { jobId: item.jobId, itemId: item.itemId, runLease: item.runLease },
    tenantId: item.tenantId,
    connectionId: item.connectionId,
    sourceId: item.sourceId,
    sourceType: item.sourceType,
    externalRef: item.externalRef,
    fingerprint: item.descriptor.fingerprint,
    modifiedAt: null,
    versionId,
    checksum: sha256(markdown),
    converterVersion: "1",
    rawUri: `${uri}/raw.bin`,
    markdownUri: `${uri}/normalized.md`,
    manifestUri: `${uri}/artifacts/ingestion.json`,
    mediaType: "text/markdown",
    rawBytes: markdown.length,
    markdownBytes: markdown.length,
    markdownSha256: sha256(markdown),
    documentId,
    title,
    url: null,
    language: "en",
    ftsConfig: "english",
    metadata: {},
    warnings: [],
    chunks: chunkMarkdown(markdown, { title, targetTokens: 40, maxTokens: 60, minTokens: 0, overlapTokens: 0 }).map(
      (chunk) => {
        const preceding = equal.get(chunk.textSha256) ?? 0;
        equal.set(chunk.textSha256, preceding + 1);
        return { ...chunk, chunkId: chunkIdOf(documentId, chunk.textSha256, preceding) };
      },
    ),
    links,
    aliasIds: [],
    dependsOn: null,
  };
}
