/** Documents as their readers see them: lists, the versions of their sources, chunks and links. */
import type { Sql } from "postgres";
import type { Warning } from "../convert/converted.ts";
import { exactTime, type NewestPosition } from "./jobs.ts";

export interface DocumentRow {
  document_id: string;
  source_id: string;
  source_version_id: string;
  source_type: string;
  external_ref: string;
  connection_id: string | null;
  title: string;
  url: string | null;
  language: string;
  chunk_count: number;
  token_count: number;
  vectors_pending: number;
  hidden: boolean;
  metadata: Record<string, unknown>;
  created_at: Date;
  updated_at: Date;
}

export interface DocumentFilters {
  sourceType: string | null;
  connectionId: string | null;
  externalRef: string | null;
  externalRefPrefix: string | null;
  /** Part of the title, whatever its case. */
  title: string | null;
  includeHidden: boolean;
}

const columns = (sql: Sql) => sql`
  document_id, source_id, source_version_id, source_type, external_ref, connection_id, title, url, language, chunk_count, token_count,
  vectors_pending, hidden, metadata, created_at, updated_at`;

/** Newest first, `limit` rows at most. */
export async function listDocuments(
  sql: Sql,
  tenantId: string,
  filters: DocumentFilters,
  wanted: { limit: number; position: NewestPosition },
): Promise<(DocumentRow & { exact_created_at: string })[]> {
  const [createdAt, id] = wanted.position ?? [null, null];
  const conditions = [
    filters.sourceType === null ? null : sql`source_type = ${filters.sourceType}`,
    filters.connectionId === null ? null : sql`connection_id = ${filters.connectionId}`,
    // Through the sources, whose unique index knows external_ref.
    filters.externalRef === null
      ? null
      : sql`source_id IN (SELECT source_id FROM sources WHERE tenant_id = ${tenantId} AND external_ref = ${filters.externalRef}
          AND source_type IN ('CONFLUENCE_PAGE', 'CONFLUENCE_ATTACHMENT', 'FILE_CATALOG_OBJECT', 'FILE_UPLOAD_OBJECT'))`,
    filters.externalRefPrefix === null ? null : sql`starts_with(external_ref, ${filters.externalRefPrefix})`,
    filters.title === null ? null : sql`strpos(lower(title), lower(${filters.title})) > 0`,
    filters.includeHidden ? null : sql`NOT hidden`,
    createdAt === null ? null : sql`(created_at, document_id) < (${createdAt}::text::timestamptz, ${id}::uuid)`,
  ];
  const where = conditions
    .filter((condition) => condition !== null)
    .reduce((all, condition) => sql`${all} AND ${condition}`, sql`tenant_id = ${tenantId}`);
  return sql<(DocumentRow & { exact_created_at: string })[]>`
    SELECT ${columns(sql)}, ${exactTime(sql, "created_at")} AS exact_created_at FROM documents WHERE ${where}
    ORDER BY created_at DESC, document_id DESC LIMIT ${wanted.limit}`;
}

/** Null when the tenant has no such document; hidden ones are found. */
export async function findDocument(sql: Sql, tenantId: string, documentId: string): Promise<DocumentRow | null> {
  const [row] = await sql<
    DocumentRow[]
  >`SELECT ${columns(sql)} FROM documents WHERE tenant_id = ${tenantId} AND document_id = ${documentId}`;
  return row ?? null;
}

export interface VersionRow {
  source_version_id: string;
  checksum: string;
  converter_version: string;
  s3_raw_uri: string;
  s3_markdown_uri: string;
  media_type: string;
  raw_bytes: number;
  markdown_bytes: number;
  markdown_sha256: string;
  title: string;
  warnings: Warning[];
  created_at: Date;
  /** The version that is indexed now. */
  current: boolean;
}

const versionColumns = (sql: Sql) => sql`
  v.source_version_id, v.checksum, v.converter_version, v.s3_raw_uri, v.s3_markdown_uri, v.media_type,
  v.raw_bytes::float8, v.markdown_bytes::float8, v.markdown_sha256, v.title, v.warnings, v.created_at,
  v.source_version_id = d.source_version_id AS current`;

/** All versions of the document's source, newest first. */
export async function listVersions(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  wanted: { limit: number; position: NewestPosition },
): Promise<(VersionRow & { exact_created_at: string })[]> {
  const [createdAt, id] = wanted.position ?? [null, null];
  return sql<(VersionRow & { exact_created_at: string })[]>`
    SELECT ${versionColumns(sql)}, ${exactTime(sql, "v.created_at")} AS exact_created_at
    FROM documents d JOIN source_versions v ON v.tenant_id = d.tenant_id AND v.source_id = d.source_id
    WHERE d.tenant_id = ${document.tenantId} AND d.document_id = ${document.documentId}
      AND (${createdAt}::text::timestamptz IS NULL OR (v.created_at, v.source_version_id) < (${createdAt}::text::timestamptz, ${id}::uuid))
    ORDER BY v.created_at DESC, v.source_version_id DESC LIMIT ${wanted.limit}`;
}

