/**
 * The floor that Postgres itself sets: the final rows of an ingest, written once more by one connection per core with
 * plain INSERT … SELECT into equal tables with equal indexes and constraints. Nothing is read, converted, chunked,
 * embedded or queued; the rows are there already, in memory.
 */
import { cpus } from "node:os";
import postgres from "postgres";

/** Parents first. The queue and its ledger are no part of it. */
const TABLES = [
  "sources",
  "source_versions",
  "source_sync_state",
  "documents",
  "chunks",
  "chunk_fts",
  "chunk_vectors",
  "document_links",
  "cross_links",
  "document_aliases",
];

export interface Floor {
  /** The rows as they are. */
  copiedMs: number;
  /** The tsvectors made by Postgres from the texts, as a generated column would. */
  computedMs: number;
}

/** Measures on a database that holds the rows of an ingest; leaves it as it was. */
export async function measureFloor(url: string): Promise<Floor> {
  const connections = cpus().map(() => postgres(url, { max: 1, onnotice: () => {} }));
  const [admin] = connections;
  try {
    await admin!`VACUUM ANALYZE`;
    const copiedMs = await fill(connections, "f.*");
    const computedMs = await fill(
      connections,
      `f.tenant_id, f.chunk_id, f.fts_config, setweight(to_tsvector(f.fts_config::regconfig, d.title), 'A') ||
         setweight(to_tsvector(f.fts_config::regconfig, c.chunk_path), 'B') ||
         setweight(to_tsvector(f.fts_config::regconfig, c.chunk_text), 'C'), f.word_count`,
    );
    return { copiedMs, computedMs };
  } finally {
    await admin!`DROP SCHEMA IF EXISTS floor CASCADE`;
    for (const connection of connections) await connection.end({ timeout: 1 });
  }
}

async function fill(connections: postgres.Sql[], fullText: string): Promise<number> {
  await makeTables(connections[0]!);
  const start = performance.now();
  for (const table of TABLES) {
    const from =
      table === "chunk_fts"
        ? `SELECT ${fullText} FROM public.chunk_fts f JOIN public.chunks c USING (tenant_id, chunk_id) JOIN public.documents d USING (tenant_id, document_id)`
        : `SELECT f.* FROM public.${table} f`;
    await Promise.all(
      connections.map((connection, i) =>
        connection.unsafe(
          `INSERT INTO floor.${table} ${from} WHERE ${shareOf(table)} % ${connections.length} IN (${i}, ${-i})`,
        ),
      ),
    );
  }
  await connections[0]!`SELECT gin_clean_pending_list('floor.chunk_fts_tsv_idx'::regclass)`;
  return performance.now() - start;
}

/** Rows are shared out by a hash of what they belong to. */
function shareOf(table: string): string {
  const key = table.startsWith("source") ? "f.source_id" : table.startsWith("chunk_") ? "f.chunk_id" : "f.document_id";
  return `hashtext((${table === "cross_links" ? "f.from_document_id" : key})::text)`;
}

/** Equal columns, indexes, checks and foreign keys, but for the one that points from sources to later rows. */
async function makeTables(sql: postgres.Sql): Promise<void> {
  await sql.unsafe("DROP SCHEMA IF EXISTS floor CASCADE; CREATE SCHEMA floor; SET search_path = public");
  for (const table of TABLES)
    await sql.unsafe(`CREATE TABLE floor.${table} (LIKE public.${table} INCLUDING ALL EXCLUDING STATISTICS)`);
  const keys = await sql<{ name: string; definition: string }[]>`
    SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE contype = 'f' AND NOT condeferrable AND conrelid::regclass::text = ANY (${TABLES}) AND confrelid::regclass::text = ANY (${TABLES})`;
  await sql.unsafe("SET search_path = floor, public");
  for (const { name, definition } of keys) await sql.unsafe(`ALTER TABLE floor.${name} ADD ${definition}`);
  await sql.unsafe("SET search_path = public");
}
