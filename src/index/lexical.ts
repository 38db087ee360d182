/**
 * Ranks chunks by words as BM25 does, with nothing but the core of Postgres: rare terms weigh more, repetition saturates
 * and long chunks count less. Postgres' own ts_rank knows neither rarity nor length, but of a single lexeme it gives a
 * pure function of how often that occurs: after n occurrences the sum of 1/i² over its limit π²/6, which is n/(n+k) with
 * k = 0.645 within a few percent. So k·s/(1-s) is the number of occurrences, computed in C for every candidate.
 * Title, path and text count alike: a word of the title is one more occurrence in each chunk.
 *
 * Candidates are bounded: beyond what the rarest terms select, common terms select only together, if at all.
 */
import { documentJoin, type Scope } from "./filters.ts";
import type { QueryPlan, QueryTerm } from "./query_terms.ts";
import type { SqlText } from "./sql_text.ts";

/** Saturation and length normalisation of BM25. */
const K1 = 1.5;
const B = 0.75;
/** Makes s = n/(n+K) pass through ts_rank of one occurrence, 6/π². */
const TS_RANK_K = 0.645;

/** Chunks that terms of known rarity may select, by estimate; and at most, whatever the estimate. */
const CANDIDATES = 3_000;
const MAX_CANDIDATES = 12_000;
/** Of chunks that have common terms only, beside those with rare ones. */
const FILLING_CANDIDATES = 2_000;
/** Where rarity is counted among the candidates, all that match are needed. */
const MAX_COUNTED_CANDIDATES = 20_000;

/** With so many candidates that have rare terms, those that have common ones only are not looked for if these weigh less. */
const RARE_SUFFICE = 500;

/** With so many candidates behind a filter, those that have common terms only are not looked for. */
const ENOUGH = 20;

/**
 * Common table expressions ending in `lexical (chunk_id, score, rank)`, best first.
 */
export function lexicalTables(plan: QueryPlan, scope: Scope, depth: number, text: SqlText): string {
  const join = documentJoin("f", scope);
  const score = `(${plan.terms.map((_, i) => termScore(i)).join(" + ")}) AS score`;
  const scored = (table: string): string => `SELECT chunk_id, ${score} FROM ${table} CROSS JOIN rarity`;
  const branches = (select: (config: string) => Selection[], joined: string, also = ""): string =>
    plan.configs
      .flatMap((config) => select(config).map((one) => branch(plan, config, one, { scope, joined, also }, text)))
      .join(" UNION ALL ");
  // Of a large tenant's candidates only the best are looked up, in order, until enough of them pass. Named documents are
  // the shorter way to their chunks.
  const late = join !== "" && plan.wordsPerChunk !== null && !scope.namesDocuments;
  const first = branches((config) => selections(plan, config, scope.filtered && !late), late ? "" : join);
  const candidates = `candidates AS MATERIALIZED (${first}
    ), rarity AS MATERIALIZED (${rarity(plan, text)}
    )`;
  if (!late) return `${candidates}, ${lexicalTable(scored("candidates"), depth)}`;
  const passed = `passed AS MATERIALIZED (
      SELECT s.chunk_id, s.score FROM (${scored("candidates")} ORDER BY score DESC, chunk_id) AS s
      CROSS JOIN LATERAL (SELECT 1 FROM (SELECT ${scope.tenant} AS tenant_id, s.chunk_id) AS f${join} LIMIT 1) AS allowed
      ORDER BY s.score DESC, s.chunk_id LIMIT ${depth}
    )`;
  const chunks = plan.terms.reduce((sum, term) => sum + (term.chunks ?? 0), 0);
  if (chunks <= CANDIDATES) return `${candidates}, ${passed}, ${lexicalTable("SELECT * FROM passed", depth)}`;
  // Common terms have only some of their chunks among the candidates.
  const any = (config: string): Selection[] => [
    { tsquery: anyOf(termsIn(plan, config), config), limit: FILLING_CANDIDATES },
  ];
  const filling = `filling AS MATERIALIZED (${branches(any, join, UNLESS_ENOUGH)}
    )`;
  const both = `SELECT * FROM passed UNION ALL ${scored("filling")}`;
  return `${candidates}, ${passed}, ${filling}, ${lexicalTable(both, depth)}`;
}

const UNLESS_ENOUGH = `
        AND (SELECT count(*) FROM passed) < ${ENOUGH} AND f.chunk_id <> ALL (ARRAY(SELECT chunk_id FROM passed))`;

const lexicalTable = (scored: string, depth: number): string => `lexical AS (
      SELECT chunk_id, score, row_number() OVER (ORDER BY score DESC, chunk_id) AS rank
      FROM (${scored}) AS scored
      ORDER BY score DESC, chunk_id LIMIT ${depth}
    )`;

