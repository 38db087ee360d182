/**
 * Brings the two rankings together by reciprocal rank fusion: scores of words and of vectors have no common scale, ranks
 * have. The vectors of feature hashing repeat what the words already said, so their ranking only weighs in a little.
 */
const RANK_CONSTANT = 60;
const HASH_WEIGHT = 0.05;

/** A common table expression `fused (chunk_id, score, lexical_rank, vector_rank)` out of `lexical` and `semantic`. */
export function fusedTable(parts: { lexical: boolean; semantic: boolean }, embedderIsSemantic: boolean): string {
  if (!parts.semantic)
    return "fused AS (SELECT chunk_id, score, rank AS lexical_rank, NULL::bigint AS vector_rank FROM lexical)";
  if (!parts.lexical)
    return "fused AS (SELECT chunk_id, score, NULL::bigint AS lexical_rank, rank AS vector_rank FROM semantic)";
  const weight = embedderIsSemantic ? 1 : HASH_WEIGHT;
  return `fused AS (
      SELECT chunk_id,
        (coalesce('1'::float8 / (${RANK_CONSTANT} + l.rank), 0) + coalesce('${weight}'::float8 / (${RANK_CONSTANT} + s.rank), 0)) AS score,
        l.rank AS lexical_rank, s.rank AS vector_rank
      FROM lexical l FULL JOIN semantic s USING (chunk_id)
    )`;
}

/** What the two rankings add to the score of a hit of a hybrid search, as `fusedTable` computes it. */
export function contributions(
  hit: { lexical_rank: number | null; vector_rank: number | null },
  embedderIsSemantic: boolean,
): { words: number; vectors: number } {
  const part = (rank: number | null) => (rank === null ? 0 : 1 / (RANK_CONSTANT + rank));
  return { words: part(hit.lexical_rank), vectors: (embedderIsSemantic ? 1 : HASH_WEIGHT) * part(hit.vector_rank) };
}
