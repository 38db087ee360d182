/**
 * Search through the product's own function on generated chunks: how long it takes, and how many of the ten nearest
 * vectors it finds of those that an exact search finds. For one tenant, for ten and for a thousand, with and without
 * filters; with vectors as a trained model gives them (generated as well), and with feature hashing. Ties count as found.
 */
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { HashEmbedder } from "../../src/embed/hash.ts";
import type { Embedder } from "../../src/embed/provider.ts";
import type { SearchFilters } from "../../src/index/filters.ts";
import { ensureLexicalStatistics } from "../../src/index/lexical_statistics.ts";
import { type Hit, type SearchMode, search } from "../../src/index/search.ts";
import { ensureVectorIndex } from "../../src/index/vector_index.ts";
import { insertVectors, vectorText } from "../../src/index/write_vectors.ts";
import { seedDocuments } from "../index/seed.ts";
import { createDatabase, newTenant } from "../support/database.ts";
import type { Bench } from "./bench.ts";
import { generateDocument, generateQuery, generateVector } from "./generate.ts";
import { percentile } from "./measure.ts";

const SUITE = "Search";
const PASSAGES = 5;
const BATCH = 500;
const NEIGHBOURS = 10;
/** Searches whose neighbours are compared with the exact ones, which takes far longer than the search. */
const COMPARED = 50;
/** p95 in ms that is aimed at, by the number of chunks. */
const GOALS: Readonly<Record<number, number>> = { 100000: 25, 1000000: 60 };

/** How far a question's vector lies from that of the passage it asks for. */
const BLUR = 0.5;
/** Feature hashing is measured up to here: its vectors would double the time of a load. */
const HASHED_MAX = 100_000;

const hashing = new HashEmbedder();

/** Knows the vectors of the questions that will be asked. */
class GeneratedEmbedder implements Embedder {
  readonly model = "generated-256";
  readonly dimensions = 256;
  readonly semantic = true;
  readonly batchSize = 256;
  readonly answers = new Map<string, Float32Array>();

  async embed(texts: string[]): Promise<{ vector: Float32Array }[]> {
    return texts.map((text) => ({ vector: this.answers.get(text)! }));
  }
  async embedQuery(text: string): Promise<Float32Array> {
    return this.answers.get(text)!;
  }
  async check(): Promise<{ ok: true; dimensions: number; milliseconds: number }> {
    return { ok: true, dimensions: this.dimensions, milliseconds: 0 };
  }
}
const trained = new GeneratedEmbedder();

interface Corpus {
  sql: Sql;
  runtime: Sql;
  chunks: number;
  tenants: string[];
}

export async function benchSearch(bench: Bench): Promise<void> {
  for (const { chunks, tenants } of sizes(bench.quick)) {
    const database = await createDatabase(bench.server);
    await allowLargeBuild(database.target.url);
    const sql = connectDatabase(database.target, { max: 4, applicationName: "sluice bench", statementTimeoutMs: 0 });
    try {
      await migrate(sql);
      const runtime = connectDatabase(
        { ...database.target, separated: true },
        { max: 2, applicationName: "sluice bench" },
      );
      const corpus = { sql, runtime, chunks, tenants: await load(sql, chunks, tenants) };
      await measure(bench, corpus);
      await endDatabase(runtime, 1);
    } finally {
      await endDatabase(sql, 1);
      await database.close();
    }
  }
}

/** All sizes with all numbers of tenants, unless BENCH_CHUNKS names some: `10000,100000x10` (with ten tenants alone). */
function sizes(quick: boolean): { chunks: number; tenants: number }[] {
  const named = process.env["BENCH_CHUNKS"]?.split(",") ?? (quick ? ["10000x1"] : ["10000", "100000", "1000000"]);
  return named.flatMap((name) => {
    const [chunks = 0, tenants] = name.split("x").map(Number);
    // A tenant wants some documents of its own.
    const counts = tenants === undefined ? [1, 10, 1_000].filter((count) => chunks / count >= 100) : [tenants];
    return counts.map((count) => ({ chunks, tenants: count }));
  });
}

/** What docs/sizing.md asks of a server for a million vectors. */
async function allowLargeBuild(url: string): Promise<void> {
  const sql = connectDatabase({ url }, { max: 1, applicationName: "sluice bench" });
  await sql.unsafe(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET maintenance_work_mem = '2GB'`);
  await endDatabase(sql, 1);
}

/** Fills the tables as an ingest would, then lets upkeep do what it does after one. */
async function load(sql: Sql, chunks: number, tenantCount: number): Promise<string[]> {
  const tenants: string[] = [];
  for (let i = 0; i < tenantCount; i++) tenants.push(await newTenant(sql));
  const documents = Math.ceil(chunks / PASSAGES / tenantCount);
  const size = Math.min(BATCH, documents);
  const jobs = tenants.flatMap((tenant, t) =>
    Array.from({ length: Math.ceil(documents / size) }, (_, i) => ({ tenant, first: t * documents + i * size })),
  );
  const next = jobs.values();
  const worker = async (): Promise<void> => {
    for (const { tenant, first } of next) await loadBatch(sql, tenant, first, size, chunks <= HASHED_MAX);
  };
  await Promise.all([worker(), worker()]);
  await sql`VACUUM ANALYZE`;
  await sql`SELECT gin_clean_pending_list('chunk_fts_words'::regclass)`;
  await ensureLexicalStatistics(sql);
  for (const { model, dimensions } of [trained, hashing]) await ensureVectorIndex(sql, model, dimensions);
  return tenants;
}

async function loadBatch(sql: Sql, tenant: string, first: number, size: number, hashed: boolean): Promise<void> {
  const seeded = await seedDocuments(
    sql,
    tenant,
    Array.from({ length: size }, (_, i) => {
      const { title, passages } = generateDocument(first + i, PASSAGES);
      return { ref: `file:///${(first + i) % 10}/${first + i}.md`, title, chunks: passages };
    }),
  );
  const generated = seeded.map((chunk, i) => ({
    ...chunk,
    vector: generateVector(first * PASSAGES + i, trained.dimensions),
  }));
  await insertVectors(sql, generated, trained.model, trained.dimensions);
  if (!hashed) return;
  const results = await hashing.embed(seeded.map((chunk) => chunk.embeddingText));
  const rows = seeded.map((chunk, i) => ({ ...chunk, vector: (results[i] as { vector: Float32Array }).vector }));
  await insertVectors(sql, rows, hashing.model, hashing.dimensions);
}