/** The chunks that one selection selects, with what ranks them. */
function branch(
  plan: QueryPlan,
  config: string,
  { tsquery, except, limit }: Selection,
  { scope, joined, also }: { scope: Scope; joined: string; also: string },
  text: SqlText,
): string {
  const ranks = plan.terms.map((term, i) => {
    const own = term.tsqueries.get(config);
    return `${own ? `ts_rank('{1,1,1,1}', f.tsv, ${text.parameter(own, "tsquery")})` : "0::real"} AS s${i}`;
  });
  return `(
      SELECT f.chunk_id, f.word_count::float8 AS length, ${ranks.join(", ")}
      FROM tenant_fts f${joined}
      WHERE f.tenant_id = ${scope.tenant} AND f.fts_config = ${text.parameter(config, "text")} AND f.tsv @@ ${text.parameter(tsquery, "tsquery")}
        ${except ? `AND NOT f.tsv @@ ${text.parameter(except, "tsquery")}` : ""}${also}
      LIMIT ${limit})`;
}

/** One row: `average`, the average length, and for each term its weight `idf0`, `idf1`, … (columns: arrays are slow). */
function rarity(plan: QueryPlan, text: SqlText): string {
  const { wordsPerChunk } = plan;
  if (wordsPerChunk !== null) {
    const weights = plan.terms.map(
      (term, i) => `${text.parameter(inverseFrequency(plan.chunks, term.chunks ?? 0), "float8")} AS idf${i}`,
    );
    return `SELECT ${text.parameter(Math.max(wordsPerChunk, 1), "float8")} AS average, ${weights.join(", ")}`;
  }
  const total = text.parameter(plan.chunks, "float8");
  const weights = plan.terms.map((_, i) => {
    const matching = `count(*) FILTER (WHERE s${i} > 0)`;
    return `ln(1 + (greatest(${total} - ${matching}, 0) + 0.5::float8) / (${matching} + 0.5::float8)) AS idf${i}`;
  });
  return `SELECT greatest(avg(length), 1) AS average, ${weights.join(", ")} FROM candidates`;
}

/** BM25's weight of a term that `matching` of `chunks` contain. */
function inverseFrequency(chunks: number, matching: number): number {
  const bounded = Math.min(matching, chunks);
  return Math.log(1 + (chunks - bounded + 0.5) / (bounded + 0.5));
}

/** BM25 with tf = K·s/(1-s), multiplied out so that nothing divides by 1-s. */
function termScore(i: number): string {
  const k = `(${float(K1 * (1 - B))} + ${float(K1 * B)} * length / average)`;
  return `idf${i} * ${float((K1 + 1) * TS_RANK_K)} * s${i} / (${float(TS_RANK_K)} * s${i} + ${k} * (1 - s${i}))`;
}

/** A bare 1.5 would make the whole formula one of numeric, which takes longer than all the rest. */
const float = (value: number): string => `'${value}'::float8`;

interface Selection {
  tsquery: string;
  /** What another selection has already. */
  except?: string | undefined;
  limit: number;
}

const termsIn = (plan: QueryPlan, config: string): QueryTerm[] =>
  plan.terms.filter((term) => term.tsqueries.has(config));

const anyOf = (terms: QueryTerm[], config: string): string =>
  terms.map((term) => `(${term.tsqueries.get(config)})`).join(" | ");

/** Which chunks are candidates: rarest terms first until they select enough, then common ones in conjunction. */
function selections(plan: QueryPlan, config: string, filtered: boolean): Selection[] {
  const terms = termsIn(plan, config);
  if (plan.wordsPerChunk === null) return [{ tsquery: anyOf(terms, config), limit: MAX_COUNTED_CANDIDATES }];

  const byRarity = [...terms].sort((a, b) => (a.chunks ?? 0) - (b.chunks ?? 0));
  const alone: QueryTerm[] = [];
  let selected = 0;
  while (byRarity.length > 0 && selected + (byRarity[0]!.chunks ?? 0) <= CANDIDATES) {
    selected += byRarity[0]!.chunks ?? 0;
    alone.push(byRarity.shift()!);
  }
  const rare: Selection[] = alone.length > 0 ? [{ tsquery: anyOf(alone, config), limit: MAX_CANDIDATES }] : [];
  if (byRarity.length === 0) return rare;

  // Whoever has one of the rare terms outranks, as a rule, who has all of the common ones.
  const weight = (term: QueryTerm): number => inverseFrequency(plan.chunks, term.chunks ?? 0);
  const common = byRarity.reduce((sum, term) => sum + weight(term), 0);
  if (selected >= RARE_SUFFICE && common < weight(alone.at(-1)!) && !filtered) return rare;

  const together: string[] = [];
  let share = 1;
  for (const term of byRarity) {
    together.push(`(${term.tsqueries.get(config)})`);
    share *= Math.min(1, (term.chunks ?? 0) / plan.chunks);
    if (share * plan.chunks <= CANDIDATES / 2) break;
  }
  // With few rare chunks the common ones fill the list; with none, they are all there is to rank.
  const limit = rare.length > 0 ? FILLING_CANDIDATES : MAX_CANDIDATES;
  const chosen: Selection[] = [...rare, { tsquery: together.join(" & "), limit, except: rare[0]?.tsquery }];
  // Behind a filter there may be few chunks with all of them: then one is enough.
  if (filtered && terms.length > 1) {
    const taken = chosen.map(({ tsquery }) => `(${tsquery})`).join(" | ");
    chosen.push({ tsquery: anyOf(terms, config), limit: FILLING_CANDIDATES, except: taken });
  }
  return chosen;
}
