/**
 * Brings the two rankings together by reciprocal rank fusion: scores of words and of vectors have no common scale, ranks
 * have. The vectors of feature hashing repeat what the words already said, so their ranking only weighs in a little.
 */
import type { Ranked } from "./rank.ts";

const RANK_CONSTANT = 60;
const HASH_WEIGHT = 0.05;

export interface Fused {
  chunk_id: string;
  score: number;
  lexical_rank: number | null;
  vector_rank: number | null;
}

/** All that either ranking has, best first, ties by chunk id. A ranking that stands alone (the other is null) keeps its scores. */
export function fuse(words: Ranked[] | null, vectors: Ranked[] | null, embedderIsSemantic: boolean): Fused[] {
  const fused = new Map<string, Fused>();
  for (const { chunk_id, score, rank } of words ?? [])
    fused.set(chunk_id, { chunk_id, score, lexical_rank: rank, vector_rank: null });
  for (const { chunk_id, score, rank } of vectors ?? [])
    fused.set(chunk_id, {
      chunk_id,
      score,
      lexical_rank: fused.get(chunk_id)?.lexical_rank ?? null,
      vector_rank: rank,
    });
  const hits = [...fused.values()];
  if (words && vectors)
    for (const hit of hits) {
      const parts = contributions(hit, embedderIsSemantic);
      hit.score = parts.words + parts.vectors;
    }
  return hits.sort((a, b) => b.score - a.score || (a.chunk_id < b.chunk_id ? -1 : 1));
}

/** What the two rankings add to the score of a hit of a hybrid search. */
export function contributions(
  hit: { lexical_rank: number | null; vector_rank: number | null },
  embedderIsSemantic: boolean,
): { words: number; vectors: number } {
  const part = (rank: number | null, weight: number) => (rank === null ? 0 : weight / (RANK_CONSTANT + rank));
  return { words: part(hit.lexical_rank, 1), vectors: part(hit.vector_rank, embedderIsSemantic ? 1 : HASH_WEIGHT) };
}
