/**
 * Search: by words, by vectors, or by both at once. A query is understood first; then words and vectors rank chunks, each
 * by a statement of its own, the rankings are fused here, and the rows of the best are fetched. All that sees one snapshot
 * in one short read-only transaction, unless both rankings take long: then they run side by side (`sideBySide`). When the
 * embeddings endpoint does not answer, a hybrid search is answered by words alone: an answer now is worth more than a
 * better one later.
 */
import type { Sql, TransactionSql } from "postgres";
import { asTenant } from "../db/tenant_scope.ts";
import type { Embedder } from "../embed/provider.ts";
import { SluiceError, TransientError } from "../errors.ts";
import { fetchHits } from "./fetch_hits.ts";
import type { SearchFilters } from "./filters.ts";
import { fuse } from "./fuse.ts";
import { planQuery } from "./query_terms.ts";
import { type Question, rankByVectors, rankByWords } from "./rank.ts";

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
/** Tenants from this size on give both rankings enough to do that it pays to begin three more transactions for them. */
const SIDE_BY_SIDE_CHUNKS = 2_000;
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
  const tenant = asTenant(sql, request.tenantId);
  const transact: Transact = (work) =>
    tenant.begin("isolation level repeatable read read only", (tx) => {
      prepareTransaction(tx, options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS);
      return work(tx);
    }) as never;
  const understand = async (tx: TransactionSql): Promise<Question> => {
    const plan = await planQuery(tx, request.tenantId, mode === "vector" ? "" : request.query);
    return { ...request, plan, embedder, vector, depth: Math.max(DEPTH, topK) };
  };
  const inOneSnapshot = async (tx: TransactionSql, question: Question): Promise<Hit[]> =>
    (await answer(question, topK, (work) => work(tx))).hits;

  const first = await transact(async (tx) => {
    const question = await understand(tx);
    return sideBySide(question) ? question : inOneSnapshot(tx, question);
  });
  if (Array.isArray(first)) return first;
  const { hits, complete } = await answer(first, topK, transact);
  return complete ? hits : transact(async (tx) => inOneSnapshot(tx, await understand(tx)));
}

/** Runs work in a transaction that is prepared for searching. */
type Transact = <T>(work: (tx: TransactionSql) => Promise<T>) => Promise<T>;

/** Not awaited: it travels with the statement that follows, and if it fails, so does the transaction. */
function prepareTransaction(tx: TransactionSql, statementTimeoutMs: number): void {
  // Compiling such statements takes longer than running them, and scans that begin where another one is would let equal
  // searches differ.
  tx`SELECT set_config('statement_timeout', ${String(statementTimeoutMs)}, true),
    set_config('jit', 'off', true), set_config('synchronize_seqscans', 'off', true)`.execute();
}

/**
 * Whether both rankings are worth a connection each. What feature hashing knows of many chunks depends on what their
 * words found, and of few there is little to do.
 */
const sideBySide = ({ plan, vector, embedder }: Question): boolean =>
  plan.terms.length > 0 && vector !== null && embedder.semantic && plan.chunks >= SIDE_BY_SIDE_CHUNKS;

/**
 * Ranks, fuses and fetches. Where `transact` begins a transaction each time, none waits for another one while it holds its
 * connection, or searches that share a pool could wait for each other for ever. Then each sees a snapshot of its own, and
 * the answer is complete only if everything that was ranked is still there to be fetched: of a document that was replaced
 * meanwhile, one ranking may have known the old version alone and the other one the new.
 */
async function answer(
  question: Question,
  topK: number,
  transact: Transact,
): Promise<{ hits: Hit[]; complete: boolean }> {
  const byWords = transact((tx) => rankByWords(tx, question));
  const byVectors = question.embedder.semantic
    ? transact((tx) => rankByVectors(tx, question, null))
    : byWords.then((words) => transact((tx) => rankByVectors(tx, question, words)));
  const [words, vectors] = await Promise.all([byWords, byVectors]);
  const ranked = fuse(words, vectors, question.embedder.semantic);
  return ranked.length > 0 ? transact((tx) => fetchHits(tx, question, ranked, topK)) : { hits: [], complete: true };
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
