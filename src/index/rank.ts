/** Ranks the chunks of a tenant by words or by vectors: one statement each, which returns no more than ids, scores and ranks. */
import type { TransactionSql } from "postgres";
import type { Embedder } from "../embed/provider.ts";
import { isFiltered, type Scope, type SearchFilters, scopeOf } from "./filters.ts";
import { lexicalTables } from "./lexical.ts";
import type { QueryPlan } from "./query_terms.ts";
import { EXACT_CHUNKS, type SemanticQuery, semanticTable } from "./semantic.ts";
import { SqlText } from "./sql_text.ts";
import { prepareIndexedSearch } from "./vector_index.ts";

/** What is asked for, once the query is understood. */
export interface Question {
  tenantId: string;
  filters?: SearchFilters | undefined;
  plan: QueryPlan;
  embedder: Embedder;
  /** Null if there are no vectors to compare. */
  vector: Float32Array | null;
  /** Length of each ranking. */
  depth: number;
}

export interface Ranked {
  chunk_id: string;
  score: number;
  /** From 1. */
  rank: number;
}

/** The best by words, best first; null if the query has no word to look for. */
export async function rankByWords(tx: TransactionSql, question: Question): Promise<Ranked[] | null> {
  const { plan, depth } = question;
  if (plan.terms.length === 0) return null;
  const text = new SqlText();
  const tables = lexicalTables(plan, scopeIn(question, text), depth, text);
  return ranking(tx, question, `WITH ${tables} SELECT ${RANKED} FROM lexical`, text);
}

/**
 * The best by vectors, best first; null if there are none to compare. `words` is the ranking by words, as far as it is
 * known: vectors that know no more than words do are compared among what those found.
 */
export async function rankByVectors(
  tx: TransactionSql,
  question: Question,
  words: Ranked[] | null,
): Promise<Ranked[] | null> {
  const { plan, embedder, vector, filters, depth } = question;
  if (!vector) return null;
  const large = plan.chunks > EXACT_CHUNKS;
  // A few named documents are compared exactly.
  const named = (filters?.document_ids?.length ?? 0) > 0;
  const indexed = large && !named && (await prepareIndexedSearch(tx, embedder.model, vector.length));
  const amongWords: SemanticQuery["amongWords"] =
    large && !embedder.semantic && words ? words.map((one) => one.chunk_id) : false;
  const text = new SqlText();
  const query = { model: embedder.model, vector, indexed, amongWords };
  const tables = semanticTable(query, scopeIn(question, text), depth, text);
  return ranking(tx, question, `WITH ${tables} SELECT ${RANKED} FROM semantic`, text);
}

const RANKED = "chunk_id, score, rank::int AS rank";

const scopeIn = ({ tenantId, filters, plan }: Question, text: SqlText): Scope =>
  scopeOf(tenantId, filters ?? {}, plan.someHidden, text);

async function ranking(
  tx: TransactionSql,
  { plan, filters }: Question,
  statement: string,
  { values }: SqlText,
): Promise<Ranked[]> {
  // A plan for a handful of rows looks each up among all others: with thousands that takes seconds, a hash join does not.
  if (plan.plannerIsBlind && (plan.someHidden || isFiltered(filters)))
    await tx`SELECT set_config('enable_nestloop', 'off', true)`;
  return tx.unsafe<Ranked[]>(`${statement} ORDER BY rank`, values as never[]);
}
