/**
 * Search: by words, by vectors, or by both at once. Two statements for a query of any kind (one that understands it, one
 * that finds, ranks and fetches), in one short read-only transaction. When the embeddings endpoint does not answer, a
 * hybrid search is answered by words alone: an answer now is worth more than a better one later.
 */
import type { Sql, TransactionSql } from "postgres";
import { asTenant } from "../db/tenant_scope.ts";
import type { Embedder } from "../embed/provider.ts";
import { SluiceError, TransientError } from "../errors.ts";
import { isFiltered, type SearchFilters, scopeOf } from "./filters.ts";
import { fusedTable } from "./fuse.ts";
import { lexicalTables } from "./lexical.ts";
import { planQuery, type QueryPlan } from "./query_terms.ts";
import { EXACT_CHUNKS, type SemanticQuery, semanticTable } from "./semantic.ts";
import { SqlText } from "./sql_text.ts";
import { prepareIndexedSearch } from "./vector_index.ts";

export type SearchMode = "hybrid" | "lexical" | "vector";

export interface SearchRequest {
  tenantId: string;
  query: string;
  /** 1 to 100, default 10. */
  topK?: number | undefined;
  mode?: SearchMode | undefined;
  filters?: SearchFilters | undefined;
}

export interface Hit {
  /** Comparable within one answer only: BM25, cosine similarity, or fused ranks. */
  score: number;
  chunk_id: string;
  document_id: string;
  source_id: string;
  source_version_id: string;
  title: string;
  chunk_path: string;
  chunk_text: string;
  url: string | null;
  external_ref: string;
  source_type: string;
  /** Place in the ranking by words, from 1; null if not among its best. */
  lexical_rank: number | null;
  vector_rank: number | null;
}

export interface SearchOptions {
  signal?: AbortSignal | undefined;
  statementTimeoutMs?: number | undefined;
  /** How long a search waits for the vector of its query; default 5 s. */
  embedTimeoutMs?: number | undefined;
  /** Told why a hybrid search was answered by words alone. */
  onDegraded?: ((error: SluiceError) => void) | undefined;
}

/** Length of each ranking before fusion. */
const DEPTH = 100;
/** Long enough for anything but a fault. */
const STATEMENT_TIMEOUT_MS = 10_000;
const EMBED_TIMEOUT_MS = 5_000;

/**
 * The best chunks of visible documents, best first; ties by chunk id.
 * @throws what the embedder throws, in vector mode
 */
export async function search(
  sql: Sql,
  embedder: Embedder,
  request: SearchRequest,
  options: SearchOptions = {},
): Promise<Hit[]> {
  const mode = request.mode ?? "hybrid";
  const topK = Math.min(Math.max(Math.trunc(request.topK ?? 10), 1), 100);
  const vector = mode === "lexical" ? null : await queryVector(embedder, request, options);
  return asTenant(sql, request.tenantId).begin("read only", async (tx) => {
    // Sent first: compiling such statements takes longer than running them, and scans that begin where another one is
    // would let equal searches differ.
    const settings =
      tx`SELECT set_config('statement_timeout', ${String(options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS)}, true),
      set_config('jit', 'off', true), set_config('synchronize_seqscans', 'off', true)`.execute();
    const [, plan] = await Promise.all([
      settings,
      planQuery(tx, request.tenantId, mode === "vector" ? "" : request.query),
    ]);
    // A plan for a handful of rows looks each up among all others: with thousands that takes seconds, a hash join does not.
    if (plan.plannerIsBlind && (plan.someHidden || isFiltered(request.filters)))
      await tx`SELECT set_config('enable_nestloop', 'off', true)`;
    const indexed = vector !== null && (await useIndex(tx, plan, embedder.model, vector, request.filters));
    const amongWords = plan.chunks > EXACT_CHUNKS && !embedder.semantic && plan.terms.length > 0;
    const semantic = vector && { model: embedder.model, vector, indexed, amongWords };
    const text = statementOf(plan, semantic, { ...request, topK, semantic: embedder.semantic });
    return text ? tx.unsafe<Hit[]>(text.sql, text.values as never[]) : [];
  }) as Promise<Hit[]>;
}

/** Null if there is nothing to compare: the endpoint is down, or the text has no features. */
async function queryVector(
  embedder: Embedder,
  request: SearchRequest,
  options: SearchOptions,
): Promise<Float32Array | null> {
  const patience = AbortSignal.timeout(options.embedTimeoutMs ?? EMBED_TIMEOUT_MS);
  try {
    const vector = await embedder.embedQuery(
      request.query,
      options.signal ? AbortSignal.any([options.signal, patience]) : patience,
    );
    return vector.some((component) => component !== 0) ? vector : null;
  } catch (thrown) {
    options.signal?.throwIfAborted();
    const late = patience.aborted && !(thrown instanceof SluiceError);
    const error = late
      ? new TransientError("embeddings.unavailable", "the embeddings endpoint took too long for a search")
      : thrown;
    if (request.mode === "vector" || !(error instanceof SluiceError)) throw error;
    options.onDegraded?.(error);
    return null;
  }
}

/** Decides between exact and indexed search, and sets up the latter. A few named documents are compared exactly. */
async function useIndex(
  tx: TransactionSql,
  plan: QueryPlan,
  model: string,
  vector: Float32Array,
  filters?: SearchFilters,
): Promise<boolean> {
  if (plan.chunks <= EXACT_CHUNKS || (filters?.document_ids?.length ?? 0) > 0) return false;
  return prepareIndexedSearch(tx, model, vector.length);
}

function statementOf(
  plan: QueryPlan,
  semantic: SemanticQuery | null,
  request: { tenantId: string; topK: number; filters?: SearchFilters | undefined; semantic: boolean },
): { sql: string; values: unknown[] } | null {
  const parts = { lexical: plan.terms.length > 0, semantic: semantic !== null };
  if (!parts.lexical && !parts.semantic) return null;
  const text = new SqlText();
  const scope = scopeOf(request.tenantId, request.filters ?? {}, plan.someHidden, text);
  const depth = Math.max(DEPTH, request.topK);
  const tables: string[] = [];
  if (parts.lexical) tables.push(lexicalTables(plan, scope, depth, text));
  if (semantic) tables.push(semanticTable(semantic, scope, depth, text));
  tables.push(fusedTable(parts, request.semantic));
  const sql = `WITH ${tables.join(", ")}
    SELECT t.score, t.chunk_id, d.document_id, d.source_id, d.source_version_id, d.title, c.chunk_path, c.chunk_text, d.url,
      d.external_ref, d.source_type, t.lexical_rank::int AS lexical_rank, t.vector_rank::int AS vector_rank
    FROM (SELECT * FROM fused ORDER BY score DESC, chunk_id LIMIT ${request.topK}) t
    JOIN chunks c ON c.tenant_id = ${scope.tenant} AND c.chunk_id = t.chunk_id
    JOIN documents d ON d.tenant_id = c.tenant_id AND d.document_id = c.document_id AND NOT d.hidden
    ORDER BY t.score DESC, t.chunk_id`;
  return { sql, values: text.values };
}
