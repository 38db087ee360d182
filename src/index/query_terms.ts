/**
 * Understands a query: which lexemes it has under each text-search configuration that the tenant's chunks use, and how
 * common they are. Operators and quotes are plain text. Each configuration drops its own stop words; the one that drops
 * most is taken for the language of the query, and its stop words are then dropped everywhere, since "the" is a rare
 * and therefore weighty word in German documents.
 */
import type { Sql, TransactionSql } from "postgres";
import { hasUnsegmentedScript } from "./segment.ts";
import { ftsText } from "./words.ts";

/** A word or name of the query with what the index knows it as. */
export interface QueryTerm {
  /** By configuration: a tsquery that matches it. Configurations where it is a stop word are missing. */
  tsqueries: Map<string, string>;
  /** Estimated number of the tenant's chunks that contain it; null if it must be counted. */
  chunks: number | null;
}

export interface QueryPlan {
  /** Configurations to search, with at least one term each. */
  configs: string[];
  terms: QueryTerm[];
  /** Chunks of the tenant; exact below COUNTED_CHUNKS. */
  chunks: number;
  /** Average words of a chunk, or null if it must be averaged over the candidates. */
  wordsPerChunk: number | null;
  /** Whether any document of the tenant is hidden. */
  someHidden: boolean;
  /** Whether the planner knows of far fewer chunks than there are: just loaded, or no autovacuum (embedded). */
  plannerIsBlind: boolean;
}

/** Tenants up to this size get exact counts from the matching chunks themselves. */
export const COUNTED_CHUNKS = 5_000;
const MAX_WORDS = 64;
const MAX_NAMES = 8;
/** Terms that rank; of a longer query the rarest (or else the longest) words stay. */
const MAX_TERMS = 24;
/** A lexeme that the statistics do not list occurs in fewer sampled chunks than they record (see refresh). */
const UNLISTED_SAMPLED_CHUNKS = 2;

interface ConfigRow {
  fts_config: string;
  chunks: number | null;
  sampled: number | null;
  words_per_chunk: number | null;
  /** By word of the query: its lexemes, empty for a stop word. */
  lexemes: string[][];
  /** Share of sampled chunks by lexeme, where listed. */
  shares: Record<string, number>;
  counted: number;
  some_hidden: boolean;
  /** What the planner takes for the number of all chunks; -1 before the first ANALYZE. */
  planned_chunks: number;
}

/** One statement. The plan has no terms if the query has no word that any document could contain. */
export async function planQuery(sql: Sql | TransactionSql, tenantId: string, query: string): Promise<QueryPlan> {
  const { words, names } = queryWords(query);
  const rows = await sql.unsafe<ConfigRow[]>(STATEMENT, [tenantId, words, [...words, ...names], COUNTED_CHUNKS + 1], {
    prepare: true,
  });
  const chunks = Math.max(
    rows[0]?.counted ?? 0,
    rows.reduce((sum, row) => sum + (row.chunks ?? 0), 0),
  );
  const known = chunks > COUNTED_CHUNKS && rows.some((row) => row.sampled !== null);
  const terms = dropForeignStopWords(rows, termsOf(words, names, rows, known), words);
  return {
    configs: rows.map((row) => row.fts_config).filter((config) => terms.some((term) => term.tsqueries.has(config))),
    terms: strongest(terms).map(({ tsqueries, chunks }) => ({ tsqueries, chunks })),
    chunks,
    wordsPerChunk: known ? averageWords(rows) : null,
    someHidden: rows[0]?.some_hidden ?? false,
    plannerIsBlind: chunks > 2 * Math.max(rows[0]?.planned_chunks ?? 0, 0),
  };
}

/** Distinct words and names in order; names that are single words already are left out. */
function queryWords(query: string): { words: string[]; names: string[] } {
  const text = ftsText(query, 8_192);
  const words = [...new Set(text.words)].slice(0, MAX_WORDS);
  return { words, names: text.names.slice(0, MAX_NAMES) };
}

interface WordTerm extends QueryTerm {
  word: string;
  /** Position among the words of the query, or -1 for a name. */
  index: number;
}

function termsOf(words: string[], names: string[], rows: ConfigRow[], known: boolean): WordTerm[] {
  const terms = new Map<string, WordTerm>();
  const add = (word: string, index: number, lexemesOf: (row: ConfigRow) => string[]): void => {
    const tsqueries = new Map<string, string>();
    let chunks = 0;
    for (const row of rows) {
      const lexemes = lexemesOf(row);
      if (lexemes.length === 0) continue;
      tsqueries.set(row.fts_config, tsqueryOf(lexemes));
      chunks += Math.min(...lexemes.map((lexeme) => estimatedChunks(row, lexeme)));
    }
    // "run" and "running" are one term; so are a name and a word that the index knows as the same lexeme.
    const key = JSON.stringify([...tsqueries]);
    if (tsqueries.size > 0 && !terms.has(key))
      terms.set(key, { word, index, tsqueries, chunks: known ? chunks : null });
  };
  for (const [index, word] of words.entries()) add(word, index, (row) => row.lexemes[index] ?? []);
  for (const name of names) add(name, -1, () => [name]);
  return [...terms.values()];
}

