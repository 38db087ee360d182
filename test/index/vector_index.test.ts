import { beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { hashText } from "../../src/embed/hash.ts";
import { scopeOf } from "../../src/index/filters.ts";
import { semanticTable } from "../../src/index/semantic.ts";
import { SqlText } from "../../src/index/sql_text.ts";
import {
  ensureVectorIndex,
  indexIsReady,
  prepareIndexedSearch,
  type VectorLook,
  vectorIndexName,
} from "../../src/index/vector_index.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { jobWithItems } from "../support/queue.ts";
import { seedDocuments } from "./seed.ts";

const MODEL = "it's a 'model'";
const WORDS =
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon".split(
    " ",
  );
let sql: Sql;
let server: boolean;
let large: string;
let small: string;

async function seed(tenantId: string, count: number): Promise<void> {
  const text = (i: number): string =>
    `${WORDS[i % 20]} ${WORDS[(i * 7 + 3) % 20]} ${WORDS[Math.floor(i / 20) % 20]} item${i}`;
  const chunks = await seedDocuments(
    sql,
    tenantId,
    Array.from({ length: count }, (_, i) => ({ ref: `r${i}`, title: "", chunks: [{ path: "", text: text(i) }] })),
  );
  await insertVectors(
    sql,
    chunks.map((chunk) => ({ ...chunk, vector: hashText(chunk.embeddingText) })),
    MODEL,
    256,
  );
}

beforeAll(async () => {
  ({ sql, server } = await emptyDatabase());
  [large, small] = [await newTenant(sql), await newTenant(sql)];
  await seed(large, server ? 1_500 : 50);
  await seed(small, 20);
}, 60_000);

async function nearest(tenantId: string, query: string, indexed: boolean): Promise<string[]> {
  return sql.begin(async (tx) => {
    await tx`SET LOCAL enable_seqscan = off`;
    if (indexed) {
      expect(await prepareIndexedSearch(tx, MODEL, 256)).toBe(true);
      await tx`SET LOCAL enable_sort = off`;
    }
    const text = new SqlText();
    const table = semanticTable(
      { model: MODEL, vector: hashText(query), indexed, amongWords: false },
      scopeOf(tenantId, {}, false, text),
      10,
      text,
    );
    const statement = `WITH ${table} SELECT chunk_id::text FROM semantic ORDER BY rank`;
    if (indexed) {
      const plan = await tx.unsafe(`EXPLAIN ${statement}`, text.values as never[]);
      expect(plan.map((row) => String(row["QUERY PLAN"])).join("\n")).toContain(vectorIndexName(MODEL, 256));
    }
    return (await tx.unsafe(statement, text.values as never[])).map((row) => String(row.chunk_id));
  });
}

test("the index waits until there are enough vectors", async () => {
  expect(await ensureVectorIndex(sql, MODEL, 256)).toBe(false);
  expect(await indexIsReady(sql, MODEL, 256)).toBe(false);
});

test("while jobs run, it waits for the end of a load", async () => {
  if (!server) return;
  const jobId = await jobWithItems(sql, large, ["file:///under-way.md"]);
  const look: VectorLook = { written: null };
  expect(await ensureVectorIndex(sql, MODEL, 256, look, 100)).toBe(false);
  expect(look.written).toBeNumber();
  look.written = -1_000_000;
  expect(await ensureVectorIndex(sql, MODEL, 256, look, 100)).toBe(false);
  // Postgres tells of rows that were written up to some seconds later.
  for (let i = 0; i < 20 && !(await ensureVectorIndex(sql, MODEL, 256, look, 100)); i++) await Bun.sleep(500);
  expect(await indexIsReady(sql, MODEL, 256)).toBe(true);
  await sql.unsafe(`DROP INDEX ${vectorIndexName(MODEL, 256)}`);
  await sql`DELETE FROM ingest_jobs WHERE job_id = ${jobId}`;
});

test("it is built once, finds what exact search finds, and keeps on scanning for a small tenant", async () => {
  if (!server) return;
  const query = "alpha kappa item7";
  const exact = { large: await nearest(large, query, false), small: await nearest(small, query, false) };
  const built = await Promise.all([
    ensureVectorIndex(sql, MODEL, 256, { written: null }, 100),
    ensureVectorIndex(sql, MODEL, 256, { written: null }, 100),
  ]);
  expect(built.filter(Boolean)).toHaveLength(1);
  expect(await indexIsReady(sql, MODEL, 256)).toBe(true);
  expect(await ensureVectorIndex(sql, MODEL, 256, { written: null }, 100)).toBe(false);

  const shared = (a: string[], b: string[]): number => a.filter((id) => b.includes(id)).length;
  expect(shared(await nearest(large, query, true), exact.large)).toBeGreaterThanOrEqual(8);
  expect(exact.small).toHaveLength(10);
  expect(shared(await nearest(small, query, true), exact.small)).toBeGreaterThanOrEqual(9);
  await sql.unsafe(`DROP INDEX ${vectorIndexName(MODEL, 256)}`);
});
