/**
 * Writes the full-text rows of chunks: one statement for any number of them, inside the caller's transaction. Title,
 * path and text are weighted A, B and C; whole names (identifiers, versions, file names) follow without position, which
 * Postgres ranks as weight D. No text may fail a row: what Postgres would refuse is shortened or left out beforehand.
 */
import type { Sql, TransactionSql } from "postgres";
import { joinTexts } from "../db/text_array.ts";
import { type Lexemes, lexemesOf, usableConfig } from "./lexemes.ts";
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
/** Postgres keeps no position beyond this one. */
const POSITION_MAX = 16_383;

interface Prepared {
  row: FtsRow;
  title: FtsText;
  path: FtsText;
  text: FtsText;
}

/** Inserts rows of chunks that have none. */
export async function insertFts(tx: Sql | TransactionSql, rows: FtsRow[]): Promise<void> {
  for (const [wanted, group] of Map.groupBy(rows, (row) => row.ftsConfig)) {
    const config = await usableConfig(tx, wanted);
    const prepared = group.map(reader());
    const lexemes = await lexemesOf(
      tx,
      config,
      prepared.flatMap(({ title, path, text }) => [title.words, path.words, text.words]),
    );
    await tx`
      INSERT INTO chunk_fts (tenant_id, chunk_id, fts_config, tsv, word_count)
      SELECT given.tenant_id, given.chunk_id, ${config}, given.tsv, given.word_count
      FROM unnest(
        ${group.map((row) => row.tenantId)}::uuid[], ${group.map((row) => row.chunkId)}::uuid[],
        (string_to_array(${joinTexts(prepared.map((row) => tsvectorText(row, lexemes)))}, E'\\x1f'))[2:]::tsvector[],
        ${prepared.map((row) => row.text.count)}::int[]
      ) AS given (tenant_id, chunk_id, tsv, word_count)`;
  }
}

/** Makes room for other rows of chunks that stay: their language changed. */
export async function deleteFts(tx: Sql | TransactionSql, tenantId: string, chunkIds: string[]): Promise<void> {
  await tx`DELETE FROM chunk_fts WHERE tenant_id = ${tenantId} AND chunk_id = ANY (${chunkIds}::uuid[])`;
}

/** Reads rows; chunks of one document share their title and often their path. */
function reader(): (row: FtsRow) => Prepared {
  const headings = new Map<string, FtsText>();
  const headingOf = (text: string): FtsText => {
    let heading = headings.get(text);
    if (!heading) headings.set(text, (heading = ftsText(text, MAX_HEADING_LENGTH)));
    return heading;
  };
  return (row) => ({ row, title: headingOf(row.title), path: headingOf(row.chunkPath), text: ftsText(row.chunkText) });
}

/** Reused for every tsvector of the thread, since writing one never awaits. */
let buffer = Buffer.allocUnsafe(1 << 16);

/**
 * A tsvector as Postgres reads it, `word:1A word:4C 'get_user_id'`: a word again for each of its places, since gathering
 * them is what Postgres does anyway when it sorts. Written character by character, about twice as fast as by joining.
 */
function tsvectorText({ title, path, text }: Prepared, lexemes: Lexemes): string {
  let at = 0;
  let position = 0;
  for (const [words, places] of [
    [title.words, PLACES.A],
    [path.words, PLACES.B],
    [text.words, PLACES.C],
  ] as const)
    for (const word of words) {
      const place = placeText(places, Math.min(++position, POSITION_MAX));
      for (const lexeme of lexemes.get(word) ?? []) at = put(place, put(lexeme, at));
    }
  for (const name of new Set([...title.names, ...path.names, ...text.names]))
    at = put(`'${name.replace(/['\\]/g, "$&$&")}' `, at);
  return buffer.toString("utf8", 0, at);
}

/** Appends a text as UTF-8; returns the place after it. */
function put(text: string, at: number): number {
  if (at + text.length * 3 > buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2 + text.length * 3);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return at + i + buffer.write(text.slice(i), at + i, "utf8");
    buffer[at + i] = code;
  }
  return at + text.length;
}

/** `:7C ` by position, for each weight. */
const PLACES = { A: [] as string[], B: [] as string[], C: [] as string[] };
const WEIGHTS = new Map(Object.entries(PLACES).map(([weight, places]) => [places, weight]));
const placeText = (places: string[], position: number): string =>
  (places[position] ??= `:${position}${WEIGHTS.get(places)} `);