interface Kind {
  name: string;
  mode: SearchMode;
  embedder: Embedder;
  filters?: SearchFilters;
}

const FOLDER = { external_ref_prefix: "file:///3/" };

const KINDS: Kind[] = [
  { name: "hybrid", mode: "hybrid", embedder: trained },
  { name: "hybrid, a folder of a tenth", mode: "hybrid", embedder: trained, filters: FOLDER },
  { name: "words", mode: "lexical", embedder: trained },
  { name: "vectors", mode: "vector", embedder: trained },
  { name: "vectors, a folder of a tenth", mode: "vector", embedder: trained, filters: FOLDER },
  { name: "hybrid with feature hashing", mode: "hybrid", embedder: hashing },
  { name: "vectors of feature hashing", mode: "vector", embedder: hashing },
];

async function measure(bench: Bench, corpus: Corpus): Promise<void> {
  const { tenants, chunks } = corpus;
  const count = bench.quick ? 40 : 200;
  const documents = Math.ceil(chunks / PASSAGES / tenants.length);
  const queries = Array.from({ length: count }, (_, i) => {
    const tenant = (i * 7) % tenants.length;
    const document = tenant * documents + ((i * 131) % documents);
    // As a reader would, about one passage of it.
    const query = generateQuery(document);
    trained.answers.set(query, generateVector(document * PASSAGES + (document % PASSAGES), trained.dimensions, BLUR));
    return { tenantId: tenants[tenant]!, query };
  });
  const name = `${chunks.toLocaleString("en-US")} chunks, ${tenants.length.toLocaleString("en-US")} ${tenants.length === 1 ? "tenant" : "tenants"}`;
  for (const { name: kind, mode, embedder, filters } of KINDS) {
    if (embedder === hashing && chunks > HASHED_MAX) continue;
    const times: number[] = [];
    let found = 0;
    let wanted = 0;
    for (const [i, query] of queries.entries()) {
      const request = { ...query, mode, ...(filters && { filters }) };
      // The first ones warm the connection and its prepared statements.
      if (i < 5) await search(corpus.runtime, embedder, request);
      const start = performance.now();
      const hits = await search(corpus.runtime, embedder, request);
      times.push(performance.now() - start);
      if (mode !== "vector" || i >= COMPARED) continue;
      const exact = await exactScores(corpus.sql, embedder, query, filters?.external_ref_prefix);
      wanted += exact.length;
      found += recalled(hits.slice(0, NEIGHBOURS), exact);
    }
    const row = (what: string, unit: string, value: number, goal?: { limit: number; sense: "<=" | ">=" }): void =>
      bench.report.add({
        suite: SUITE,
        what: name,
        who: `${kind}, ${what}`,
        unit,
        runs: [value],
        ...(goal && { goal }),
      });
    row("p50", "ms", percentile(times, 0.5));
    const limit = mode === "hybrid" && !filters ? GOALS[chunks] : undefined;
    row("p95", "ms", percentile(times, 0.95), limit === undefined ? undefined : { limit, sense: "<=" });
    if (mode === "vector") row("recall@10", "", found / wanted, { limit: 0.95, sense: ">=" });
  }
}

/** How near the ten nearest are, by comparing all of them in full precision. */
async function exactScores(
  sql: Sql,
  embedder: Embedder,
  { tenantId, query }: { tenantId: string; query: string },
  prefix = "",
): Promise<number[]> {
  const vector = await embedder.embedQuery(query);
  const rows = await sql<{ score: number }[]>`
    SELECT 1 - distance AS score FROM (
      SELECT v.embedding <=> ${vectorText(vector)}::vector AS distance FROM chunk_vectors v
      JOIN chunks c USING (tenant_id, chunk_id) JOIN documents d USING (tenant_id, document_id)
      WHERE v.tenant_id = ${tenantId} AND v.embedding_model = ${embedder.model} AND starts_with(d.external_ref, ${prefix})
    ) AS all_of_them WHERE distance < 1 ORDER BY distance LIMIT ${NEIGHBOURS}`;
  return rows.map((row) => row.score);
}

/** Hits that are at least as near as the last of the exact ones, but for rounding. */
function recalled(hits: Hit[], exact: number[]): number {
  const last = exact.at(-1) ?? 0;
  return Math.min(exact.length, hits.filter((hit) => hit.score >= last - 1e-5).length);
}
