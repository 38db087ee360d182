import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { createEmbedder, type Embedder } from "../../src/embed/provider.ts";
import { TransientError } from "../../src/errors.ts";
import { type SearchRequest, search } from "../../src/index/search.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { type SeedDocument, seedDocuments } from "./seed.ts";

const embedder = createEmbedder({ provider: "hash" });
let sql: Sql;
let tenantId: string;

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

async function seed(
  documents: (Partial<SeedDocument> & { ref: string; text: string })[],
  tenant = tenantId,
): Promise<void> {
  const chunks = await seedDocuments(
    sql,
    tenant,
    documents.map((document) => ({
      title: document.ref,
      chunks: [{ path: document.ref, text: document.text }],
      ...document,
    })),
  );
  const results = await embedder.embed(chunks.map((chunk) => chunk.embeddingText));
  const rows = chunks.flatMap((chunk, i) => {
    const result = results[i]!;
    return "vector" in result ? [{ ...chunk, vector: result.vector }] : [];
  });
  await insertVectors(sql, rows, embedder.model, embedder.dimensions!);
}

/** References of the hits, best first. */
async function find(query: string, request: Partial<SearchRequest> = {}): Promise<string[]> {
  const hits = await search(sql, embedder, { tenantId, query, mode: "lexical", ...request });
  return hits.map((hit) => hit.external_ref);
}

test("a rare word outweighs common ones, and a short chunk outranks a long one that says the same", async () => {
  const filler = "the service stores data and the service reads data for users of the service ".repeat(8);
  await seed([
    ...Array.from({ length: 8 }, (_, i) => ({ ref: `common-${i}`, text: `service data service data users ${i}` })),
    { ref: "long", text: `${filler} quorum ${filler}` },
    { ref: "short", text: "quorum of replicas" },
  ]);
  expect((await find("service data quorum")).slice(0, 2).sort()).toEqual(["long", "short"]);
  expect(await find("quorum")).toEqual(["short", "long"]);
});

test("repetition saturates: two of two words beat one word often", async () => {
  await seed([
    { ref: "often", text: "backup backup backup backup backup backup of tapes here" },
    { ref: "both", text: "backup and then restore of tapes held here for years" },
    { ref: "other", text: "nothing to see in this one at all" },
  ]);
  expect(await find("backup restore")).toEqual(["both", "often"]);
});

test("titles and paths are found as well as text", async () => {
  await seed([
    { ref: "a", title: "Vacation policy", text: "Thirty days." },
    { ref: "b", text: "Nothing.", chunks: [{ path: "Handbook > Sabbatical", text: "Nothing." }] },
  ]);
  expect(await find("vacation")).toEqual(["a"]);
  expect(await find("sabbaticals")).toEqual(["b"]);
});

test("whole names are found exactly, and rank above texts that share their parts", async () => {
  await seed([
    { ref: "fn", text: "call get_user_id to resolve the session" },
    { ref: "parts", text: "get the user by id, then get another user id" },
    { ref: "cve", text: "fixed CVE-2024-1234 in 3.2.1" },
    { ref: "cve2", text: "fixed CVE-2024-9999 in 3.2.10, not 1234" },
    { ref: "file", text: "see src/embed/hash.ts for details" },
    { ref: "it", text: "ask the IT department" },
  ]);
  expect((await find("get_user_id"))[0]).toBe("fn");
  expect((await find("cve-2024-1234"))[0]).toBe("cve");
  expect((await find("3.2.1"))[0]).toBe("cve");
  expect(await find("hash.ts")).toEqual(["file"]);
  expect((await find("IT"))[0]).toBe("it");
});

test("operators, quotes and nonsense are plain text", async () => {
  await seed([{ ref: "a", text: "cats and dogs" }]);
  for (const query of ["cats & ", "'cats' | !(", '"cats"', "cats:* <-> \\", "cats\u0000'; DROP TABLE chunks --"])
    expect([query, await find(query)]).toEqual([query, ["a"]]);
  for (const query of ["", "   ", "the of and", "&|!()", "🙂"]) expect([query, await find(query)]).toEqual([query, []]);
  expect(await find("", { mode: "hybrid" })).toEqual([]);
  expect(await find(`${"lorem ipsum dolor ".repeat(2_000)} cats`)).toEqual([]);
  expect(
    await find(
      Array.from({ length: 200 }, (_, i) => `w${i}`)
        .join(" ")
        .replace("w7 ", "cats "),
    ),
  ).toEqual(["a"]);
});

test("each document is searched by its own language, and the query's stop words count nowhere", async () => {
  await seed([
    { ref: "de", config: "german", language: "de", text: "Die Kündigungsfristen für Verträge, sagte the manager" },
    { ref: "en", config: "english", text: "Termination periods of contracts" },
    { ref: "zh", config: "simple", language: "zh", text: "数据库备份策略与恢复流程" },
    { ref: "code", config: "simple", language: "und", text: "the termination handler" },
  ]);
  expect(await find("Kündigungsfrist Vertrag")).toEqual(["de"]);
  expect((await find("the terminations of the contract"))[0]).toBe("en");
  expect(await find("the contract")).toEqual(["en"]);
  expect(await find("备份策略")).toEqual(["zh"]);
  expect(await find("库")).toEqual(["zh"]);
});

