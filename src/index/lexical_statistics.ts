/**
 * Keeps what ranking needs to know about the words of large tenants: in which share of chunks each occurs, and how long
 * chunks are. Chunk ids are hashes, so the first ones in order are a fair sample; rare lexemes are not recorded. Small
 * tenants have no statistics: their matching chunks are counted with each query.
 */
import type { Sql } from "postgres";
import { COUNTED_CHUNKS } from "./query_terms.ts";

const SAMPLED_CHUNKS = 20_000;
/** A lexeme in fewer sampled chunks is rare: every chunk that has it can be a candidate. */
const RECORDED_FROM = 4;
/** Statistics are taken anew when a configuration's chunks have changed by this share. */
const STALE_SHARE = 0.2;

/** Takes the statistics of one tenant anew; a few seconds for a large one. */
export async function refreshLexicalStatistics(sql: Sql, tenantId: string): Promise<void> {
  const configs = await sql<{ fts_config: string; chunks: number }[]>`
    SELECT fts_config, count(*)::int AS chunks FROM chunk_fts WHERE tenant_id = ${tenantId} GROUP BY fts_config`;
  await sql`DELETE FROM lexical_statistics WHERE tenant_id = ${tenantId} AND fts_config <> ALL (${configs.map((c) => c.fts_config)}::text[])`;
  for (const { fts_config: config, chunks } of configs) await refreshConfig(sql, tenantId, config, chunks);
}

async function refreshConfig(sql: Sql, tenantId: string, config: string, chunks: number): Promise<void> {
  await sql.begin(async (tx) => {
    // Of two processes that refresh at once the second finds fresh rows and replaces them: harmless, but in turn.
    await tx`SELECT pg_advisory_xact_lock(hashtextextended(${`lexical:${tenantId}:${config}`}, 0))`;
    const [sample] = await tx<{ sampled: number; words: number | null }[]>`
      SELECT count(*)::int AS sampled, avg(word_count)::float8 AS words FROM (
        SELECT word_count FROM chunk_fts WHERE tenant_id = ${tenantId} AND fts_config = ${config} ORDER BY chunk_id LIMIT ${SAMPLED_CHUNKS}) AS bounded`;
    const sampled = sample?.sampled ?? 0;
    await tx`DELETE FROM lexical_statistics WHERE tenant_id = ${tenantId} AND fts_config = ${config}`;
    await tx`INSERT INTO lexical_statistics (tenant_id, fts_config, chunks, sampled, words_per_chunk)
      VALUES (${tenantId}, ${config}, ${Math.max(chunks, sampled)}, ${sampled}, ${sample?.words ?? 0})`;
    await tx`INSERT INTO lexeme_stats (tenant_id, fts_config, lexeme, share)
      SELECT ${tenantId}, ${config}, word, least(ndoc::real / ${Math.max(sampled, 1)}::real, 1)
      FROM ts_stat(format('SELECT tsv FROM chunk_fts WHERE tenant_id = %L::uuid AND fts_config = %L ORDER BY chunk_id LIMIT %s',
        ${tenantId}::text, ${config}::text, ${SAMPLED_CHUNKS}::int))
      WHERE ndoc >= ${RECORDED_FROM}`;
  });
}

/** Takes the statistics of every tenant that has outgrown counting or changed much since the last time. */
export async function ensureLexicalStatistics(sql: Sql): Promise<string[]> {
  const due = await sql<{ tenant_id: string }[]>`
    WITH now_has AS (
      SELECT tenant_id, sum(chunk_count)::float8 AS chunks FROM documents GROUP BY tenant_id HAVING sum(chunk_count) > ${COUNTED_CHUNKS}
    ), had AS (
      SELECT tenant_id, sum(chunks)::float8 AS chunks FROM lexical_statistics GROUP BY tenant_id
    )
    SELECT now_has.tenant_id::text FROM now_has LEFT JOIN had USING (tenant_id)
    WHERE had.chunks IS NULL OR abs(now_has.chunks - had.chunks) > ${STALE_SHARE} * greatest(had.chunks, 1)`;
  for (const { tenant_id: tenantId } of due) await refreshLexicalStatistics(sql, tenantId);
  return due.map((row) => row.tenant_id);
}
