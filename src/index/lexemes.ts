/**
 * Words → lexemes, by the server's own text-search configurations, remembered. A corpus has few distinct words, and
 * Postgres' parser is the dearest part of writing full text: each word is sent to it once per thread, and tsvectors are
 * put together here. The words come from words.ts and hold nothing but letters and digits, so that what Postgres makes of
 * a word alone is what it makes of it in a text.
 */
import type { Sql, TransactionSql } from "postgres";

/** Words remembered per configuration; beyond it the memory starts anew. About 100 bytes each. */
const REMEMBERED_MAX = 200_000;

/** No lexeme: a stop word. */
const NONE: readonly string[] = [];

export type Lexemes = ReadonlyMap<string, readonly string[]>;

const remembered = new Map<string, Map<string, readonly string[]>>();
let configs: Promise<Set<string>> | null = null;

/** Names of the text-search configurations that this server has, such as `english`. Releases differ in them. */
export async function availableConfigs(sql: Sql | TransactionSql): Promise<Set<string>> {
  const rows = await sql<{ cfgname: string }[]>`
    SELECT cfgname::text FROM pg_ts_config WHERE cfgnamespace = 'pg_catalog'::regnamespace`;
  return new Set(rows.map((row) => row.cfgname));
}

/** The configuration itself, or `simple` where the server lacks it. */
export async function usableConfig(sql: Sql | TransactionSql, config: string): Promise<string> {
  configs ??= availableConfigs(sql).catch((error: unknown) => {
    configs = null;
    throw error;
  });
  return (await configs).has(config) ? config : "simple";
}

/** Lexemes of all words of the texts; one statement for those that were not met before. */
export async function lexemesOf(sql: Sql | TransactionSql, config: string, texts: string[][]): Promise<Lexemes> {
  let known = remembered.get(config);
  if (!known || known.size > REMEMBERED_MAX) remembered.set(config, (known = new Map()));
  const fresh = new Set<string>();
  for (const words of texts) for (const word of words) if (!known.has(word)) fresh.add(word);
  if (fresh.size === 0) return known;
  // Words hold no blanks, lexemes neither.
  const rows = await sql<{ word: string; lexemes: string }[]>`
    SELECT word, array_to_string(tsvector_to_array(to_tsvector(${config}::regconfig, word)), ' ') AS lexemes
    FROM unnest(string_to_array(${[...fresh].join(" ")}, ' ')) AS word`;
  for (const { word, lexemes } of rows) known.set(word, lexemes === "" ? NONE : lexemes.split(" "));
  return known;
}
