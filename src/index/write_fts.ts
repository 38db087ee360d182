/**
 * Writes the full-text rows of chunks: one statement for any number of chunks, inside the caller's transaction. Title,
 * path and text are weighted A, B and C; whole names (identifiers, versions, file names) follow without position, which
 * Postgres ranks as weight D. No text may fail a row: what Postgres would refuse is shortened or left out beforehand.
 */
import type { Sql, TransactionSql } from "postgres";
import { type FtsText, ftsText } from "./words.ts";

export interface FtsRow {
  tenantId: string;
  chunkId: string;
  /** Name of a text-search configuration; one that this server lacks is replaced by `simple`. */
  ftsConfig: string;
  title: string;
  chunkPath: string;
  chunkText: string;
}

const MAX_HEADING_LENGTH = 2_000;

/** Names of the text-search configurations that this server has, such as `english`. */
export async function availableConfigs(sql: Sql | TransactionSql): Promise<Set<string>> {
  const rows = await sql<{ cfgname: string }[]>`
    SELECT cfgname::text FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace`;
  return new Set(rows.map((row) => row.cfgname));
}

/** Inserts the rows, or replaces them where the chunk already has one (a changed title). */
export async function insertFts(tx: Sql | TransactionSql, rows: FtsRow[]): Promise<void> {
  if (rows.length === 0) return;
  // Chunks of one document share their title and often their path.
  const headings = new Map<string, FtsText>();
  const headingOf = (text: string): FtsText => {
    let heading = headings.get(text);
    if (!heading) headings.set(text, (heading = ftsText(text, MAX_HEADING_LENGTH)));
    return heading;
  };
  const columns = { configs: [] as string[], titles: [] as string[], paths: [] as string[], texts: [] as string[] };
  const names: string[] = [];
  const counts: number[] = [];
  for (const row of rows) {
    const text = ftsText(row.chunkText);
    const path = headingOf(row.chunkPath);
    const title = headingOf(row.title);
    columns.configs.push(row.ftsConfig);
    columns.titles.push(title.words);
    columns.paths.push(path.words);
    columns.texts.push(text.words);
    names.push([...new Set([...title.names, ...path.names, ...text.names])].join(" "));
    counts.push(text.count);
  }
  await tx`
    INSERT INTO chunk_fts (tenant_id, chunk_id, fts_config, tsv, word_count)
    SELECT tenant_id, chunk_id, config,
      setweight(to_tsvector(config::regconfig, title), 'A')
        || setweight(to_tsvector(config::regconfig, path), 'B')
        || setweight(to_tsvector(config::regconfig, body), 'C')
        || array_to_tsvector(string_to_array(names, ' ')),
      word_count
    FROM unnest(
      ${rows.map((row) => row.tenantId)}::uuid[], ${rows.map((row) => row.chunkId)}::uuid[],
      ${columns.configs}::text[], ${columns.titles}::text[], ${columns.paths}::text[], ${columns.texts}::text[],
      ${names}::text[], ${counts}::int[]
    ) AS given (tenant_id, chunk_id, wanted, title, path, body, names, word_count)
    -- Releases of Postgres differ in the languages they know.
    CROSS JOIN LATERAL (SELECT coalesce((SELECT cfgname::text FROM pg_ts_config
      WHERE cfgname = wanted AND cfgnamespace = 'pg_catalog'::regnamespace), 'simple') AS config) AS found
    ON CONFLICT (tenant_id, chunk_id) DO UPDATE
      SET fts_config = excluded.fts_config, tsv = excluded.tsv, word_count = excluded.word_count`;
}
