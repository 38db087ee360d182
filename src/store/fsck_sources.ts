/** Invariants of sources, versions and documents, and of what hangs from them: chunks, vectors, words, links. */
import type { Sql } from "postgres";
import type { ErrorCode } from "../errors.ts";
import { insertFts } from "../index/write_fts.ts";
import type { Invariant } from "./fsck_invariants.ts";

/**
 * Has the next sync (or upload) of sources write them anew. `broken` yields `tenant_id` and `source_id`. Sync state that
 * says `failed` is taken for changed, and no checksum of the past is trusted then.
 */
export const writeAnew = (sql: Sql, broken: string, parameters: string[][] = []) =>
  sql.unsafe(
    `UPDATE source_sync_state st SET last_status = 'failed', error_code = '${"index.damaged" satisfies ErrorCode}',
      error_message = 'fsck found the indexed form damaged; the next sync writes it anew'
    FROM (${broken}) b WHERE st.tenant_id = b.tenant_id AND st.source_id = b.source_id`,
    parameters,
  );

const writtenAnew = (name: string, sentence: string, broken: string): Invariant => ({
  name,
  sentence,
  broken,
  repair: {
    because: "has the next sync write the source anew, from its bytes; until then all stays as it is",
    run: (sql) => writeAnew(sql, broken),
  },
});

const WITHOUT_CURRENT_VERSION = `
  SELECT s.tenant_id, s.source_id, s.source_id::text AS id FROM sources s
  LEFT JOIN source_versions v ON v.tenant_id = s.tenant_id AND v.source_version_id = s.current_version_id
  LEFT JOIN documents d ON d.tenant_id = s.tenant_id AND d.source_id = s.source_id
  WHERE CASE WHEN s.presence = 'purged' THEN s.current_version_id IS NOT NULL OR d.document_id IS NOT NULL
    -- A source whose first item was taken back in the middle of its swap has nothing at all, which is as it should be.
    ELSE (s.current_version_id IS NOT NULL OR d.document_id IS NOT NULL
        OR EXISTS (SELECT 1 FROM source_versions o WHERE o.tenant_id = s.tenant_id AND o.source_id = s.source_id))
      AND (v.source_id IS DISTINCT FROM s.source_id OR d.source_version_id IS DISTINCT FROM s.current_version_id) END`;

const UNTRUE_SYNC_STATE = `
  SELECT st.tenant_id, st.source_id, st.source_id::text AS id FROM source_sync_state st
  LEFT JOIN sources s ON s.tenant_id = st.tenant_id AND s.source_id = st.source_id
  LEFT JOIN source_versions v ON v.tenant_id = s.tenant_id AND v.source_version_id = s.current_version_id
  WHERE st.last_status IN ('ingested', 'unchanged') AND v.checksum IS DISTINCT FROM st.last_seen_checksum`;

const INCOMPLETE_DOCUMENTS = `
  SELECT d.tenant_id, d.source_id, d.document_id::text AS id FROM documents d LEFT JOIN (
    SELECT tenant_id, document_id, count(*) AS chunks, sum(token_count) AS tokens, count(DISTINCT ordinal) AS ordinals, max(ordinal) AS last
    FROM chunks GROUP BY tenant_id, document_id
  ) c USING (tenant_id, document_id)
  WHERE d.chunk_count <> coalesce(c.chunks, 0) OR d.token_count <> coalesce(c.tokens, 0)
    OR c.ordinals <> c.chunks OR c.last <> c.chunks - 1`;

/** Rows whose parent is gone: foreign keys forbid it, so somebody has gone around them. */
const ORPHANS: readonly [name: string, sentence: string, table: string, condition: string, id: string][] = [
  [
    "chunks_have_documents",
    "no chunk is without its document",
    "chunks",
    "SELECT 1 FROM documents p WHERE p.tenant_id = o.tenant_id AND p.document_id = o.document_id",
    "o.chunk_id::text",
  ],
  [
    "vectors_have_chunks",
    "no vector is without its chunk",
    "chunk_vectors",
    "SELECT 1 FROM chunks p WHERE p.tenant_id = o.tenant_id AND p.chunk_id = o.chunk_id",
    "o.chunk_id::text",
  ],
  [
    "words_have_chunks",
    "no full-text row is without its chunk",
    "chunk_fts",
    "SELECT 1 FROM chunks p WHERE p.tenant_id = o.tenant_id AND p.chunk_id = o.chunk_id",
    "o.chunk_id::text",
  ],
  [
    "links_have_documents",
    "no link is without its document",
    "document_links",
    "SELECT 1 FROM documents p WHERE p.tenant_id = o.tenant_id AND p.document_id = o.document_id",
    "o.document_id || '#' || o.ordinal",
  ],
  [
    "edges_have_ends",
    "no edge between documents is without its link or its target",
    "cross_links",
    `SELECT 1 FROM documents p JOIN document_links l ON l.tenant_id = p.tenant_id
      WHERE p.tenant_id = o.tenant_id AND p.document_id = o.to_document_id AND l.document_id = o.from_document_id AND l.ordinal = o.link_ordinal`,
    "o.from_document_id || '#' || o.link_ordinal",
  ],
  [
    "aliases_have_documents",
    "no other name of a document is without it",
    "document_aliases",
    "SELECT 1 FROM documents p WHERE p.tenant_id = o.tenant_id AND p.document_id = o.document_id",
    "o.alias_id::text",
  ],
];

