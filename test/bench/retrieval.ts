/**
 * How well search finds what people judged relevant: loads a folder with docs.jsonl, queries.jsonl and qrels.tsv into a
 * database through the product's own tables and reports nDCG@10 of each mode, beside plain BM25 over the same texts.
 */
import { join } from "node:path";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { createEmbedder } from "../../src/embed/provider.ts";
import { type SearchMode, search } from "../../src/index/search.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { seedDocuments } from "../index/seed.ts";
import { createDatabase, newTenant } from "../support/database.ts";
import type { Bench } from "./bench.ts";
import { percentile } from "./measure.ts";

const SUITE = "Retrieval";

interface Line {
  id: string;
  title?: string;
  text: string;
}

interface Collection {
  documents: Line[];
  /** Those with at least one relevant document. */
  queries: Line[];
  /** Grade by document, by query. */
  relevance: Map<string, Map<string, number>>;
}

export async function benchRetrieval(bench: Bench): Promise<void> {
  if (!bench.ir) return;
  const collection = await readCollection(bench.ir);
  const what = `nDCG@10, ${collection.documents.length} documents, ${collection.queries.length} queries`;
  const bm25 = await score(collection, plainBm25(collection.documents));
  bench.report.add({ suite: SUITE, what, who: "plain BM25", unit: "", runs: [bm25.ndcg] });
  const database = await createDatabase(bench.server);
  const sql = connectDatabase(database.target, { max: 2, applicationName: "sluice bench" });
  try {
    await migrate(sql);
    const embedder = createEmbedder({ provider: "hash" });
    const tenantId = await newTenant(sql);
    await load(sql, tenantId, collection.documents, embedder);
    const runtime = connectDatabase(
      { ...database.target, separated: true },
      { max: 2, applicationName: "sluice bench" },
    );
    for (const mode of ["lexical", "vector", "hybrid"] satisfies SearchMode[]) {
      const { ndcg, times } = await score(collection, async (query) =>
        (await search(runtime, embedder, { tenantId, query, mode })).map((hit) => hit.external_ref),
      );
      const goal = mode === "hybrid" ? { goal: { limit: 1, sense: ">=" as const }, ratios: [ndcg / bm25.ndcg] } : {};
      const note = `p95 ${percentile(times, 0.95).toFixed(1)} ms${mode === "hybrid" ? "; the ratio is to plain BM25" : ""}`;
      bench.report.add({ suite: SUITE, what, who: `Sluice, ${mode}`, unit: "", runs: [ndcg], note, ...goal });
    }
    await endDatabase(runtime, 1);
  } finally {
    await endDatabase(sql, 1);
    await database.close();
  }
}

async function readCollection(folder: string): Promise<Collection> {
  const linesOf = async (name: string): Promise<string[]> =>
    (await Bun.file(join(folder, name)).text()).split("\n").filter(Boolean);
  const relevance = new Map<string, Map<string, number>>();
  for (const line of await linesOf("qrels.tsv")) {
    const [query, document, grade] = line.split("\t") as [string, string, string];
    relevance.set(query, (relevance.get(query) ?? new Map()).set(document, Number(grade)));
  }
  const queries = (await linesOf("queries.jsonl")).map((line) => JSON.parse(line) as Line);
  return {
    documents: (await linesOf("docs.jsonl")).map((line) => JSON.parse(line) as Line),
    queries: queries.filter((query) => [...(relevance.get(query.id)?.values() ?? [])].some((grade) => grade > 0)),
    relevance,
  };
}

async function load(
  sql: ReturnType<typeof connectDatabase>,
  tenantId: string,
  documents: Line[],
  embedder: ReturnType<typeof createEmbedder>,
): Promise<void> {
  const chunks = await seedDocuments(
    sql,
    tenantId,
    documents.map(({ id, title = "", text }) => {
      const body = title && text.startsWith(`${title}\n`) ? text.slice(title.length + 1) : text;
      return { ref: id, title, chunks: [{ path: title, text: body }] };
    }),
  );
  const results = await embedder.embed(chunks.map((chunk) => chunk.embeddingText));
  const rows = chunks.map((chunk, i) => ({ ...chunk, vector: (results[i] as { vector: Float32Array }).vector }));
  await insertVectors(sql, rows, embedder.model, embedder.dimensions!);
  await sql`VACUUM ANALYZE`;
}

type Ranker = (query: string) => Promise<string[]> | string[];

async function score({ queries, relevance }: Collection, rank: Ranker): Promise<{ ndcg: number; times: number[] }> {
  const times: number[] = [];
  let gain = 0;
  for (const query of queries) {
    const start = performance.now();
    const ranking = await rank(query.text);
    times.push(performance.now() - start);
    gain += ndcg(ranking, relevance.get(query.id)!);
  }
  return { ndcg: gain / queries.length, times };
}

function ndcg(ranking: string[], grades: Map<string, number>): number {
  const gain = (grade: number, place: number): number => (2 ** grade - 1) / Math.log2(place + 2);
  const ideal = [...grades.values()].toSorted((a, b) => b - a).slice(0, 10);
  const found = ranking.slice(0, 10).reduce((sum, ref, place) => sum + gain(grades.get(ref) ?? 0, place), 0);
  return found / ideal.reduce((sum, grade, place) => sum + gain(grade, place), 0);
}

/** The textbook's: lower-case words, no stemming, no stop words, k1 = 1.2, b = 0.75. */
function plainBm25(documents: Line[]): Ranker {
  const [k1, b] = [1.2, 0.75];
  const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const index = new Map<string, Map<string, number>>();
  const lengths = new Map<string, number>();
  for (const { id, title = "", text } of documents) {
    const words = wordsOf(text.startsWith(title) ? text : `${title} ${text}`);
    lengths.set(id, words.length);
    for (const word of words) {
      const counts = index.get(word) ?? new Map<string, number>();
      index.set(word, counts.set(id, (counts.get(id) ?? 0) + 1));
    }
  }
  const average = [...lengths.values()].reduce((sum, length) => sum + length, 0) / documents.length;
  return (query) => {
    const scores = new Map<string, number>();
    for (const word of new Set(wordsOf(query))) {
      const counts = index.get(word);
      if (!counts) continue;
      const rarity = Math.log(1 + (documents.length - counts.size + 0.5) / (counts.size + 0.5));
      for (const [id, count] of counts) {
        const norm = k1 * (1 - b + (b * lengths.get(id)!) / average);
        scores.set(id, (scores.get(id) ?? 0) + (rarity * count * (k1 + 1)) / (count + norm));
      }
    }
    return [...scores]
      .toSorted(([, x], [, y]) => y - x)
      .slice(0, 10)
      .map(([id]) => id);
  };
}