test("hidden documents and other tenants' documents are never found, in no mode", async () => {
  const other = await newTenant(sql);
  await seed([
    { ref: "visible", text: "payroll calendar" },
    { ref: "hidden", text: "payroll calendar", hidden: true },
  ]);
  await seed([{ ref: "foreign", text: "payroll calendar" }], other);
  for (const mode of ["lexical", "vector", "hybrid"] as const) {
    expect([mode, await find("payroll calendar", { mode })]).toEqual([mode, ["visible"]]);
    expect([mode, await find("payroll calendar", { mode, tenantId: other })]).toEqual([mode, ["foreign"]]);
  }
});

test("filters restrict every mode", async () => {
  await seed([
    { ref: "docs/a.md", text: "release notes", language: "en" },
    { ref: "docs/b_md", text: "release notes", language: "de" },
    { ref: "wiki", text: "release notes", sourceType: "CONFLUENCE_PAGE" },
  ]);
  for (const mode of ["lexical", "vector", "hybrid"] as const) {
    const found = async (filters: NonNullable<SearchRequest["filters"]>): Promise<string[]> =>
      (await find("release notes", { mode, filters })).sort();
    expect(await found({ source_types: ["CONFLUENCE_PAGE"] })).toEqual(["wiki"]);
    expect(await found({ external_ref_prefix: "docs/" })).toEqual(["docs/a.md", "docs/b_md"]);
    expect(await found({ external_ref_prefix: "docs/_" })).toEqual([]);
    expect(await found({ external_ref_prefix: "docs/\0" })).toEqual([]);
    expect(await found({ languages: ["de"] })).toEqual(["docs/b_md"]);
    expect(await found({ updated_after: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await found({ updated_before: new Date(Date.now() + 60_000), source_types: [] })).toHaveLength(3);
    expect(await found({ connection_ids: [crypto.randomUUID()] })).toEqual([]);
    const [hit] = await search(sql, embedder, {
      tenantId,
      query: "release notes",
      mode,
      filters: { languages: ["de"] },
    });
    expect(await found({ document_ids: [hit!.document_id] })).toEqual(["docs/b_md"]);
  }
});

test("a hit says where it is from and why it was found", async () => {
  await seed([{ ref: "a", title: "On call", url: "https://wiki/x", text: "pager rotation" }]);
  const [hit] = await search(sql, embedder, { tenantId, query: "pager rotation" });
  expect(hit).toMatchObject({
    title: "On call",
    url: "https://wiki/x",
    external_ref: "a",
    source_type: "FILE_CATALOG_OBJECT",
    chunk_text: "pager rotation",
    chunk_path: "a",
  });
  expect(hit).toMatchObject({ lexical_rank: 1, vector_rank: 1 });
  const [lexical] = await search(sql, embedder, { tenantId, query: "pager rotation", mode: "lexical" });
  expect(lexical).toMatchObject({ lexical_rank: 1, vector_rank: null });
});

test("hybrid finds what only one side finds: a misspelt word by its parts", async () => {
  await seed([
    { ref: "k8s", text: "kubernetes cluster upgrades" },
    { ref: "hr", text: "parental leave" },
  ]);
  expect(await find("kubrenetes")).toEqual([]);
  expect((await find("kubrenetes", { mode: "hybrid" }))[0]).toBe("k8s");
});

test("equal scores are always in the same order, and top_k is kept", async () => {
  await seed(
    Array.from({ length: 30 }, (_, i) => ({
      ref: `r${i}`,
      title: "t",
      text: "same words",
      chunks: [{ path: "p", text: "same words" }],
    })),
  );
  const first = await find("same words", { mode: "hybrid", topK: 7 });
  expect(first).toHaveLength(7);
  expect(await find("same words", { mode: "hybrid", topK: 7 })).toEqual(first);
  expect(await find("same words", { topK: 1000 })).toHaveLength(30);
});

test("without an answer from the endpoint a hybrid search is one by words, and says so", async () => {
  await seed([{ ref: "a", text: "incident review" }]);
  const outage = new TransientError("embeddings.unavailable", "down");
  const down: Embedder = {
    ...embedder,
    model: "m",
    dimensions: null,
    embedQuery: () => Promise.reject(outage),
  } as Embedder;
  const told: unknown[] = [];
  const hits = await search(sql, down, { tenantId, query: "incident" }, { onDegraded: (error) => told.push(error) });
  expect(hits.map((hit) => hit.external_ref)).toEqual(["a"]);
  expect(told).toEqual([outage]);
  expect(search(sql, down, { tenantId, query: "incident", mode: "vector" })).rejects.toBe(outage);

  const silent: Embedder = {
    ...down,
    embedQuery: (_text, signal) =>
      new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))),
  } as Embedder;
  expect(await search(sql, silent, { tenantId, query: "incident" }, { embedTimeoutMs: 20 })).toHaveLength(1);
});