const orphaned = ([name, sentence, table, parent, id]: (typeof ORPHANS)[number]): Invariant => ({
  name,
  sentence,
  broken: `SELECT ${id} AS id FROM ${table} o WHERE NOT EXISTS (${parent})`,
  repair: {
    because: "deletes the row: nothing leads to it, and all of it can be made again from the stored version",
    run: (sql) => sql.unsafe(`DELETE FROM ${table} o WHERE NOT EXISTS (${parent})`),
  },
});

const WITHOUT_WORDS = `
  SELECT c.tenant_id, c.chunk_id, c.chunk_id::text AS id, d.fts_config, d.title, c.chunk_path, c.chunk_text
  FROM chunks c JOIN documents d USING (tenant_id, document_id) LEFT JOIN chunk_fts f USING (tenant_id, chunk_id)
  WHERE f.chunk_id IS NULL
    OR f.fts_config <> d.fts_config AND EXISTS (SELECT 1 FROM pg_ts_config g WHERE g.cfgname = d.fts_config)`;

interface WordlessRow {
  tenant_id: string;
  chunk_id: string;
  fts_config: string;
  title: string;
  chunk_path: string;
  chunk_text: string;
}

async function indexWords(sql: Sql): Promise<void> {
  const rows = await sql.unsafe<WordlessRow[]>(WITHOUT_WORDS);
  await insertFts(
    sql,
    rows.map((row) => ({
      tenantId: row.tenant_id,
      chunkId: row.chunk_id,
      ftsConfig: row.fts_config,
      title: row.title,
      chunkPath: row.chunk_path,
      chunkText: row.chunk_text,
    })),
  );
}

const ACTIVE_MODEL = "(SELECT value #>> '{}' FROM settings WHERE name = 'embedding_model')";

/** Documents that wait for no vector although chunks lack one, unless an item says that the model refused a chunk. */
const FORGOTTEN_VECTORS = `
  SELECT d.tenant_id, d.document_id, d.document_id::text AS id, m.missing FROM documents d JOIN (
    SELECT c.tenant_id, c.document_id, count(*) AS missing FROM chunks c
    WHERE NOT EXISTS (SELECT 1 FROM chunk_vectors v
      WHERE v.tenant_id = c.tenant_id AND v.chunk_id = c.chunk_id AND v.embedding_model = ${ACTIVE_MODEL})
    GROUP BY c.tenant_id, c.document_id
  ) m USING (tenant_id, document_id)
  WHERE d.vectors_pending = 0 AND ${ACTIVE_MODEL} IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM ingest_items i WHERE i.tenant_id = d.tenant_id AND i.document_id = d.document_id
      AND i.warnings @> '[{"code": "chunk_not_embedded"}]')`;

const FOREIGN_VECTORS = `
  SELECT v.tenant_id, v.chunk_id, c.document_id, v.chunk_id::text AS id FROM chunk_vectors v JOIN chunks c USING (tenant_id, chunk_id)
  WHERE v.text_sha256 <> sha256(convert_to('[H] ' || c.chunk_path || E'\\n' || c.chunk_text, 'UTF8'))`;

/** Links of which a target exists, by its own name or another one, but that lead nowhere. */
// Edges are made once a swap has committed, so those of a document whose item is still at work may be on their way.
const UNRESOLVED_LINKS = `
  WITH settled AS (
    SELECT tenant_id, document_id FROM documents d WHERE NOT EXISTS (SELECT 1 FROM ingest_items i
      WHERE i.tenant_id = d.tenant_id AND i.source_id = d.source_id AND i.item_status IN ('queued', 'running'))
  )
  SELECT l.tenant_id, l.document_id, l.ordinal, l.document_id || '#' || l.ordinal AS id
  FROM document_links l JOIN settled USING (tenant_id, document_id)
  WHERE l.target_document_ids IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM cross_links x
      WHERE x.tenant_id = l.tenant_id AND x.from_document_id = l.document_id AND x.link_ordinal = l.ordinal)
    AND EXISTS (SELECT 1 FROM unnest(l.target_document_ids) AS t (id)
      WHERE EXISTS (SELECT 1 FROM settled d WHERE d.tenant_id = l.tenant_id AND d.document_id = t.id)
        OR EXISTS (SELECT 1 FROM document_aliases a JOIN settled d USING (tenant_id, document_id)
          WHERE a.tenant_id = l.tenant_id AND a.alias_id = t.id))`;

