/**
 * The HNSW index over the vectors of one model: built once there are enough of them to need it, since inserting under a
 * live index is slow and small tables are searched exactly. One partial index per model and size, on the half-precision
 * form, because the column itself has no fixed size.
 */
import { createHash } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { asLogin } from "../db/tenant_scope.ts";

/** Vectors of a model from which on the index is built. */
export const INDEXED_VECTORS = 20_000;
/**
 * While jobs run, vectors that have grown by more than this share since the last look are being loaded: the rest goes in
 * several times faster without an index.
 */
const LOADING_SHARE = 0.02;
/** halfvec takes no more in an index (pgvector README, "Indexing"). */
const MAX_DIMENSIONS = 4_000;
const BUILD_LOCK = 7_203_118_245;
/** Memory for the build unless the server gives more; what does not fit is built many times slower. */
const BUILD_KB = 512 * 1024;

/** Name of the index of a model; models may have any name, identifiers may not. */
export function vectorIndexName(model: string, dim: number): string {
  return `chunk_vectors_hnsw_${createHash("sha256").update(`${model}\0${dim}`).digest("hex").slice(0, 16)}`;
}

/** What was seen of the vectors at the last look, kept by whoever looks; `written` counts all rows ever inserted. */
export interface VectorLook {
  written: number | null;
}

/**
 * Builds the index CONCURRENTLY if it is missing and due; an invalid one that an interrupted build left is built anew.
 * While jobs run it is due once a load has ended or slowed down, which takes two looks to tell.
 * Not for the embedded database. Safe to call from every process: one builds, the others find the lock taken.
 * @returns whether it was built now
 */
export async function ensureVectorIndex(
  sql: Sql,
  model: string,
  dim: number,
  look: VectorLook = { written: null },
  due = INDEXED_VECTORS,
): Promise<boolean> {
  if (dim > MAX_DIMENSIONS) return false;
  const name = vectorIndexName(model, dim);
  if (await indexIsReady(sql, model, dim)) return false;
  const [found] = await sql<{ vectors: number; busy: boolean; written: number; rows: number }[]>`
    SELECT count(*)::int AS vectors,
      EXISTS (SELECT 1 FROM ingest_jobs WHERE job_status IN ('queued', 'retrying', 'processing')) AS busy,
      (SELECT n_tup_ins::float8 FROM pg_stat_user_tables WHERE relid = 'chunk_vectors'::regclass) AS written,
      (SELECT n_live_tup::float8 FROM pg_stat_user_tables WHERE relid = 'chunk_vectors'::regclass) AS rows
    FROM (SELECT 1 FROM chunk_vectors WHERE embedding_model = ${model} LIMIT ${due}) AS bounded`;
  const { vectors, busy, written, rows } = found!;
  const before = look.written;
  look.written = written;
  if (vectors < due) return false;
  if (busy && (before === null || written - before > LOADING_SHARE * rows)) return false;
  // CONCURRENTLY runs outside transactions, so one connection holds the lock and its settings from begin to end.
  return asLogin(sql, async (connection) => {
    const [lock] = await connection<{ taken: boolean }[]>`SELECT pg_try_advisory_lock(${BUILD_LOCK}) AS taken`;
    if (!lock?.taken) return false;
    try {
      if (await indexIsReady(connection, model, dim)) return false;
      await connection`
        SELECT set_config('statement_timeout', '0', false), set_config('maintenance_work_mem', greatest(setting::bigint, ${BUILD_KB})::text, false)
        FROM pg_settings WHERE name = 'maintenance_work_mem'`;
      await connection.unsafe(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
      await connection.unsafe(`CREATE INDEX CONCURRENTLY ${name} ON chunk_vectors
        USING hnsw ((embedding::halfvec(${dim})) halfvec_cosine_ops) WHERE embedding_model = ${literal(model)} AND embedding_dim = ${dim}`);
      return true;
    } finally {
      await connection`SELECT pg_advisory_unlock(${BUILD_LOCK})`.catch(() => {});
    }
  });
}

/** Whether the model's index exists and is valid. */
export async function indexIsReady(sql: Sql | TransactionSql, model: string, dim: number): Promise<boolean> {
  const [found] = await sql<{ ready: boolean }[]>`
    SELECT indisvalid AND indisready AS ready FROM pg_index WHERE indexrelid = to_regclass(${vectorIndexName(model, dim)})`;
  return found?.ready ?? false;
}

/** Candidates that the index keeps while searching; at least the depth of the ranking. */
const EF_SEARCH = 200;

/**
 * Makes the rest of the transaction search the model's index well: with more candidates than the default, and scanning on
 * while tenant and filters discard what it finds (pgvector 0.8; older ones find fewer).
 * @returns false if there is no index to use
 */
export async function prepareIndexedSearch(tx: TransactionSql, model: string, dim: number): Promise<boolean> {
  if (!(await indexIsReady(tx, model, dim))) return false;
  await tx`
    SELECT set_config('hnsw.ef_search', ${String(EF_SEARCH)}, true),
      CASE WHEN string_to_array(extversion, '.')::int[] >= ARRAY[0, 8] THEN set_config('hnsw.iterative_scan', 'relaxed_order', true) END
    FROM pg_extension WHERE extname = 'vector'`;
  return true;
}

/** A string literal for DDL, which takes no parameters. */
function literal(text: string): string {
  return `${text.includes("\\") ? " E" : ""}'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
