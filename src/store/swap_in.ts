/**
 * Makes new versions current: one short transaction for a batch of documents of one tenant. Until it commits the old
 * versions are searchable, after it the new ones; there is no moment between. Chunks are applied as a difference:
 * unchanged ones keep row, vector and full-text row, vanished ones go, new ones come.
 * Every statement is set-based; sources are locked in id order, so that two batches cannot deadlock.
 */
import type { Sql, TransactionSql } from "postgres";
import { asTenant } from "../db/tenant_scope.ts";
import { joinTexts } from "../db/text_array.ts";
import { TransientError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { deleteFts, insertFts } from "../index/write_fts.ts";
import { replaceDependencies } from "./dependencies.ts";
import { replaceLinks, resolveLinks } from "./links.ts";
import type { PreparedChunk, PreparedDocument, SwapResult } from "./prepared.ts";

/** How long a swapped document waits before the background embedder may take it, while its own item embeds it. */
const EMBED_GRACE_SECONDS = 120;

/**
 * `documents` all belong to one tenant; the results are in their order. `model`: the active embedding model.
 * Throws TransientError `database.conflict` where one of the sources is being removed at this very moment.
 */
export async function swapIn(sql: Sql, documents: PreparedDocument[], model: string): Promise<SwapResult[]> {
  const results = await makeCurrent(sql, documents, model);
  const current = documents.filter((_, i) => results[i]!.state === "current");
  if (current.length > 0) await resolveLinks(sql, documents[0]!.tenantId, current);
  return results;
}

async function makeCurrent(sql: Sql, documents: PreparedDocument[], model: string): Promise<SwapResult[]> {
  const tenantId = documents[0]!.tenantId;
  return (await asTenant(sql, tenantId).begin(async (tx) => {
    const [held, , newest, indexedAs] = await Promise.all([
      lockClaims(tx, tenantId, documents),
      createSources(tx, tenantId, documents),
      lockSources(tx, tenantId, documents),
      currentConfigs(tx, tenantId, documents),
    ]);
    const states = documents.map((d): SwapResult["state"] => {
      if (!held.has(d.claim.itemId)) return "lost";
      // A later wish for the same source has been fulfilled already: keep the version, leave the document.
      return BigInt(newest.get(d.sourceId) ?? "0") > BigInt(d.claim.itemId) ? "superseded" : "current";
    });
    const alive = documents.filter((_, i) => states[i] !== "lost");
    const current = documents.filter((_, i) => states[i] === "current");
    if (alive.length > 0) await insertVersions(tx, tenantId, alive);
    const toEmbed =
      current.length > 0
        ? await replaceDocuments(tx, tenantId, current, model, indexedAs)
        : new Map<string, string[]>();
    await failpoint("during_swap");
    return documents.map((d, i) => ({
      state: states[i]!,
      chunkIdsToEmbed: states[i] === "current" ? (toEmbed.get(d.documentId) ?? []) : [],
    }));
  })) as SwapResult[];
}

/** Holds the claimed rows until commit: neither a rescue nor a cancel can take them away in between. */
async function lockClaims(tx: TransactionSql, tenantId: string, documents: PreparedDocument[]): Promise<Set<string>> {
  const rows = await tx<{ item_id: string }[]>`
    SELECT i.item_id::text FROM ingest_items i
    JOIN unnest(${documents.map((d) => d.claim.jobId)}::uuid[], ${documents.map((d) => d.claim.itemId)}::bigint[], ${documents.map((d) => d.claim.runLease)}::bigint[])
      AS n (job_id, item_id, run_lease) ON i.job_id = n.job_id AND i.item_id = n.item_id AND i.run_lease = n.run_lease
    WHERE i.tenant_id = ${tenantId} AND i.item_status = 'running'
    ORDER BY i.item_id FOR UPDATE OF i`;
  return new Set(rows.map((row) => row.item_id));
}

/**
 * Creates the sources that are new. Two unique keys say the same of a source; with one of them named in ON CONFLICT, two
 * transactions that create it at once wait for each other, or one fails by the other key. With none named both decide.
 */
async function createSources(tx: TransactionSql, tenantId: string, documents: PreparedDocument[]): Promise<void> {
  await tx`
    INSERT INTO sources (tenant_id, source_id, source_type, external_ref, connection_id)
    SELECT ${tenantId}::uuid, n.* FROM unnest(${documents.map((d) => d.sourceId)}::uuid[], ${documents.map((d) => d.sourceType)}::text[],
      ${documents.map((d) => d.externalRef)}::text[], ${documents.map((d) => d.connectionId)}::uuid[]) AS n (source_id, source_type, external_ref, connection_id)
    ORDER BY n.source_id
    ON CONFLICT DO NOTHING`;
}

/** Holds the sources until commit; returns which item set the current version of each. */
async function lockSources(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
): Promise<Map<string, string>> {
  const ids = [...new Set(documents.map((d) => d.sourceId))];
  const rows = await tx<{ source_id: string; current_item_id: string }[]>`
    SELECT source_id, current_item_id::text FROM sources
    WHERE tenant_id = ${tenantId} AND source_id = ANY (${ids}::uuid[])
    ORDER BY source_id FOR NO KEY UPDATE`;
  // Seen while it was created, removed by gc before it could be held.
  if (rows.length < ids.length) throw new TransientError("database.conflict", "a source was removed meanwhile");
  return new Map(rows.map((row) => [row.source_id, row.current_item_id]));
}

/** The text-search configuration under which the documents are indexed now; documents that are new have none. */
async function currentConfigs(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
): Promise<Map<string, string>> {
  const rows = await tx<{ document_id: string; fts_config: string }[]>`
    SELECT document_id, fts_config FROM documents
    WHERE tenant_id = ${tenantId} AND document_id = ANY (${documents.map((d) => d.documentId)}::uuid[])`;
  return new Map(rows.map((row) => [row.document_id, row.fts_config]));
}

async function insertVersions(tx: TransactionSql, tenantId: string, d: PreparedDocument[]): Promise<void> {
  await tx`
    INSERT INTO source_versions (tenant_id, source_version_id, source_id, checksum, converter_version, s3_raw_uri, s3_markdown_uri, s3_manifest_uri,
      media_type, raw_bytes, markdown_bytes, markdown_sha256, title, warnings)
    SELECT ${tenantId}::uuid, n.source_version_id, n.source_id, n.checksum, n.converter_version, n.raw_uri, n.markdown_uri, n.manifest_uri,
      n.media_type, n.raw_bytes, n.markdown_bytes, n.markdown_sha256, n.title, n.warnings::jsonb
    FROM unnest(${d.map((x) => x.versionId)}::uuid[], ${d.map((x) => x.sourceId)}::uuid[], ${d.map((x) => x.checksum)}::text[],
      ${d.map((x) => x.converterVersion)}::text[], ${d.map((x) => x.rawUri)}::text[], ${d.map((x) => x.markdownUri)}::text[],
      ${d.map((x) => x.manifestUri)}::text[], ${d.map((x) => x.mediaType)}::text[], ${d.map((x) => x.rawBytes)}::bigint[],
      ${d.map((x) => x.markdownBytes)}::bigint[], ${d.map((x) => x.markdownSha256)}::text[], ${d.map((x) => x.title)}::text[],
      ${d.map((x) => JSON.stringify(x.warnings))}::text[])
      AS n (source_version_id, source_id, checksum, converter_version, raw_uri, markdown_uri, manifest_uri, media_type, raw_bytes, markdown_bytes,
            markdown_sha256, title, warnings)
    ON CONFLICT (tenant_id, source_version_id) DO NOTHING`;
}

/** Documents, chunks, full text, links and sync state; returns the chunks that lack a vector, by document. */
async function replaceDocuments(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  model: string,
  indexedAs: Map<string, string>,
): Promise<Map<string, string[]>> {
  // One after the other: what is sent while Postgres is busy with the statement before piles up in the socket, and
  // costs more than the round trip that it saves.
  const existing = await upsertDocuments(tx, tenantId, documents);
  const inserted = await upsertChunks(tx, tenantId, documents);
  const fresh = documents.flatMap((d) =>
    d.chunks.filter((c) => inserted.has(c.chunkId)).map((chunk) => ({ document: d, chunk })),
  );
  // Before the chunks that carry the vectors vanish.
  const takenOver = await takeOverVectors(
    tx,
    tenantId,
    fresh.map(({ chunk }) => chunk),
    model,
  );
  // In another language all of it is stemmed anew.
  const stemmedAnew = documents
    .filter((d) => (indexedAs.get(d.documentId) ?? d.ftsConfig) !== d.ftsConfig)
    .flatMap((d) => d.chunks.filter((c) => !inserted.has(c.chunkId)).map((chunk) => ({ document: d, chunk })));
  if (stemmedAnew.length > 0)
    await deleteFts(
      tx,
      tenantId,
      stemmedAnew.map(({ chunk }) => chunk.chunkId),
    );
  await insertFts(
    tx,
    [...fresh, ...stemmedAnew].map(({ document, chunk }) => ftsRow(document, chunk)),
  );
  await deleteVanishedChunks(tx, tenantId, documents);
  await replaceLinks(
    tx,
    tenantId,
    documents,
    documents.filter((d) => existing.has(d.documentId)),
  );
  await replaceDependencies(tx, tenantId, documents);
  await rememberSynced(tx, tenantId, documents);
  const toEmbed = await findMissingVectors(
    tx,
    tenantId,
    documents.filter((d) => existing.get(d.documentId)),
    model,
  );
  const without = fresh.filter(({ chunk }) => !takenOver.has(chunk.chunkId));
  for (const [id, chunks] of Map.groupBy(without, ({ document }) => document.documentId))
    if (!existing.get(id))
      toEmbed.set(
        id,
        chunks.map(({ chunk }) => chunk.chunkId),
      );
  await notePending(tx, tenantId, documents, toEmbed, existing);
  return toEmbed;
}

const ftsRow = (document: PreparedDocument, chunk: PreparedChunk) => ({
  tenantId: document.tenantId,
  chunkId: chunk.chunkId,
  ftsConfig: document.ftsConfig,
  title: document.title,
  chunkPath: chunk.chunkPath,
  chunkText: chunk.chunkText,
});

/** Those that existed before, and whether chunks of theirs were still waiting for vectors. */
async function upsertDocuments(
  tx: TransactionSql,
  tenantId: string,
  d: PreparedDocument[],
): Promise<Map<string, boolean>> {
  const rows = await tx<{ document_id: string; created: boolean; waiting: boolean }[]>`
    INSERT INTO documents AS doc (tenant_id, document_id, source_id, source_version_id, source_type, external_ref, connection_id, title, url,
      language, fts_config, metadata, chunk_count, token_count, vectors_pending, embed_after)
    SELECT ${tenantId}::uuid, n.document_id, n.source_id, n.source_version_id, n.source_type, n.external_ref, n.connection_id, n.title, nullif(n.url, ''),
      n.language, n.fts_config, n.metadata::jsonb, n.chunk_count, n.token_count, n.chunk_count, now() + make_interval(secs => ${EMBED_GRACE_SECONDS})
    FROM unnest(${d.map((x) => x.documentId)}::uuid[], ${d.map((x) => x.sourceId)}::uuid[], ${d.map((x) => x.versionId)}::uuid[],
      ${d.map((x) => x.sourceType)}::text[], ${d.map((x) => x.externalRef)}::text[], ${d.map((x) => x.connectionId)}::uuid[],
      ${d.map((x) => x.title)}::text[], ${d.map((x) => x.url ?? "")}::text[], ${d.map((x) => x.language)}::text[], ${d.map((x) => x.ftsConfig)}::text[],
      ${d.map((x) => JSON.stringify(x.metadata))}::text[], ${d.map((x) => x.chunks.length)}::integer[],
      ${d.map((x) => x.chunks.reduce((sum, c) => sum + c.tokenCount, 0))}::integer[])
      AS n (document_id, source_id, source_version_id, source_type, external_ref, connection_id, title, url, language, fts_config, metadata, chunk_count, token_count)
    ON CONFLICT (tenant_id, document_id) DO UPDATE SET source_version_id = excluded.source_version_id, connection_id = excluded.connection_id,
      title = excluded.title, url = excluded.url, language = excluded.language, fts_config = excluded.fts_config, metadata = excluded.metadata,
      chunk_count = excluded.chunk_count, token_count = excluded.token_count, embed_after = excluded.embed_after, hidden = false, updated_at = now()
    RETURNING doc.document_id, (xmax = 0) AS created, doc.vectors_pending > 0 AS waiting`;
  return new Map(rows.filter((row) => !row.created).map((row) => [row.document_id, row.waiting]));
}

/** Returns the ids of the chunks that are new. Those that only moved keep their row. */
async function upsertChunks(tx: TransactionSql, tenantId: string, documents: PreparedDocument[]): Promise<Set<string>> {
  const c = documents.flatMap((d) => d.chunks.map((chunk) => ({ ...chunk, documentId: d.documentId })));
  if (c.length === 0) return new Set();
  const rows = await tx<{ chunk_id: string; inserted: boolean }[]>`
    INSERT INTO chunks AS old (tenant_id, chunk_id, document_id, ordinal, chunk_path, chunk_text, chunk_type, token_count, char_start, char_end,
      block_start_idx, block_end_idx)
    SELECT ${tenantId}::uuid, n.* FROM unnest(${c.map((x) => x.chunkId)}::uuid[], ${c.map((x) => x.documentId)}::uuid[], ${c.map((x) => x.ordinal)}::integer[],
      (string_to_array(${joinTexts(c.map((x) => x.chunkPath))}, E'\\x1f'))[2:], (string_to_array(${joinTexts(c.map((x) => x.chunkText))}, E'\\x1f'))[2:], ${c.map((x) => x.chunkType)}::text[],
      ${c.map((x) => x.tokenCount)}::integer[], ${c.map((x) => x.charStart)}::integer[], ${c.map((x) => x.charEnd)}::integer[],
      ${c.map((x) => x.blockStartIdx)}::integer[], ${c.map((x) => x.blockEndIdx)}::integer[]) AS n
    ON CONFLICT (tenant_id, chunk_id) DO UPDATE SET ordinal = excluded.ordinal, chunk_type = excluded.chunk_type, token_count = excluded.token_count,
      char_start = excluded.char_start, char_end = excluded.char_end, block_start_idx = excluded.block_start_idx, block_end_idx = excluded.block_end_idx
    WHERE (old.ordinal, old.char_start, old.char_end, old.block_start_idx, old.block_end_idx, old.chunk_type, old.token_count)
      IS DISTINCT FROM (excluded.ordinal, excluded.char_start, excluded.char_end, excluded.block_start_idx, excluded.block_end_idx, excluded.chunk_type, excluded.token_count)
    RETURNING old.chunk_id, (xmax = 0) AS inserted`;
  return new Set(rows.filter((row) => row.inserted).map((row) => row.chunk_id));
}

/** New chunks take over a vector that the tenant already has for the same text and model (moved pages, duplicates). */
async function takeOverVectors(
  tx: TransactionSql,
  tenantId: string,
  chunks: PreparedChunk[],
  model: string,
): Promise<Set<string>> {
  if (chunks.length === 0) return new Set();
  // LATERAL: each is looked up by key, whatever the planner believes of a table that is being filled.
  const rows = await tx<{ chunk_id: string }[]>`
    INSERT INTO chunk_vectors (tenant_id, chunk_id, embedding_model, embedding_dim, embedding_input_mode, text_sha256, embedding)
    SELECT ${tenantId}::uuid, n.chunk_id, v.embedding_model, v.embedding_dim, v.embedding_input_mode, v.text_sha256, v.embedding
    FROM unnest(${chunks.map((c) => c.chunkId)}::uuid[], ${chunks.map((c) => c.textSha256)}::text[]) AS n (chunk_id, text_sha256)
    CROSS JOIN LATERAL (
      SELECT * FROM chunk_vectors
      WHERE tenant_id = ${tenantId} AND text_sha256 = decode(n.text_sha256, 'hex') AND embedding_model = ${model} LIMIT 1
    ) AS v
    ON CONFLICT DO NOTHING RETURNING chunk_id`;
  return new Set(rows.map((row) => row.chunk_id));
}

async function deleteVanishedChunks(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
): Promise<void> {
  await tx`
    DELETE FROM chunks
    WHERE tenant_id = ${tenantId} AND document_id = ANY (${documents.map((d) => d.documentId)}::uuid[])
      AND chunk_id NOT IN (SELECT unnest(${documents.flatMap((d) => d.chunks.map((c) => c.chunkId))}::uuid[]))`;
}

/** Sync state and the pointer to the current version. */
async function rememberSynced(tx: TransactionSql, tenantId: string, d: PreparedDocument[]): Promise<void> {
  await Promise.all([
    tx`
    INSERT INTO source_sync_state (tenant_id, source_type, external_ref, source_id, connection_id, fingerprint, last_seen_modified_at,
      last_seen_checksum, last_status, converter_version)
    SELECT ${tenantId}::uuid, n.source_type, n.external_ref, n.source_id, n.connection_id, n.fingerprint, nullif(n.modified_at, '')::timestamptz,
      n.checksum, 'ingested', n.converter_version
    FROM unnest(${d.map((x) => x.sourceType)}::text[], ${d.map((x) => x.externalRef)}::text[], ${d.map((x) => x.sourceId)}::uuid[],
      ${d.map((x) => x.connectionId)}::uuid[], ${d.map((x) => x.fingerprint)}::text[], ${d.map((x) => x.modifiedAt ?? "")}::text[],
      ${d.map((x) => x.checksum)}::text[], ${d.map((x) => x.converterVersion)}::text[])
      AS n (source_type, external_ref, source_id, connection_id, fingerprint, modified_at, checksum, converter_version)
    ON CONFLICT (tenant_id, source_type, external_ref) DO UPDATE SET connection_id = excluded.connection_id, fingerprint = excluded.fingerprint,
      last_seen_modified_at = excluded.last_seen_modified_at, last_seen_checksum = excluded.last_seen_checksum, last_synced_at = now(),
      last_status = 'ingested', converter_version = excluded.converter_version, error_code = NULL, error_message = NULL`,
    tx`
    UPDATE sources s SET connection_id = n.connection_id, current_version_id = n.version_id, current_item_id = n.item_id,
      presence_since = CASE WHEN s.presence = 'present' THEN s.presence_since ELSE now() END, presence = 'present'
    FROM unnest(${d.map((x) => x.sourceId)}::uuid[], ${d.map((x) => x.connectionId)}::uuid[], ${d.map((x) => x.versionId)}::uuid[],
      ${d.map((x) => x.claim.itemId)}::bigint[]) AS n (source_id, connection_id, version_id, item_id)
    WHERE s.tenant_id = ${tenantId} AND s.source_id = ANY (${d.map((x) => x.sourceId)}::uuid[]) AND s.source_id = n.source_id`,
  ]);
}

/**
 * Chunks of these documents without a vector of the active model, by document. Asked only for documents that an outage
 * left waiting: for all others the new chunks are known without looking.
 */
async function findMissingVectors(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  model: string,
): Promise<Map<string, string[]>> {
  if (documents.length === 0) return new Map();
  const rows = await tx<{ document_id: string; chunk_ids: string[] }[]>`
    SELECT c.document_id, array_agg(c.chunk_id::text ORDER BY c.ordinal) AS chunk_ids FROM chunks c
    WHERE c.tenant_id = ${tenantId} AND c.document_id = ANY (${documents.map((d) => d.documentId)}::uuid[]) AND NOT EXISTS (
      SELECT 1 FROM chunk_vectors v WHERE v.tenant_id = c.tenant_id AND v.chunk_id = c.chunk_id AND v.embedding_model = ${model})
    GROUP BY c.document_id`;
  return new Map(rows.map((row) => [row.document_id, row.chunk_ids]));
}

/** A new document was written as waiting for all of its chunks, which is nearly always true already. */
async function notePending(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  toEmbed: Map<string, string[]>,
  existing: Map<string, boolean>,
): Promise<void> {
  const pendingOf = (d: PreparedDocument) => toEmbed.get(d.documentId)?.length ?? 0;
  const differing = documents.filter((d) => existing.has(d.documentId) || pendingOf(d) !== d.chunks.length);
  if (differing.length === 0) return;
  const ids = differing.map((d) => d.documentId);
  await tx`
    UPDATE documents d SET vectors_pending = n.pending
    FROM unnest(${ids}::uuid[], ${differing.map(pendingOf)}::integer[]) AS n (document_id, pending)
    WHERE d.tenant_id = ${tenantId} AND d.document_id = ANY (${ids}::uuid[]) AND d.document_id = n.document_id
      AND d.vectors_pending <> n.pending`;
}
