/** artifacts/ingestion.json: how a version was made, so that any difference between two versions can be explained. */
import { CONVERTER_VERSION, type ConvertedDocument } from "../convert/convert.ts";
import type { Embedder } from "../embed/provider.ts";
import type { PreparedDocument } from "../store/prepared.ts";

/** Stage → milliseconds. */
export type StageTimings = Record<string, number>;

/** The manifest as it is written; `timings` hold what was measured until now. */
export function manifestOf(
  document: PreparedDocument,
  converted: ConvertedDocument,
  embedder: Embedder,
  timings: StageTimings,
): Record<string, unknown> {
  return {
    manifest_version: 1,
    tenant_id: document.tenantId,
    source_id: document.sourceId,
    source_version_id: document.versionId,
    document_id: document.documentId,
    source_type: document.sourceType,
    external_ref: document.externalRef,
    format: converted.format,
    converter_version: CONVERTER_VERSION,
    title: document.title,
    language: document.language,
    fts_config: document.ftsConfig,
    raw: { uri: document.rawUri, sha256: document.checksum, bytes: document.rawBytes },
    markdown: { uri: document.markdownUri, sha256: document.markdownSha256, bytes: document.markdownBytes },
    chunks: document.chunks.length,
    tokens: document.chunks.reduce((sum, chunk) => sum + chunk.tokenCount, 0),
    links: document.links.length,
    embedding: { model: embedder.model, dimensions: embedder.dimensions, input_mode: "path_and_text" },
    metadata: document.metadata,
    warnings: document.warnings,
    timings_ms: timings,
    created_at: new Date().toISOString(),
  };
}
