/** A document that is ready to be swapped in: everything computed, nothing written to the database yet. */
import type { Chunk } from "../chunk/chunk.ts";
import type { MetadataValue, Warning } from "../convert/converted.ts";

export type PreparedChunk = Chunk & { chunkId: string };

export interface PreparedLink {
  linkType: string;
  href: string;
  linkText: string;
  anchor: string | null;
  /** Documents this may mean, best first; null when it leads out of the corpus. */
  targetDocumentIds: string[] | null;
}

export interface PreparedDocument {
  /** The claim under which it is written. */
  claim: { jobId: string; itemId: string; runLease: string };
  tenantId: string;
  connectionId: string | null;
  sourceId: string;
  sourceType: string;
  externalRef: string;
  fingerprint: string;
  modifiedAt: string | null;
  versionId: string;
  checksum: string;
  converterVersion: string;
  rawUri: string;
  markdownUri: string;
  manifestUri: string;
  mediaType: string;
  rawBytes: number;
  markdownBytes: number;
  markdownSha256: string;
  documentId: string;
  title: string;
  url: string | null;
  language: string;
  ftsConfig: string;
  metadata: Record<string, MetadataValue>;
  warnings: Warning[];
  chunks: PreparedChunk[];
  links: PreparedLink[];
  /** Ids that links may use instead of this document's own. */
  aliasIds: string[];
  /** Ids of the sources whose content is part of this one; null where that cannot be. */
  dependsOn: string[] | null;
}

/** How the swap of one document ended. */
export interface SwapResult {
  /** `lost`: the claim is no longer held. `superseded`: a later item has already set the current version. */
  state: "current" | "superseded" | "lost";
  /** Chunks that have no vector of the active model yet. */
  chunkIdsToEmbed: string[];
}
