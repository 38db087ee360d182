/** Puts documents with their chunks and full-text rows into a test database, the way the pipeline's swap-in leaves them. */
import { createHash } from "node:crypto";
import type { Sql } from "postgres";
import { insertFts } from "../../src/index/write_fts.ts";
import { chunkIdOf, documentIdOf, sourceIdOf, versionIdOf } from "../../src/store/ids.ts";

export interface SeedDocument {
  ref: string;
  title: string;
  chunks: { path: string; text: string }[];
  config?: string;
  language?: string;
  url?: string;
  hidden?: boolean;
  connectionId?: string;
  sourceType?: string;
}

export interface SeededChunk {
  tenantId: string;
  documentId: string;
  chunkId: string;
  ref: string;
  embeddingText: string;
  textSha256: string;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Inserts in batches; returns the chunks in order. Every chunk gets its full-text row, none a vector. */
export async function seedDocuments(sql: Sql, tenantId: string, documents: SeedDocument[]): Promise<SeededChunk[]> {
  const seeded: SeededChunk[] = [];
  for (let start = 0; start < documents.length; start += 500)
    seeded.push(...(await seedBatch(sql, tenantId, documents.slice(start, start + 500))));
  return seeded;
}

async function seedBatch(sql: Sql, tenantId: string, documents: SeedDocument[]): Promise<SeededChunk[]> {
  const rows = documents.map((document) => {
    const sourceType = document.sourceType ?? "FILE_CATALOG_OBJECT";
    const sourceId = sourceIdOf(tenantId, sourceType, document.ref);
    return {
      ...document,
      sourceType,
      sourceId,
      versionId: versionIdOf(sourceId, sha256(document.ref), "1"),
      documentId: documentIdOf(sourceId),
    };
  });
  const chunks = rows.flatMap((document) =>
    document.chunks.map((chunk, ordinal) => {
      const embeddingText = `[H] ${chunk.path}\n${chunk.text}`;
      const textSha256 = sha256(embeddingText);
      const chunkId = chunkIdOf(document.documentId, textSha256, ordinal);
      return { document, chunk, ordinal, chunkId, embeddingText, textSha256 };
    }),
  );
  await sql.begin(async (tx) => {
    await tx`INSERT INTO sources ${tx(
      rows.map((row) => ({
        tenant_id: tenantId,
        source_id: row.sourceId,
        source_type: row.sourceType,
        external_ref: row.ref,
        current_version_id: row.versionId,
      })),
    )}`;
    await tx`INSERT INTO source_versions ${tx(
      rows.map((row) => ({
        tenant_id: tenantId,
        source_version_id: row.versionId,
        source_id: row.sourceId,
        checksum: sha256(row.ref),
        converter_version: "1",
        s3_raw_uri: "x",
        s3_markdown_uri: "x",
        s3_manifest_uri: "x",
        media_type: "text/plain",
        raw_bytes: 1,
        markdown_bytes: 1,
        markdown_sha256: sha256(row.ref),
        title: row.title,
      })),
    )}`;
    await tx`INSERT INTO documents ${tx(
      rows.map((row) => ({
        tenant_id: tenantId,
        document_id: row.documentId,
        source_id: row.sourceId,
        source_version_id: row.versionId,
        source_type: row.sourceType,
        external_ref: row.ref,
        connection_id: row.connectionId ?? null,
        title: row.title,
        url: row.url ?? null,
        language: row.language ?? "en",
        fts_config: row.config ?? "english",
        chunk_count: row.chunks.length,
        hidden: row.hidden ?? false,
      })),
    )}`;
    for (let start = 0; start < chunks.length; start += 2_000)
      await tx`INSERT INTO chunks ${tx(
        chunks.slice(start, start + 2_000).map((chunk) => ({
          tenant_id: tenantId,
          chunk_id: chunk.chunkId,
          document_id: chunk.document.documentId,
          ordinal: chunk.ordinal,
          chunk_path: chunk.chunk.path,
          chunk_text: chunk.chunk.text,
          chunk_type: "paragraph",
          token_count: 1,
          char_start: 0,
          char_end: chunk.chunk.text.length,
          block_start_idx: 0,
          block_end_idx: 0,
        })),
      )}`;
    await insertFts(
      tx,
      chunks.map((chunk) => ({
        tenantId,
        chunkId: chunk.chunkId,
        ftsConfig: chunk.document.config ?? "english",
        title: chunk.document.title,
        chunkPath: chunk.chunk.path,
        chunkText: chunk.chunk.text,
      })),
    );
  });
  return chunks.map(({ document, chunkId, embeddingText, textSha256 }) => ({
    tenantId,
    documentId: document.documentId,
    chunkId,
    ref: document.ref,
    embeddingText,
    textSha256,
  }));
}