function estimatedChunks(row: ConfigRow, lexeme: string): number {
  const chunks = row.chunks ?? 0;
  return (row.shares[lexeme] ?? UNLISTED_SAMPLED_CHUNKS / Math.max(row.sampled ?? 0, 1)) * chunks;
}

/** Quoted, so that nothing in it is an operator. A lone letter of an unsegmented script begins pairs in the index. */
function tsqueryOf(lexemes: string[]): string {
  const quoted = lexemes.map((lexeme) => {
    const text = `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
    return [...lexeme].length === 1 && hasUnsegmentedScript(lexeme) ? `${text}:*` : text;
  });
  return quoted.join(" & ");
}

function dropForeignStopWords(rows: ConfigRow[], terms: WordTerm[], words: string[]): WordTerm[] {
  const dropped = (row: ConfigRow): number => words.filter((_, index) => row.lexemes[index]?.length === 0).length;
  const [language] = [...rows].sort((a, b) => dropped(b) - dropped(a));
  if (!language || dropped(language) === 0) return terms;
  const kept = terms.filter((term) => term.index < 0 || (language.lexemes[term.index]?.length ?? 0) > 0);
  return kept.length > 0 ? kept : terms;
}

function strongest(terms: WordTerm[]): WordTerm[] {
  if (terms.length <= MAX_TERMS) return terms;
  const strength = (term: WordTerm): number => (term.chunks === null ? term.word.length : -term.chunks);
  return [...terms].sort((a, b) => strength(b) - strength(a)).slice(0, MAX_TERMS);
}

function averageWords(rows: ConfigRow[]): number {
  const chunks = rows.reduce((sum, row) => sum + (row.chunks ?? 0), 0);
  const words = rows.reduce((sum, row) => sum + (row.chunks ?? 0) * (row.words_per_chunk ?? 0), 0);
  return chunks > 0 ? words / chunks : 0;
}

/** $1 tenant, $2 words, $3 words and names, $4 how far to count. The first CTE is a loose index scan. */
const STATEMENT = `
WITH RECURSIVE used AS (
  (SELECT fts_config FROM chunk_fts WHERE tenant_id = $1::uuid ORDER BY fts_config LIMIT 1)
  UNION ALL
  SELECT (SELECT f.fts_config FROM chunk_fts f WHERE f.tenant_id = $1::uuid AND f.fts_config > used.fts_config
          ORDER BY f.fts_config LIMIT 1)
  FROM used WHERE used.fts_config IS NOT NULL
), configs AS (
  -- A database that moved to another server may name configurations that this one lacks.
  SELECT used.fts_config FROM used
  JOIN pg_ts_config p ON p.cfgname = used.fts_config AND p.cfgnamespace = 'pg_catalog'::regnamespace
), stemmed AS (
  SELECT configs.fts_config, jsonb_agg(to_jsonb(tsvector_to_array(to_tsvector(configs.fts_config::regconfig, word.text))) ORDER BY word.n) AS lexemes
  FROM configs CROSS JOIN unnest($2::text[]) WITH ORDINALITY AS word (text, n)
  GROUP BY configs.fts_config
)
SELECT configs.fts_config, s.chunks::float8 AS chunks, s.sampled::float8 AS sampled, s.words_per_chunk::float8 AS words_per_chunk,
  coalesce(stemmed.lexemes, '[]') AS lexemes,
  coalesce((
    SELECT jsonb_object_agg(lexeme, share) FROM (
      SELECT lexeme, (SELECT l.share FROM lexeme_stats l
        WHERE l.tenant_id = $1::uuid AND l.fts_config = configs.fts_config AND l.lexeme = wanted.lexeme) AS share
      FROM (
        SELECT unnest($3::text[]) AS lexeme UNION
        SELECT jsonb_array_elements_text(word) FROM jsonb_array_elements(stemmed.lexemes) AS word
      ) AS wanted
    ) AS found WHERE share IS NOT NULL
  ), '{}') AS shares,
  CASE WHEN s.chunks > $4::int THEN $4::int
    ELSE (SELECT count(*) FROM (SELECT 1 FROM chunk_fts WHERE tenant_id = $1::uuid LIMIT $4::int) AS bounded)::int END AS counted,
  EXISTS (SELECT 1 FROM documents WHERE tenant_id = $1::uuid AND hidden) AS some_hidden,
  (SELECT reltuples FROM pg_class WHERE oid = 'chunk_fts'::regclass)::float8 AS planned_chunks
FROM configs
LEFT JOIN stemmed USING (fts_config)
LEFT JOIN lexical_statistics s ON s.tenant_id = $1::uuid AND s.fts_config = configs.fts_config
ORDER BY configs.fts_config`;
