import { beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { createEmbedder } from "../../src/embed/provider.ts";
import { ensureLexicalStatistics, refreshLexicalStatistics } from "../../src/index/lexical_statistics.ts";
import { COUNTED_CHUNKS, planQuery } from "../../src/index/query_terms.ts";
import { search } from "../../src/index/search.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { seedDocuments } from "./seed.ts";

const embedder = createEmbedder({ provider: "hash" });
let sql: Sql;
let tenantId: string;

/** Every chunk says "service data", a tenth "region", one "quorum service", one "quorum". */
beforeAll(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
  const texts = Array.from(
    { length: COUNTED_CHUNKS + 200 },
    (_, i) => `service data number${i}${i % 10 === 0 ? " region" : ""}`,
  );
  const documents = [...texts, "quorum service", "quorum", "region data service region data"].map((text, i) => ({
    ref: `r${i}`,
    title: "",
    chunks: [{ path: "", text }],
  }));
  await seedDocuments(sql, tenantId, documents);
}, 60_000);

const find = async (query: string): Promise<string[]> =>
  (await search(sql, embedder, { tenantId, query, mode: "lexical", topK: 3 })).map((hit) => hit.chunk_text);

test("statistics are taken for tenants that outgrew counting, and again only after much change", async () => {
  const small = await newTenant(sql);
  await seedDocuments(sql, small, [{ ref: "x", title: "", chunks: [{ path: "", text: "few words" }] }]);
  expect((await planQuery(sql, tenantId, "service")).terms[0]!.chunks).toBeNull();
  const before = await find("quorum service");

  expect(await ensureLexicalStatistics(sql)).toEqual([tenantId]);
  expect(await ensureLexicalStatistics(sql)).toEqual([]);
  const plan = await planQuery(sql, tenantId, "service region quorum");
  expect(plan.terms.map((term) => Math.round(term.chunks!))).toEqual([5_202, 521, 2]);
  expect(plan.wordsPerChunk).toBeCloseTo(3.1, 1);
  expect((await find("quorum service")).slice(0, 2)).toEqual(before.slice(0, 2));
  expect(before.slice(0, 2).sort()).toEqual(["quorum", "quorum service"]);
});

test("words too common to select alone select together", async () => {
  await refreshLexicalStatistics(sql, tenantId);
  expect((await find("data region service"))[0]).toBe("region data service region data");
  expect(await find("service")).toHaveLength(3);
});

test("behind a filter, chunks with any one of the common words are found", async () => {
  const [{ document_id: documentId }] =
    (await sql`SELECT document_id::text FROM documents WHERE external_ref = 'r3'`) as unknown as [
      { document_id: string },
    ];
  const hits = await search(sql, embedder, {
    tenantId,
    query: "quorum region service",
    mode: "lexical",
    filters: { document_ids: [documentId] },
  });
  expect(hits.map((hit) => hit.external_ref)).toEqual(["r3"]);
});

test("statistics of a configuration that no chunk uses any more are removed", async () => {
  await sql`INSERT INTO lexical_statistics (tenant_id, fts_config, chunks, sampled, words_per_chunk) VALUES (${tenantId}, 'german', 1, 1, 1)`;
  await refreshLexicalStatistics(sql, tenantId);
  const rows = await sql`SELECT fts_config FROM lexical_statistics`;
  expect([...rows]).toEqual([{ fts_config: "english" }]);
});
