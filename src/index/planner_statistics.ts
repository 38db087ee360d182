/**
 * Tells the planner of tables that have grown much since it last looked. Autovacuum would, a minute later, and the embedded
 * database has none; until then Postgres takes a table for as small as it was, and a statement meant to look up hundreds
 * of keys reads the whole table for each of them.
 */
import type { Sql } from "postgres";

/** Tables and the columns they are looked up by: words, arrays and vectors would take longer to analyse than to insert. */
const KEYS: Readonly<Record<string, string>> = {
  sources: "tenant_id, source_id",
  source_versions: "tenant_id, source_version_id, source_id",
  source_sync_state: "tenant_id, source_type, external_ref, connection_id",
  documents: "tenant_id, document_id, source_id",
  chunks: "tenant_id, chunk_id, document_id",
  chunk_fts: "tenant_id, chunk_id, fts_config",
  chunk_vectors: "tenant_id, chunk_id, text_sha256, embedding_model",
  document_links: "tenant_id, document_id",
  cross_links: "tenant_id, from_document_id, to_document_id",
  ingest_items: "tenant_id, job_id, item_id, item_status",
};
/** A table is analysed once it has this many pages, */
const PAGES_MIN = 8;
/** and again when it has grown by this factor. */
const GROWTH = 3;

/** Cheap to call: it compares two numbers per table unless there is something to do. Returns the tables it analysed. */
export async function ensurePlannerStatistics(sql: Sql): Promise<string[]> {
  // relpages is what ANALYZE saw last, 0 if never.
  const grown = await sql<{ table_name: string }[]>`
    SELECT t.name AS table_name FROM unnest(${Object.keys(KEYS)}::text[]) AS t (name)
    WHERE pg_relation_size(to_regclass(t.name)) / current_setting('block_size')::int
      >= greatest(${PAGES_MIN}, ${GROWTH} * (SELECT relpages FROM pg_class WHERE oid = to_regclass(t.name)))`;
  // One by one, so that no table's lock is held for the others.
  for (const { table_name: table } of grown)
    await sql`SELECT analyze_columns(to_regclass(${table}), string_to_array(${KEYS[table]!}, ', '))`;
  return grown.map((row) => row.table_name);
}

/**
 * Counts batches of one thread and looks at the statistics after the 2nd, 4th, 8th and so on: often while tables are
 * young, seldom later.
 */
export class PlannerWatch {
  private batches = 0;

  /** Call it outside of transactions. Its own failure must not fail a batch: the next look mends it. */
  async afterBatch(sql: Sql): Promise<void> {
    const n = ++this.batches;
    if (n > 1 && (n & (n - 1)) === 0) await ensurePlannerStatistics(sql).catch(() => {});
  }
}