/** One version of the document's source; without an id the current one. */
export async function findVersion(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  versionId: string | null,
): Promise<(VersionRow & { external_ref: string }) | null> {
  const [row] = await sql<(VersionRow & { external_ref: string })[]>`
    SELECT ${versionColumns(sql)}, d.external_ref
    FROM documents d JOIN source_versions v ON v.tenant_id = d.tenant_id AND v.source_id = d.source_id
      AND v.source_version_id = coalesce(${versionId}::uuid, d.source_version_id)
    WHERE d.tenant_id = ${document.tenantId} AND d.document_id = ${document.documentId}`;
  return row ?? null;
}

export interface ChunkRow {
  chunk_id: string;
  ordinal: number;
  chunk_path: string;
  chunk_text: string;
  chunk_type: string;
  token_count: number;
  char_start: number;
  char_end: number;
  block_start_idx: number;
  block_end_idx: number;
  /** Null while there is no vector of the asked model. */
  embedding_model: string | null;
  embedding_dim: number | null;
  embedding_input_mode: string | null;
  embedded_at: Date | null;
}

/** In order; `after` is the ordinal of the last chunk of the page before. Vectors of `model` alone count. */
export async function listChunks(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  model: string,
  wanted: { limit: number; after: number },
): Promise<ChunkRow[]> {
  return sql<ChunkRow[]>`
    SELECT c.chunk_id, c.ordinal, c.chunk_path, c.chunk_text, c.chunk_type, c.token_count, c.char_start, c.char_end, c.block_start_idx,
      c.block_end_idx, v.embedding_model, v.embedding_dim, v.embedding_input_mode, v.created_at AS embedded_at
    FROM chunks c LEFT JOIN chunk_vectors v ON v.tenant_id = c.tenant_id AND v.chunk_id = c.chunk_id AND v.embedding_model = ${model}
    WHERE c.tenant_id = ${document.tenantId} AND c.document_id = ${document.documentId} AND c.ordinal > ${wanted.after}
    ORDER BY c.ordinal LIMIT ${wanted.limit}`;
}

/** The place of a chunk in its document; null when the document has no such chunk (any more). */
export async function findChunkOrdinal(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  chunkId: string,
): Promise<number | null> {
  const [row] = await sql<{ ordinal: number }[]>`
    SELECT ordinal FROM chunks
    WHERE tenant_id = ${document.tenantId} AND chunk_id = ${chunkId} AND document_id = ${document.documentId}`;
  return row?.ordinal ?? null;
}

export interface LinkRow {
  ordinal: number;
  link_type: string;
  href: string;
  link_text: string;
  anchor: string | null;
  /** The document it leads to, when the corpus has it. */
  to_document_id: string | null;
  to_title: string | null;
}

/** Links found in the document, in order. */
export async function listLinks(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  wanted: { limit: number; after: number },
): Promise<LinkRow[]> {
  return sql<LinkRow[]>`
    SELECT l.ordinal, l.link_type, l.href, l.link_text, l.anchor, x.to_document_id, d.title AS to_title
    FROM document_links l
    LEFT JOIN cross_links x ON x.tenant_id = l.tenant_id AND x.from_document_id = l.document_id AND x.link_ordinal = l.ordinal
    LEFT JOIN documents d ON d.tenant_id = x.tenant_id AND d.document_id = x.to_document_id
    WHERE l.tenant_id = ${document.tenantId} AND l.document_id = ${document.documentId} AND l.ordinal > ${wanted.after}
    ORDER BY l.ordinal LIMIT ${wanted.limit}`;
}

export interface BacklinkRow {
  from_document_id: string;
  from_title: string;
  ordinal: number;
  link_type: string;
  link_text: string;
  anchor: string | null;
}

/** Links of other documents (or its own) that lead to the document. */
export async function listBacklinks(
  sql: Sql,
  document: { tenantId: string; documentId: string },
  wanted: { limit: number; after: readonly [fromDocumentId: string, ordinal: number] | null },
): Promise<BacklinkRow[]> {
  const [fromId, ordinal] = wanted.after ?? [null, 0];
  return sql<BacklinkRow[]>`
    SELECT x.from_document_id, d.title AS from_title, x.link_ordinal AS ordinal, x.link_type, l.link_text, x.anchor
    FROM cross_links x
    JOIN documents d ON d.tenant_id = x.tenant_id AND d.document_id = x.from_document_id
    JOIN document_links l ON l.tenant_id = x.tenant_id AND l.document_id = x.from_document_id AND l.ordinal = x.link_ordinal
    WHERE x.tenant_id = ${document.tenantId} AND x.to_document_id = ${document.documentId}
      AND (${fromId}::uuid IS NULL OR (x.from_document_id, x.link_ordinal) > (${fromId}::uuid, ${ordinal}::integer))
    ORDER BY x.from_document_id, x.link_ordinal LIMIT ${wanted.limit}`;
}
