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
  /**
   * The chunks that the words found: compare these and nothing else, unless they are few. For vectors that know no more
   * than the words do: among many chunks their nearest are as good as chance, and the index finds few of them and slowly.
   */
  amongWords: string[] | false;
}

/** So many chunks found by their words are enough to compare. */
const ENOUGH = 20;

/**
 * A common table expression `semantic (chunk_id, score, rank)`, best first; score is the cosine similarity in full
 * precision, also where the index chose by half of it.
 */
export function semanticTable(query: SemanticQuery, scope: Scope, depth: number, text: SqlText): string {
  const size = query.vector.length;
  const wanted = text.parameter(vectorText(query.vector), "text");
  const model = text.parameter(query.model, "text");
  const distance = `v.embedding <=> ${wanted}::vector(${size})`;
  // The index is on this very expression.
  const order = query.indexed ? `v.embedding::halfvec(${size}) <=> ${wanted}::halfvec(${size})` : distance;
  const vectors = `v.tenant_id = ${scope.tenant} AND v.embedding_model = ${model} AND v.embedding_dim = ${size}`;
  const all = `
      SELECT v.chunk_id, ${distance} AS distance
      FROM chunk_vectors v${documentJoin("v", scope)}
      WHERE ${vectors}`;
  const tables = query.amongWords
    ? `found AS MATERIALIZED (
      SELECT v.chunk_id, v.distance FROM unnest(${text.parameter(query.amongWords, "uuid[]")}) AS l (chunk_id) CROSS JOIN LATERAL (
        SELECT v.chunk_id, ${distance} AS distance FROM chunk_vectors v WHERE ${vectors} AND v.chunk_id = l.chunk_id LIMIT 1
      ) AS v
    ), others AS MATERIALIZED (${all} AND (SELECT count(*) FROM found) < ${ENOUGH}
      ORDER BY ${order} LIMIT ${depth}
    ), nearest AS (SELECT * FROM found UNION SELECT * FROM others)`
    : `nearest AS MATERIALIZED (${all}
      ORDER BY ${order} LIMIT ${depth}
    )`;
  return `${tables}, semantic AS (
      SELECT chunk_id, (1 - distance)::float8 AS score, row_number() OVER (ORDER BY distance, chunk_id) AS rank
      FROM nearest WHERE distance < 1
    )`;
}
