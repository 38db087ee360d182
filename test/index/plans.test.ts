/** How Postgres goes about the statements that run most often, when the tables are large. Only on a server: plans of an
 * embedded database with a handful of rows say nothing. */
import { beforeAll, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { asSystem, asTenant } from "../../src/db/tenant_scope.ts";
import type { Embedder } from "../../src/embed/provider.ts";
import { ensureLexicalStatistics } from "../../src/index/lexical_statistics.ts";
import { type SearchRequest, search } from "../../src/index/search.ts";
import { ensureVectorIndex, vectorIndexName } from "../../src/index/vector_index.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { type ClaimedItem, claimItems } from "../../src/queue/claim_items.ts";
import { settleItems } from "../../src/queue/settle.ts";
import { resolveLinks } from "../../src/store/links.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { diffAgainstSyncState } from "../../src/store/sync_state.ts";
import { missingSources } from "../../src/store/tombstones.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { prepared, TYPE } from "../support/documents.ts";
import { indexesOf, plansOf, readWhole } from "../support/plans.ts";
import { jobWithItems } from "../support/queue.ts";

const MODEL = "plans-8";
const DIMENSIONS = 8;
/** More than what is compared one by one. */
const CHUNKS = 24_000;
const LARGE = new Set([
  "ingest_items",
  "sources",
  "source_versions",
  "source_sync_state",
  "documents",
  "chunks",
  "chunk_fts",
  "chunk_vectors",
  "document_links",
  "cross_links",
]);

let sql: Sql;
let runtime: Sql;
let server: boolean;
let tenant: string;

/** Documents of four chunks and one link each, all made by Postgres itself. */
async function fill(tenantId: string, documents: number, finishedJob: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`CREATE TEMP TABLE made ON COMMIT DROP AS SELECT n, gen_random_uuid() AS source_id, gen_random_uuid() AS version_id,
      gen_random_uuid() AS document_id, 'file:///' || n || '.md' AS ref FROM generate_series(1, ${documents}::int) n`;
    await tx`INSERT INTO sources (tenant_id, source_id, source_type, external_ref, current_version_id)
      SELECT ${tenantId}, source_id, ${TYPE}, ref, version_id FROM made`;
    await tx`INSERT INTO source_versions (tenant_id, source_version_id, source_id, checksum, converter_version, s3_raw_uri, s3_markdown_uri,
        s3_manifest_uri, media_type, raw_bytes, markdown_bytes, markdown_sha256, title)
      SELECT ${tenantId}, version_id, source_id, repeat('a', 64), '1', 'r', 'm', 'j', 'text/markdown', 1, 1, repeat('a', 64), ref FROM made`;
    await tx`INSERT INTO source_sync_state (tenant_id, source_type, external_ref, source_id, fingerprint, last_status)
      SELECT ${tenantId}, ${TYPE}, ref, source_id, '1', 'ingested' FROM made`;
    await tx`INSERT INTO documents (tenant_id, document_id, source_id, source_version_id, source_type, external_ref, title, language, fts_config, chunk_count)
      SELECT ${tenantId}, document_id, source_id, version_id, ${TYPE}, ref, ref, 'en', 'english', 4 FROM made`;
    await tx`INSERT INTO document_links (tenant_id, document_id, ordinal, link_type, href, link_text, target_document_ids)
      SELECT ${tenantId}, document_id, 0, 'file', 'x', 'x', ARRAY[gen_random_uuid()] FROM made`;
    await tx`INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type)
      SELECT ${tenantId}, document_id, 0, document_id, 'file' FROM made`;
    await tx`INSERT INTO chunks (tenant_id, chunk_id, document_id, ordinal, chunk_path, chunk_text, chunk_type, token_count, char_start, char_end,
        block_start_idx, block_end_idx)
      SELECT ${tenantId}, gen_random_uuid(), document_id, k, 'path', repeat('word ', 60), 'paragraph', 60, 0, 1, 0, 0
      FROM made CROSS JOIN generate_series(0, 3) k`;
    await tx`INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane, item_status, finished_at)
      SELECT ${tenantId}, ${finishedJob}, source_id, ${TYPE}, ref, '{"fingerprint": "1"}', 'inline', 'ingested', now() FROM made`;
  });
  await sql`INSERT INTO chunk_fts (tenant_id, chunk_id, fts_config, tsv, word_count)
    SELECT tenant_id, chunk_id, 'english', to_tsvector('english', 'common' || (random() * 20)::int || ' rare' || (random() * 4000)::int), 60
    FROM chunks WHERE tenant_id = ${tenantId}`;
  await sql`INSERT INTO chunk_vectors (tenant_id, chunk_id, embedding_model, embedding_dim, text_sha256, embedding)
    SELECT tenant_id, chunk_id, ${MODEL}, ${DIMENSIONS}, sha256(chunk_id::text::bytea),
      ARRAY[random(), random(), random(), random(), random(), random(), random(), random() + c.ordinal * 0]::real[]::vector
    FROM chunks c WHERE tenant_id = ${tenantId}`;
}

