/**
 * Measures retrieval: loads a folder with docs.jsonl, queries.jsonl and qrels.tsv into a scratch database through the
 * product's own tables and prints nDCG@10, Recall@10 and latency of each mode. Not a test.
 *
 *   TEST_DATABASE_URL=… bun test/bench/retrieval.ts FOLDER
 */
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { createEmbedder } from "../../src/embed/provider.ts";
import { type SearchMode, search } from "../../src/index/search.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { seedDocuments } from "../index/seed.ts";
import { createDatabase, newTenant } from "../support/database.ts";

interface Line {
  id: string;
  title?: string;
  text: string;
}

const folder = process.argv[2];
if (!folder) throw new Error("usage: bun test/bench/retrieval.ts FOLDER");
const readLines = async (name: string): Promise<string[]> =>
  (await Bun.file(`${folder}/${name}`).text()).split("\n").filter(Boolean);
const documents = (await readLines("docs.jsonl")).map((line) => JSON.parse(line) as Line);
const queries = (await readLines("queries.jsonl")).map((line) => JSON.parse(line) as Line);
const relevance = new Map<string, Map<string, number>>();
for (const line of await readLines("qrels.tsv")) {
  const [query, document, grade] = line.split("\t") as [string, string, string];
  relevance.set(query, (relevance.get(query) ?? new Map()).set(document, Number(grade)));
}

const server = process.env.TEST_DATABASE_URL;
if (!server) throw new Error("TEST_DATABASE_URL is not set");
const database = await createDatabase(server);
const sql = connectDatabase(database.target, { max: 2, applicationName: "sluice bench" });
await migrate(sql);
const embedder = createEmbedder({ provider: "hash" });
const tenantId = await newTenant(sql);
const chunks = await seedDocuments(
  sql,
  tenantId,
  documents.map((document) => {
    const title = document.title ?? "";
    const text =
      title && document.text.startsWith(`${title}\n`) ? document.text.slice(title.length + 1) : document.text;
    return { ref: document.id, title, chunks: [{ path: title, text }] };
  }),
);
const vectors = await embedder.embed(chunks.map((chunk) => chunk.embeddingText));
await insertVectors(
  sql,
  chunks.map((chunk, i) => ({ ...chunk, vector: (vectors[i] as { vector: Float32Array }).vector })),
  embedder.model,
  embedder.dimensions!,
);
await sql`VACUUM ANALYZE`;

function ndcg(ranking: string[], grades: Map<string, number>): number {
  const gain = (grade: number, place: number): number => (2 ** grade - 1) / Math.log2(place + 2);
  const ideal = [...grades.values()].sort((a, b) => b - a).slice(0, 10);
  const found = ranking.slice(0, 10).reduce((sum, ref, place) => sum + gain(grades.get(ref) ?? 0, place), 0);
  return found / ideal.reduce((sum, grade, place) => sum + gain(grade, place), 0);
}

for (const mode of ["lexical", "vector", "hybrid"] satisfies SearchMode[]) {
  let gain = 0;
  let recall = 0;
  const times: number[] = [];
  const judged = queries.filter((query) => [...(relevance.get(query.id)?.values() ?? [])].some((grade) => grade > 0));
  for (const query of judged) {
    const grades = relevance.get(query.id)!;
    const start = performance.now();
    const hits = await search(sql, embedder, { tenantId, query: query.text, mode });
    times.push(performance.now() - start);
    const ranking = hits.map((hit) => hit.external_ref);
    gain += ndcg(ranking, grades);
    const relevant = [...grades].filter(([, grade]) => grade > 0).map(([ref]) => ref);
    recall += ranking.filter((ref) => relevant.includes(ref)).length / relevant.length;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => times[Math.floor((times.length - 1) * share)]!.toFixed(1);
  const of = (sum: number): string => (sum / judged.length).toFixed(4);
  console.log(
    `${mode.padEnd(8)} nDCG@10 ${of(gain)}  Recall@10 ${of(recall)}  p50 ${at(0.5)} ms  p95 ${at(0.95)} ms  (${judged.length} queries)`,
  );
}
await endDatabase(sql, 1);
await database.close();
