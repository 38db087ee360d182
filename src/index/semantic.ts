/**
 * Finds the chunks whose vectors point the way of the query's. Few vectors are compared one by one, which is exact and
 * fast enough; many are searched through the HNSW index of their model, in half precision. That index knows no tenants
 * and no filters, so it is scanned on until enough rows pass them (pgvector's iterative scan).
 */
import { documentJoin, type Scope } from "./filters.ts";
import type { SqlText } from "./sql_text.ts";
import { vectorText } from "./write_vectors.ts";

/** Tenants up to this size are searched exactly, whether there is an index or not. */
export const EXACT_CHUNKS = 20_000;

export interface SemanticQuery {
  model: string;
  vector: Float32Array;
  /** Whether the tenant is large and the model has a valid HNSW index. */
  indexed: boolean;
}

/**
 * A common table expression `semantic (chunk_id, score, rank)`, best first; score is the cosine similarity.
 */
export function semanticTable(query: SemanticQuery, scope: Scope, depth: number, text: SqlText): string {
  const size = query.vector.length;
  const wanted = text.parameter(vectorText(query.vector), "text");
  // The index is on this very expression.
  const distance = query.indexed
    ? `v.embedding::halfvec(${size}) <=> ${wanted}::halfvec(${size})`
    : `v.embedding <=> ${wanted}::vector(${size})`;
  return `nearest AS MATERIALIZED (
      SELECT v.chunk_id, ${distance} AS distance
      FROM chunk_vectors v${documentJoin("v", scope)}
      WHERE v.tenant_id = ${scope.tenant} AND v.embedding_model = ${text.parameter(query.model, "text")} AND v.embedding_dim = ${size}
      ORDER BY ${distance} LIMIT ${depth}
    ), semantic AS (
      SELECT chunk_id, (1 - distance)::float8 AS score, row_number() OVER (ORDER BY distance, chunk_id) AS rank
      FROM nearest WHERE distance < 1
    )`;
}