beforeAll(async () => {
  ({ sql, runtime, server } = await emptyDatabase());
  if (!server) return;
  tenant = await newTenant(sql);
  const other = await newTenant(sql);
  for (const [owner, chunks] of [
    [tenant, CHUNKS],
    [other, CHUNKS / 3],
  ] as const)
    await fill(owner, chunks / 4, await jobWithItems(sql, owner, []));
  await jobWithItems(
    sql,
    tenant,
    Array.from({ length: 400 }, (_, i) => `file:///new/${i}.md`),
  );
  await sql`VACUUM ANALYZE`;
  // Jobs are under way, but nothing was written since the last look.
  await ensureVectorIndex(sql, MODEL, DIMENSIONS, { written: Number.MAX_SAFE_INTEGER }, 1_000);
  await ensureLexicalStatistics(sql);
}, 120_000);

const claim = (): Promise<ClaimedItem[]> =>
  claimItems(asSystem(runtime), { worker: "w", leaseSeconds: 60, lane: "inline", limit: 40 });

test("a claim reads the index of waiting items and nothing from end to end", async () => {
  if (!server) return;
  const plans = await plansOf(runtime, asSystem(runtime), claim);
  expect(indexesOf(plans)).toContain("ingest_items_ready");
  expect(readWhole(plans, LARGE)).toEqual([]);
  for (const { nodes } of plans.filter(({ statement }) => statement.includes("SKIP LOCKED")))
    expect(nodes.map(({ type }) => type)).toContain("Tid Scan");
});

test("a page of descriptors is compared by key", async () => {
  if (!server) return;
  const listed = Array.from({ length: 1_000 }, (_, i) => ({
    sourceId: "",
    externalRef: `file:///${i + 1}.md`,
    fingerprint: "1",
  }));
  const scope = { tenantId: tenant, jobId: tenant, sourceType: TYPE, force: false, repeated: false, verdictKey: "" };
  const own = asTenant(runtime, tenant);
  const plans = await plansOf(runtime, own, async () => {
    expect(await diffAgainstSyncState(own, scope, listed)).toEqual({ changed: [], unchanged: 1_000, quarantined: [] });
  });
  expect(indexesOf(plans)).toContain("source_sync_state_pkey");
  expect(readWhole(plans, LARGE)).toEqual([]);
});

test("what a listing lacks is not found by going through all that it holds, for each source", async () => {
  if (!server) return;
  const seen = Array.from({ length: 1_000 }, () => crypto.randomUUID());
  const own = asTenant(runtime, tenant);
  const plans = await plansOf(runtime, own, () =>
    missingSources(own, { tenantId: tenant, connectionId: tenant }, seen),
  );
  expect(plans.length).toBeGreaterThan(0);
  // Its rows become a hash table; an array would be compared one by one.
  for (const { nodes } of plans) expect(nodes.map(({ type }) => type)).toContain("ProjectSet");
});

test("new versions go in by key: documents, chunks, full text, vectors to take over, links that wait", async () => {
  if (!server) return;
  const items = await claim();
  const text = (i: number): string =>
    Array.from({ length: 8 }, (_, n) => `# Part ${n}\n\n${`word${i} `.repeat(40)}`).join("\n\n");
  const documents = items.slice(0, 16).map((item, i) => prepared(item, text(i)));
  const first = await plansOf(runtime, asTenant(runtime, tenant), () => swapIn(runtime, documents, MODEL));
  expect(first.map(({ statement }) => statement).join()).toContain("INSERT INTO chunks");
  const used = indexesOf(first);
  for (const index of ["chunk_vectors_by_text", "document_links_targets", "documents_pkey"])
    expect(used).toContain(index);
  expect(readWhole(first, LARGE)).toEqual([]);

  const rows = documents.flatMap(({ tenantId, chunks }) =>
    chunks.map((chunk) => ({ ...chunk, tenantId, vector: new Float32Array(DIMENSIONS).fill(1) })),
  );
  const later = await plansOf(runtime, asTenant(runtime, tenant), async () => {
    await insertVectors(asTenant(runtime, tenant), rows, MODEL, DIMENSIONS);
    await settleItems(
      asTenant(runtime, tenant),
      { tenantId: tenant, jobId: items[0]!.jobId },
      items.map(({ itemId, runLease }) => ({ itemId, runLease, outcome: "ingested" })),
    );
    // Replaced by other versions of themselves.
    await swapIn(
      runtime,
      (await claim()).slice(0, 16).map((item, i) => prepared(item, text(i + 100))),
      MODEL,
    );
  });
  expect(readWhole(later, LARGE)).toEqual([]);
}, 30_000);