const RESOLVE_LINKS = `
  INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
  SELECT DISTINCT ON (l.document_id, l.ordinal) l.tenant_id, l.document_id, l.ordinal, coalesce(a.document_id, d.document_id), l.link_type, l.anchor
  FROM (${UNRESOLVED_LINKS}) b JOIN document_links l USING (tenant_id, document_id, ordinal)
  CROSS JOIN unnest(l.target_document_ids) WITH ORDINALITY AS t (document_id, rank)
  LEFT JOIN document_aliases a ON a.tenant_id = l.tenant_id AND a.alias_id = t.document_id
  LEFT JOIN documents d ON d.tenant_id = l.tenant_id AND d.document_id = t.document_id
  WHERE coalesce(a.document_id, d.document_id) IS NOT NULL
  ORDER BY l.document_id, l.ordinal, t.rank
  ON CONFLICT DO NOTHING`;

export const SOURCE_INVARIANTS: readonly Invariant[] = [
  writtenAnew(
    "sources_have_one_current_version",
    "every source that was ingested has one current version, its own, and its document shows that one",
    WITHOUT_CURRENT_VERSION,
  ),
  {
    name: "ingested_items_have_versions",
    sentence: "every item that was reported as ingested has its version, or a later item took its place",
    broken: `
      SELECT i.job_id || '/' || i.item_id AS id FROM ingest_items i
      LEFT JOIN source_versions v ON v.tenant_id = i.tenant_id AND v.source_version_id = i.source_version_id
      LEFT JOIN sources s ON s.tenant_id = i.tenant_id AND s.source_id = i.source_id
      WHERE i.item_status = 'ingested' AND v.source_id IS DISTINCT FROM i.source_id
        AND NOT coalesce(s.presence = 'purged' OR s.current_item_id > i.item_id, false)`,
    help: "Sync the source again with force_reindex, or send the upload again.",
  },
  writtenAnew(
    "sync_state_is_true",
    "what a sync would take for unchanged is the current version of its source",
    UNTRUE_SYNC_STATE,
  ),
  {
    name: "hidden_means_missing",
    sentence: "exactly the documents whose source is missing from its last listing are hidden from search",
    broken: `
      SELECT d.document_id::text AS id FROM documents d JOIN sources s USING (tenant_id, source_id) WHERE d.hidden <> (s.presence = 'hidden')`,
    repair: {
      because: "shows or hides the document as its source says; a listing decided that",
      run: (sql) =>
        sql.unsafe(`UPDATE documents d SET hidden = (s.presence = 'hidden') FROM sources s
          WHERE s.tenant_id = d.tenant_id AND s.source_id = d.source_id AND d.hidden <> (s.presence = 'hidden')`),
    },
  },
  ...ORPHANS.map(orphaned),
  writtenAnew(
    "documents_are_complete",
    "every document has as many chunks and tokens as it says, numbered without a gap",
    INCOMPLETE_DOCUMENTS,
  ),
  {
    name: "chunks_have_words",
    sentence: "every chunk can be found by its words, in its document's language",
    broken: WITHOUT_WORDS,
    repair: { because: "indexes the words of those chunks, which their own text says", run: indexWords },
  },
  {
    name: "vectors_fit_their_text",
    sentence: "every vector was computed from the text that its chunk has",
    broken: FOREIGN_VECTORS,
    repair: {
      because: "deletes the vector, which is wrong, and has it computed anew",
      run: (sql) =>
        sql.unsafe(`
          WITH wrong AS (DELETE FROM chunk_vectors v USING (${FOREIGN_VECTORS}) f
            WHERE v.tenant_id = f.tenant_id AND v.chunk_id = f.chunk_id RETURNING v.tenant_id, f.document_id)
          UPDATE documents d SET vectors_pending = d.vectors_pending + w.n, embed_after = now()
          FROM (SELECT tenant_id, document_id, count(*) AS n FROM wrong GROUP BY tenant_id, document_id) w
          WHERE d.tenant_id = w.tenant_id AND d.document_id = w.document_id`),
    },
  },
  {
    name: "vectors_are_not_forgotten",
    sentence: "a chunk without a vector of the active model is waiting for it, or was refused by the model",
    broken: FORGOTTEN_VECTORS,
    repair: {
      because: "notes that the vectors are missing; the background embedder computes what is missing and no more",
      run: (sql) =>
        sql.unsafe(`UPDATE documents d SET vectors_pending = f.missing, embed_after = now() FROM (${FORGOTTEN_VECTORS}) f
          WHERE d.tenant_id = f.tenant_id AND d.document_id = f.document_id`),
    },
  },
  {
    name: "links_lead_to_their_targets",
    sentence: "every link whose target exists is an edge to it, once both documents are done",
    broken: UNRESOLVED_LINKS,
    repair: {
      because: "adds the missing edges, as ingesting the target would have",
      run: (sql) => sql.unsafe(RESOLVE_LINKS),
    },
  },
];
