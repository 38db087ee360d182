import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { availableConfigs } from "../../src/index/lexemes.ts";
import { deleteFts, insertFts } from "../../src/index/write_fts.ts";
import { insertVectors, vectorText } from "../../src/index/write_vectors.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { type SeededChunk, seedDocuments } from "./seed.ts";

let sql: Sql;
let tenantId: string;

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

const chunksOf = (text: string): Promise<SeededChunk[]> =>
  seedDocuments(sql, tenantId, [{ ref: "r", title: "Old title", chunks: [{ path: "Part", text }] }]);

test("title, path and text are weighted A, B and C, names follow without position", async () => {
  await chunksOf("Running get_user_id");
  const [row] = await sql`SELECT tsv::text, word_count, fts_config FROM chunk_fts`;
  expect(row).toEqual({
    tsv: "'get':5C 'get_user_id' 'id':7C 'old':1A 'part':3B 'run':4C 'titl':2A 'user':6C",
    word_count: 4,
    fts_config: "english",
  });
});

test("a chunk is indexed anew once its row is gone, for a changed title or language", async () => {
  const [chunk] = await chunksOf("text");
  await deleteFts(sql, tenantId, [chunk!.chunkId]);
  await insertFts(sql, [
    { tenantId, chunkId: chunk!.chunkId, ftsConfig: "english", title: "New", chunkPath: "", chunkText: "text" },
  ]);
  const [row] = await sql`SELECT tsv::text FROM chunk_fts`;
  expect(row!.tsv).toBe("'new':1A 'text':2C");
});

test("no text fails a row: overlong words, huge texts, unknown configurations, odd characters", async () => {
  const [chunk] = await chunksOf("x");
  const texts = [
    "y".repeat(5_000),
    Array.from({ length: 200_000 }, (_, i) => `w${i}x`).join(" "),
    Array.from({ length: 5_000 }, (_, i) => `name_${i}_${"z".repeat(80)}`).join(" "),
    "\u0000 \ud800 ' \\ <b> & | !",
    "",
  ];
  for (const chunkText of texts) {
    await deleteFts(sql, tenantId, [chunk!.chunkId]);
    await insertFts(sql, [
      { tenantId, chunkId: chunk!.chunkId, ftsConfig: "klingon", title: "", chunkPath: "", chunkText },
    ]);
  }
  const [row] = await sql`SELECT fts_config, word_count FROM chunk_fts`;
  expect(row).toEqual({ fts_config: "simple", word_count: 0 });
});

test("the server's configurations can be listed", async () => {
  const configs = await availableConfigs(sql);
  for (const name of ["simple", "english", "german"]) expect(configs.has(name)).toBe(true);
});

test("vectors are written once, and not for chunks that vanished", async () => {
  const [chunk] = await chunksOf("x");
  const rows = [
    { tenantId, chunkId: chunk!.chunkId, textSha256: chunk!.textSha256, vector: new Float32Array([1, -0.5]) },
    { tenantId, chunkId: crypto.randomUUID(), textSha256: chunk!.textSha256, vector: new Float32Array([1, 2]) },
  ];
  expect(await insertVectors(sql, rows, "m", 2)).toBe(1);
  expect(await insertVectors(sql, rows, "m", 2)).toBe(0);
  const stored =
    await sql`SELECT chunk_id::text, embedding::text, encode(text_sha256, 'hex') AS sha FROM chunk_vectors`;
  expect([...stored]).toEqual([{ chunk_id: chunk!.chunkId, embedding: "[1,-0.5]", sha: chunk!.textSha256 }]);
});

test("the text of a vector keeps five digits, whatever its scale", () => {
  const parse = (text: string): number[] => JSON.parse(text) as number[];
  for (const scale of [1e-12, 1e-3, 1, 12_345, 1e15]) {
    const vector = Float32Array.from([0.123456, -0.987654, 0, 0.00001], (x) => x * scale);
    for (const [i, x] of parse(vectorText(vector)).entries())
      expect(Math.abs(x - vector[i]!)).toBeLessThanOrEqual(5e-5 * scale);
  }
  expect(vectorText(new Float32Array(3))).toBe("[0,0,0]");
});