const embedder: Embedder = {
  model: MODEL,
  dimensions: DIMENSIONS,
  semantic: true,
  batchSize: 1,
  embed: async (texts) => texts.map(() => ({ vector: new Float32Array(DIMENSIONS).fill(0.5) })),
  embedQuery: async () => new Float32Array(DIMENSIONS).fill(0.5),
  check: async () => ({ ok: true, dimensions: DIMENSIONS, milliseconds: 0 }),
};

/** Made anew for each search, so only planned for its own values. */
const searchPlans = (request: Omit<SearchRequest, "tenantId">) =>
  plansOf(
    runtime,
    asTenant(runtime, tenant),
    async () => expect((await search(runtime, embedder, { tenantId: tenant, ...request })).length).toBeGreaterThan(0),
    ["force_custom_plan"],
  );

test("links that wait are looked up by their target, also for a tenant that the statistics do not know", async () => {
  if (!server) return;
  const fresh = await newTenant(sql);
  const documents = (await claim()).slice(0, 4).map((item) => prepared(item, "# New\n"));
  const plans = await plansOf(runtime, asTenant(runtime, fresh), () => resolveLinks(runtime, fresh, documents));
  const waiting = plans.filter(({ statement }) => statement.includes("tenant_links"));
  expect(waiting.length).toBeGreaterThan(0);
  for (const plan of waiting) {
    expect(indexesOf([plan])).toContain("document_links_targets");
    expect(indexesOf([plan])).not.toContain("document_links_pkey");
  }
});

test("search finds words by the index of words, and vectors by the index of their model", async () => {
  if (!server) return;
  const used = indexesOf(await searchPlans({ query: "rare7 common3" }));
  expect(used).toContain("chunk_fts_words");
  expect(used).toContain(vectorIndexName(MODEL, DIMENSIONS));
});

test("search fetches its hits by key, planned for its own values and for any", async () => {
  if (!server) return;
  const own = asTenant(runtime, tenant);
  for (const filters of [{}, { languages: ["en"], external_ref_prefix: "file:///1" }]) {
    const plans = await plansOf(runtime, own, () =>
      search(runtime, embedder, { tenantId: tenant, query: "rare7 common3", filters }),
    );
    const fetches = plans.filter(({ statement }) => statement.includes("c.chunk_text"));
    expect(fetches).toHaveLength(2);
    expect(readWhole(fetches, LARGE)).toEqual([]);
    for (const index of ["chunks_pkey", "documents_pkey"]) expect(indexesOf(fetches)).toContain(index);
  }
});

test("no search reads a large table from end to end, with filters or without", async () => {
  if (!server) return;
  for (const request of [
    { query: "rare7 common3" },
    { query: "rare7", mode: "lexical" },
    { query: "rare7", mode: "vector" },
    { query: "common3", mode: "lexical", filters: { external_ref_prefix: "file:///12" } },
    { query: "common3", mode: "hybrid", filters: { languages: ["en"] } },
  ] satisfies Omit<SearchRequest, "tenantId">[])
    expect({ request, whole: readWhole(await searchPlans(request), LARGE) }).toEqual({ request, whole: [] });
});

test("vectors that know no more than the words do are compared among what those found, unless that is little", async () => {
  if (!server) return;
  const hashing = { ...embedder, semantic: false };
  const ranked = async (query: string) => {
    const hits = await search(runtime, hashing, { tenantId: tenant, query });
    return {
      words: hits.filter((hit) => hit.lexical_rank !== null).length,
      vectors: hits.filter((hit) => hit.vector_rank !== null).length,
    };
  };
  expect(await ranked("common3")).toEqual({ words: 10, vectors: 10 });
  expect(await ranked("nowhere")).toEqual({ words: 0, vectors: 10 });
});
