/** Hybrid search of tenants that are large enough for words and vectors to be ranked side by side, on two connections. */
import { afterEach, beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { connectDatabase, type DatabaseTarget, endDatabase } from "../../src/db/connect.ts";
import { hashText } from "../../src/embed/hash.ts";
import { createEmbedder, type Embedder } from "../../src/embed/provider.ts";
import { fetchHits } from "../../src/index/fetch_hits.ts";
import { fuse } from "../../src/index/fuse.ts";
import { type Hit, type SearchRequest, search } from "../../src/index/search.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared } from "../support/documents.ts";
import { seedDocuments } from "./seed.ts";

/** Feature hashing that passes for a trained model. */
const embedder: Embedder = { ...createEmbedder({ provider: "hash" }), model: "trained", semantic: true } as Embedder;
embedder.embedQuery = async (text) => hashText(text);
const FRUIT = "apple banana cherry damson elder fig grape hazel".split(" ");
const FILLERS = 2_500;

let sql: Sql;
let target: DatabaseTarget;
let tenantId: string;
let opened: Sql[] = [];

beforeAll(async () => {
  ({ sql, target } = await emptyDatabase());
  tenantId = await newTenant(sql);
  const text = (i: number): string =>
    Array.from({ length: 6 }, (_, k) => FRUIT[(i * (k + 3) + (i >> k)) % FRUIT.length]).join(" ");
  const documents = Array.from({ length: FILLERS / 50 }, (_, d) => ({
    ref: `fruit-${d}`,
    title: "Fruit",
    chunks: Array.from({ length: 50 }, (_, c) => ({ path: `part ${c}`, text: `${text(d * 50 + c)} ${d * 50 + c}` })),
  }));
  const chunks = await seedDocuments(sql, tenantId, documents);
  const rows = chunks.map((chunk) => ({ ...chunk, vector: hashText(chunk.embeddingText) }));
  await insertVectors(sql, rows, embedder.model, 256);
}, 120_000);

afterEach(async () => {
  for (const pool of opened) await endDatabase(pool, 1);
  opened = [];
});

function poolOf(max: number): Sql {
  const pool = connectDatabase(target, { max, applicationName: "sluice tests" });
  opened.push(pool);
  return pool;
}

const find = (pool: Sql, query: string, request: Partial<SearchRequest> = {}): Promise<Hit[]> =>
  search(pool, embedder, { tenantId, query, ...request });

/** Statements that the pool sends while `work` runs. */
async function heard(pool: Sql, work: () => Promise<unknown>, onStatement = (_text: string) => {}): Promise<string[]> {
  const statements: string[] = [];
  const options = pool.options as unknown as { debug: unknown };
  options.debug = (_connection: number, text: string) => {
    statements.push(text);
    onStatement(text);
  };
  await work().finally(() => {
    options.debug = false;
  });
  return statements;
}

/** Stores a version of a document as the pipeline does. */
async function version(ref: string, text: string): Promise<(pool: Sql) => Promise<unknown>> {
  const [item] = await claimFor(sql, tenantId, [ref]);
  return (pool) => swapIn(pool, [prepared(item!, text)], embedder.model);
}

test("both rankings side by side give what each gives alone, fused", async () => {
  const pool = poolOf(4);
  for (const filters of [{}, { external_ref_prefix: "fruit-1" }]) {
    const query = "apple damson 77";
    const [words, vectors] = await Promise.all(
      (["lexical", "vector"] as const).map((mode) => find(pool, query, { mode, filters, topK: 100 })),
    );
    const ranked = (hits: Hit[]) => hits.map(({ chunk_id, score }, i) => ({ chunk_id, score, rank: i + 1 }));
    const fused = fuse(ranked(words!), ranked(vectors!), true).slice(0, 100);
    const rows = new Map([...words!, ...vectors!].map((hit) => [hit.chunk_id, hit]));
    let hits: Hit[] = [];
    const statements = await heard(pool, async () => {
      hits = await find(pool, query, { filters, topK: 100 });
    });
    expect(hits).toEqual(fused.map((one) => ({ ...rows.get(one.chunk_id)!, ...one })));
    expect(hits.some((hit) => hit.lexical_rank !== null && hit.vector_rank !== null)).toBe(true);
    expect(statements.filter((text) => text.startsWith("begin"))).toHaveLength(4);
  }
}, 60_000);

test("few chunks, words or vectors alone, and feature hashing take one transaction", async () => {
  const pool = poolOf(4);
  const small = await newTenant(sql);
  await seedDocuments(sql, small, [{ ref: "a", title: "a", chunks: [{ path: "", text: "apple" }] }]);
  const begun = async (work: () => Promise<unknown>) =>
    (await heard(pool, work)).filter((text) => text.startsWith("begin")).length;
  expect(await begun(() => find(pool, "apple", { mode: "lexical" }))).toBe(1);
  expect(await begun(() => find(pool, "apple", { mode: "vector" }))).toBe(1);
  expect(await begun(() => find(pool, "apple", { tenantId: small }))).toBe(1);
  const hashing = createEmbedder({ provider: "hash" });
  expect(await begun(() => search(pool, hashing, { tenantId, query: "apple" }))).toBe(1);
});

test("searches that share one connection do not wait for each other for ever", async () => {
  const pool = poolOf(1);
  const answers = await Promise.all(Array.from({ length: 8 }, () => find(pool, "apple damson 77")));
  for (const answer of answers) expect(answer).toEqual(answers[0]!);
});

test("a document that is replaced between the rankings and the fetch of its rows is in the answer", async () => {
  await (await version("replaced", "The quorum is three replicas"))(sql);
  const next = await version("replaced", "The quorum is five replicas");
  // On a single connection work is done in the order in which it was asked for.
  const pool = poolOf(1);
  const swaps: Promise<unknown>[] = [];
  let hits: Hit[] = [];
  await heard(
    pool,
    async () => {
      hits = await find(pool, "quorum replicas");
    },
    (text) => {
      if (text.includes("FROM semantic") && swaps.length === 0) swaps.push(Promise.resolve().then(() => next(pool)));
    },
  );
  expect(swaps).toHaveLength(1);
  await swaps[0];
  const hit = hits.find((one) => one.external_ref === "replaced");
  expect(hit).toMatchObject({ lexical_rank: 1, chunk_text: expect.stringContaining("five") });
});

test("an answer is incomplete without a hit, and without any other chunk that was ranked", async () => {
  const hits = await find(sql, "apple damson 77");
  const gone = { ...hits[0]!, chunk_id: crypto.randomUUID() };
  const complete = async (ranked: Hit[], topK: number, filters = {}): Promise<boolean> =>
    (await sql.begin((tx) => fetchHits(tx, { tenantId, filters }, ranked, topK))).complete;
  expect(await complete(hits, 5)).toBe(true);
  expect(await complete([gone, ...hits], 5)).toBe(false);
  expect(await complete([...hits, gone], 5)).toBe(false);
  expect(await complete(hits, 5, { languages: ["de"] })).toBe(false);
});

test("a document that is replaced all the time is in every answer", async () => {
  const pool = poolOf(4);
  await (await version("busy", "The ledger has 0 entries"))(sql);
  let over = false;
  const replacing = (async () => {
    for (let i = 1; !over; i++) await (await version("busy", `The ledger has ${i} entries`))(sql);
  })();
  const found: boolean[] = [];
  const asking = async (): Promise<void> => {
    for (let i = 0; i < 40; i++)
      found.push((await find(pool, "ledger entries")).some((hit) => hit.external_ref === "busy"));
  };
  await Promise.all([asking(), asking(), asking()]).finally(() => {
    over = true;
  });
  await replacing;
  expect(found.filter((one) => !one)).toEqual([]);
}, 60_000);
