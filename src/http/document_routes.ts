/** Documents over HTTP: lists, one document, its chunks, versions and links. Their bytes are in content_routes.ts. */
import * as v from "valibot";
import {
  type ChunkRow,
  type DocumentRow,
  findDocument,
  findVersion,
  listBacklinks,
  listChunks,
  listDocuments,
  listLinks,
  listVersions,
} from "../store/documents.ts";
import { decodeCursor, encodeCursor, LinksKey, NewestKey, OrdinalKey, pageOf } from "./cursor.ts";
import {
  count,
  flag,
  instant,
  jsonObject,
  nextCursor,
  pageCursor,
  pageLimit,
  sourceType,
  tenantFilter,
  uuid,
} from "./fields.ts";
import { jsonRoute } from "./route.ts";
import { found, tenantNamed, tenantOwning } from "./tenancy.ts";

const documentFields = {
  document_id: uuid,
  source_id: uuid,
  source_version_id: uuid,
  source_type: v.string(),
  external_ref: v.string(),
  connection_id: v.nullable(uuid),
  title: v.string(),
  url: v.nullable(v.string()),
  language: v.string(),
  chunk_count: count,
  token_count: count,
  vectors_pending: count,
  hidden: v.pipe(v.boolean(), v.description("Missing from the last complete listing: kept, but not found by search.")),
  metadata: jsonObject,
  created_at: instant,
  updated_at: instant,
};
const Warnings = v.array(v.strictObject({ code: v.string(), message: v.string(), count: v.optional(count) }));

const versionFields = {
  source_version_id: uuid,
  checksum: v.pipe(v.string(), v.hash(["sha256"])),
  converter_version: v.string(),
  s3_raw_uri: v.string(),
  s3_markdown_uri: v.string(),
  media_type: v.string(),
  raw_bytes: count,
  markdown_bytes: count,
  markdown_sha256: v.pipe(v.string(), v.hash(["sha256"])),
  title: v.string(),
  warnings: Warnings,
  created_at: instant,
  current: v.boolean(),
};

const Version = v.pipe(v.strictObject(versionFields), v.title("Version"));
const DocumentAnswer = v.pipe(v.strictObject(documentFields), v.title("Document"));

const Chunk = v.pipe(
  v.strictObject({
    chunk_id: uuid,
    ordinal: count,
    chunk_path: v.string(),
    chunk_text: v.string(),
    chunk_type: v.string(),
    token_count: count,
    char_start: count,
    char_end: count,
    block_start_idx: count,
    block_end_idx: count,
    embedding_state: v.pipe(v.picklist(["embedded", "pending"]), v.description("For the model that search uses now.")),
    embedding_model: v.nullable(v.string()),
    embedding_dim: v.nullable(count),
    embedding_input_mode: v.nullable(v.string()),
    embedded_at: v.nullable(instant),
  }),
  v.title("Chunk"),
);

const Link = v.pipe(
  v.strictObject({
    ordinal: count,
    link_type: v.string(),
    href: v.string(),
    link_text: v.string(),
    anchor: v.nullable(v.string()),
    to_document_id: v.nullable(uuid),
    to_title: v.nullable(v.string()),
  }),
  v.title("Link"),
);
const Backlink = v.pipe(
  v.strictObject({
    from_document_id: uuid,
    from_title: v.string(),
    ordinal: count,
    link_type: v.string(),
    link_text: v.string(),
    anchor: v.nullable(v.string()),
  }),
  v.title("Backlink"),
);

const id = { id: uuid };
const tag = "Documents";

const list = jsonRoute({
  method: "get",
  path: "/v1/documents",
  summary: "List documents, newest first",
  tag,
  access: "read",
  query: {
    tenant_id: tenantFilter,
    source_type: v.optional(sourceType),
    connection_id: v.optional(uuid),
    external_ref: v.optional(v.string()),
    external_ref_prefix: v.optional(v.string()),
    q: v.optional(
      v.pipe(v.string(), v.maxLength(200, "must have at most 200 characters"), v.description("Part of the title.")),
    ),
    include_hidden: flag,
    limit: pageLimit(50, 500),
    cursor: pageCursor,
  },
  answer: v.strictObject({ documents: v.array(DocumentAnswer), next_cursor: nextCursor }),
  async handle(call) {
    const { query } = call;
    const position = decodeCursor(NewestKey, query.cursor);
    const tenant = await tenantNamed(call, query.tenant_id);
    const filters = {
      sourceType: query.source_type ?? null,
      connectionId: query.connection_id ?? null,
      externalRef: query.external_ref ?? null,
      externalRefPrefix: query.external_ref_prefix ?? null,
      title: query.q ?? null,
      includeHidden: query.include_hidden,
    };
    const rows = await listDocuments(call.deps.sql, tenant, filters, { limit: query.limit + 1, position });
    const { page, next_cursor } = pageOf(rows, query.limit, (row) => [row.exact_created_at, row.document_id]);
    return { documents: page.map(({ exact_created_at: _, ...row }) => row satisfies DocumentRow), next_cursor };
  },
});

const get = jsonRoute({
  method: "get",
  path: "/v1/documents/{id}",
  summary: "Get a document with its current version",
  tag,
  access: "read",
  params: id,
  answer: v.strictObject({ ...documentFields, version: Version }),
  async handle(call) {
    const { sql } = call.deps;
    const documentId = call.params.id;
    const tenantId = await tenantOwning(call, "document", documentId);
    const document = found(await findDocument(sql, tenantId, documentId), "document", documentId);
    // The id of the row just read: a swap in between must not give a version that is not the document's.
    const version = found(
      await findVersion(sql, { tenantId, documentId }, document.source_version_id),
      "document",
      documentId,
    );
    const { external_ref: _, ...rest } = version;
    return { ...document, version: rest };
  },
});

const chunks = jsonRoute({
  method: "get",
  path: "/v1/documents/{id}/chunks",
  summary: "List the chunks of a document in order",
  tag,
  access: "read",
  params: id,
  query: { limit: pageLimit(100, 1000), cursor: pageCursor },
  answer: v.strictObject({ chunks: v.array(Chunk), next_cursor: nextCursor }),
  async handle(call) {
    const { sql, embedder } = call.deps;
    const { limit, cursor } = call.query;
    const after = decodeCursor(OrdinalKey, cursor)?.[0] ?? -1;
    const document = await documentOf(call);
    const rows = await listChunks(sql, document, embedder.model, { limit: limit + 1, after });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.ordinal]);
    return { chunks: page.map(chunkAnswer), next_cursor };
  },
});

const chunkAnswer = (row: ChunkRow): v.InferInput<typeof Chunk> => ({
  ...row,
  embedding_state: row.embedding_model === null ? "pending" : "embedded",
});

const versions = jsonRoute({
  method: "get",
  path: "/v1/documents/{id}/versions",
  summary: "List all versions of a document's source, newest first",
  tag,
  access: "read",
  params: id,
  query: { limit: pageLimit(50, 500), cursor: pageCursor },
  answer: v.strictObject({ versions: v.array(Version), next_cursor: nextCursor }),
  async handle(call) {
    const { limit, cursor } = call.query;
    const position = decodeCursor(NewestKey, cursor);
    const document = await documentOf(call);
    const rows = await listVersions(call.deps.sql, document, { limit: limit + 1, position });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.exact_created_at, row.source_version_id]);
    return { versions: page.map(({ exact_created_at: _, ...row }) => row), next_cursor };
  },
});

const links = jsonRoute({
  method: "get",
  path: "/v1/documents/{id}/links",
  summary: "List the links of a document, and those of other documents that lead to it",
  tag,
  access: "read",
  params: id,
  query: { limit: pageLimit(200, 1000), cursor: pageCursor },
  answer: v.strictObject({ outgoing: v.array(Link), incoming: v.array(Backlink), next_cursor: nextCursor }),
  async handle(call) {
    const { sql } = call.deps;
    const { limit, cursor } = call.query;
    const from = decodeCursor(LinksKey, cursor);
    const document = await documentOf(call);
    const first = from === null;
    const [out, incoming] = await Promise.all([
      first || from[0] !== null ? listLinks(sql, document, { limit: limit + 1, after: from?.[0] ?? -1 }) : [],
      first || from[1] !== null ? listBacklinks(sql, document, { limit: limit + 1, after: from?.[1] ?? null }) : [],
    ]);
    const lastOut = out.length > limit ? out[limit - 1]!.ordinal : null;
    const lastIn =
      incoming.length > limit ? ([incoming[limit - 1]!.from_document_id, incoming[limit - 1]!.ordinal] as const) : null;
    return {
      outgoing: out.slice(0, limit),
      incoming: incoming.slice(0, limit),
      next_cursor: lastOut === null && lastIn === null ? null : encodeCursor([lastOut, lastIn]),
    };
  },
});

type CallById = Parameters<typeof tenantOwning>[0] & { params: { id: string } };

/** The document that the path names, once it is known to exist for the caller. */
async function documentOf(call: CallById): Promise<{ tenantId: string; documentId: string }> {
  const documentId = call.params.id;
  const tenantId = await tenantOwning(call, "document", documentId);
  found(await findDocument(call.deps.sql, tenantId, documentId), "document", documentId);
  return { tenantId, documentId };
}

export const documentRoutes = [list, get, chunks, versions, links];
