import { beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { claimItems } from "../../src/queue/claim_items.ts";
import { closeJobs } from "../../src/queue/close_job.ts";
import { settleItems } from "../../src/queue/settle.ts";
import { type Finding, fsck } from "../../src/store/fsck.ts";
import { manifestKey, markdownKey, rawKey } from "../../src/store/keys.ts";
import { LocalObjects } from "../../src/store/local_objects.ts";
import { noteVectors } from "../../src/store/pending_vectors.ts";
import type { PreparedLink } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, documentIdFor, prepared } from "../support/documents.ts";
import { jobWithItems } from "../support/queue.ts";

const MODEL = "test-model";
let sql: Sql;
let tenantId: string;
let objects: LocalObjects;
let root: string;

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
  root = mkdtempSync(join(tmpdir(), "sluice-fsck-"));
  objects = new LocalObjects(root);
  await sql`INSERT INTO settings (name, value) VALUES ('embedding_model', to_jsonb(${MODEL}::text))`;
  return () => rmSync(root, { recursive: true });
});

/** One item from its claim to its end, with its objects, as the pipeline does it. */
async function ingest(ref: string, markdown: string, links: PreparedLink[] = []) {
  const [item] = await claimFor(sql, tenantId, [ref]);
  const base = prepared(item!, markdown, links);
  const at = { tenantId, sourceId: base.sourceId, sourceVersionId: base.versionId };
  const bytes = new TextEncoder().encode(markdown);
  const manifest = new TextEncoder().encode(JSON.stringify({ source_version_id: base.versionId }));
  const document = {
    ...base,
    rawUri: (await objects.putNew("raw", rawKey(at), bytes, "")).uri,
    markdownUri: (await objects.putNew("markdown", markdownKey(at), bytes, "")).uri,
    manifestUri: (await objects.putNew("markdown", manifestKey(at), manifest, "")).uri,
  };
  await swapIn(sql, [document], MODEL);
  const rows = document.chunks.map(({ chunkId, textSha256 }) => ({
    tenantId,
    chunkId,
    textSha256,
    vector: new Float32Array([1, 0]),
  }));
  await insertVectors(sql, rows, MODEL, 2);
  await noteVectors(sql, tenantId, [{ documentId: document.documentId, versionId: document.versionId, pending: 0 }]);
  const { itemId, runLease, jobId } = item!;
  const { documentId, versionId: sourceVersionId } = document;
  await settleItems(sql, { tenantId, jobId }, [
    {
      itemId,
      runLease,
      outcome: "ingested",
      fetched: true,
      documentId,
      sourceVersionId,
      chunks: document.chunks.length,
    },
  ]);
  await closeJobs(sql, { embeddingDeadlineSeconds: 900 });
  return { document, jobId };
}

async function check(options: { repair?: boolean; fast?: boolean } = {}): Promise<Map<string, Finding>> {
  const found = new Map<string, Finding>();
  for await (const finding of fsck(sql, objects, { repair: false, fast: false, attemptsMax: 5, ...options }))
    found.set(finding.name, finding);
  return found;
}
const brokenIn = (found: Map<string, Finding>): string[] =>
  [...found.values()].filter((finding) => finding.broken > 0).map((finding) => finding.name);

/** Does what no code of ours does: the schema's own constraints and triggers are off meanwhile. */
const behindItsBack = (statement: (tx: Sql) => Promise<unknown>) =>
  sql.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    await statement(tx as unknown as Sql);
  });

const LINK_TO_B = (): PreparedLink => ({
  linkType: "page",
  href: "b.md",
  linkText: "b",
  anchor: null,
  targetDocumentIds: [documentIdFor(tenantId, "file:///b.md")],
});

test("what the pipeline leaves behind breaks no invariant, and every object is read", async () => {
  await ingest("file:///a.md", "# A\n\nsome text about apples", [LINK_TO_B()]);
  await ingest("file:///b.md", "# B\n\nsome text about pears");
  await ingest("file:///b.md", "# B\n\nsome other text about plums");
  const found = await check();
  expect(brokenIn(found)).toEqual([]);
  expect(found.get("objects_exist")).toMatchObject({ checked: 9 });
});

test("work that is under way breaks nothing", async () => {
  await claimFor(sql, tenantId, ["file:///a.md", "file:///b.md"]);
  await jobWithItems(sql, tenantId, ["file:///c.md"]);
  expect(brokenIn(await check())).toEqual([]);
});

/** What is done to a database with two linked documents, which invariants that breaks, and which stay broken after --repair. */
const DAMAGE: [
  string,
  (ids: { jobId: string; documentId: string; sourceId: string }) => Promise<unknown>,
  string[],
  string[],
][] = [
  [
    "a counter that is wrong in a way that still adds up",
    ({ jobId }) =>
      sql`UPDATE ingest_jobs SET items_ingested = 0, items_skipped = items_skipped + 1 WHERE job_id = ${jobId}`,
    ["ledgers_balance"],
    [],
  ],
  [
    "an open item in a finished job",
    ({ jobId }) =>
      sql`UPDATE ingest_items SET item_status = 'queued', finished_at = NULL, source_version_id = NULL WHERE job_id = ${jobId}`,
    ["ledgers_balance", "finished_jobs_are_closed"],
    [],
  ],
  [
    "a job that no statement finds any more",
    ({ jobId }) =>
      sql`UPDATE ingest_jobs SET job_status = 'processing', listing = 'pending', finished_at = NULL WHERE job_id = ${jobId}`,
    ["jobs_can_go_on"],
    [],
  ],
  [
    "a document of a version that is not the current one",
    ({ documentId }) =>
      behindItsBack(
        (tx) => tx`UPDATE documents SET source_version_id = gen_random_uuid() WHERE document_id = ${documentId}`,
      ),
    ["sources_have_one_current_version"],
    ["sources_have_one_current_version"],
  ],
  [
    "a document that is gone",
    ({ documentId }) => sql`DELETE FROM documents WHERE document_id = ${documentId}`,
    ["sources_have_one_current_version"],
    ["sources_have_one_current_version"],
  ],
  [
    "a version that is gone",
    ({ sourceId }) => behindItsBack((tx) => tx`DELETE FROM source_versions WHERE source_id = ${sourceId}`),
    ["sources_have_one_current_version", "ingested_items_have_versions", "sync_state_is_true"],
    ["sources_have_one_current_version", "ingested_items_have_versions"],
  ],
  [
    "sync state that takes an old version for the current one",
    ({ sourceId }) =>
      sql`UPDATE source_sync_state SET last_seen_checksum = repeat('0', 64) WHERE source_id = ${sourceId}`,
    ["sync_state_is_true"],
    [],
  ],
  [
    "a document that is hidden although its source is there",
    ({ documentId }) => sql`UPDATE documents SET hidden = true WHERE document_id = ${documentId}`,
    ["hidden_means_missing"],
    [],
  ],
  [
    "a document deleted from under all that hangs from it",
    ({ documentId }) => behindItsBack((tx) => tx`DELETE FROM documents WHERE document_id = ${documentId}`),
    ["sources_have_one_current_version", "chunks_have_documents", "edges_have_ends"],
    ["sources_have_one_current_version"],
  ],
  [
    "chunks deleted from under their vectors and words",
    ({ documentId }) => behindItsBack((tx) => tx`DELETE FROM chunks WHERE document_id = ${documentId}`),
    ["vectors_have_chunks", "words_have_chunks", "documents_are_complete"],
    ["documents_are_complete"],
  ],
  ["words that are gone", () => sql`DELETE FROM chunk_fts`, ["chunks_have_words"], []],
  ["vectors that are gone", () => sql`DELETE FROM chunk_vectors`, ["vectors_are_not_forgotten"], []],
  [
    "vectors of other texts",
    () => sql`UPDATE chunk_vectors SET text_sha256 = sha256('other')`,
    ["vectors_fit_their_text"],
    [],
  ],
  ["edges that are missing", () => sql`DELETE FROM cross_links`, ["links_lead_to_their_targets"], []],
  [
    "a trigger that is off",
    () => sql`ALTER TABLE source_versions DISABLE TRIGGER source_versions_are_immutable`,
    ["schema_is_in_force"],
    ["schema_is_in_force"],
  ],
];

test.each(DAMAGE)("%s is found, and repaired where that is safe", async (_, damage, broken, left) => {
  await ingest("file:///a.md", "# A\n\nsome text about apples", [LINK_TO_B()]);
  const { document, jobId } = await ingest("file:///b.md", "# B\n\nsome text about pears");
  try {
    await damage({ jobId, documentId: document.documentId, sourceId: document.sourceId });
    expect(brokenIn(await check())).toEqual(broken);
    expect(brokenIn(await check({ repair: true }))).toEqual(left);
    expect(brokenIn(await check())).toEqual(left);
  } finally {
    await sql`ALTER TABLE source_versions ENABLE TRIGGER source_versions_are_immutable`;
  }
});

test("a source that was found damaged is written anew by its next item, and whole then", async () => {
  const { document } = await ingest("file:///a.md", "# A\n\nsome text about apples");
  await sql`DELETE FROM chunks WHERE document_id = ${document.documentId}`;
  await check({ repair: true });
  const [item] = await claimFor(sql, tenantId, ["file:///a.md"]);
  // Else the pipeline would take equal bytes for no work.
  expect(item!.lastChecksum).toBeNull();
  await sql`DELETE FROM ingest_jobs WHERE job_id = ${item!.jobId}`;
  await ingest("file:///a.md", "# A\n\nsome text about apples");
  expect(brokenIn(await check())).toEqual([]);
});

test("a lease that nobody took back is taken back, and what its holder still says is not heard", async () => {
  const [item] = await claimFor(sql, tenantId, ["file:///a.md"]);
  await sql`UPDATE ingest_items SET leased_until = now() - interval '11 minutes'`;
  expect(brokenIn(await check())).toEqual(["leases_are_alive"]);
  expect(brokenIn(await check({ repair: true }))).toEqual([]);
  const late = { itemId: item!.itemId, runLease: item!.runLease, outcome: "ingested" as const };
  expect((await settleItems(sql, item!, [late])).settled).toBe(0);
  expect(await sql`SELECT item_status FROM ingest_items`).toMatchObject([{ item_status: "queued" }]);
});

test("times that a clock set back left far ahead are brought near", async () => {
  await jobWithItems(sql, tenantId, ["file:///a.md"]);
  await sql`UPDATE ingest_items SET available_at = now() + interval '3 days'`;
  await sql`UPDATE ingest_jobs SET available_at = now() + interval '3 days'`;
  expect(brokenIn(await check())).toEqual(["waits_end"]);
  expect(brokenIn(await check({ repair: true }))).toEqual([]);
  expect(await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "inline", limit: 1 })).toHaveLength(1);
});

test("an object that is gone and one that was changed are found; --fast sees only the first", async () => {
  const { document: gone } = await ingest("file:///a.md", "# A\n\nsome text about apples");
  const { document: changed } = await ingest("file:///b.md", "# B\n\nsome text about pears");
  await objects.remove(gone.rawUri);
  await Bun.write(join(root, changed.markdownUri.replace("local://", "")), "tampered with");
  const found = await check();
  expect(brokenIn(found)).toEqual(["objects_exist", "objects_are_true"]);
  expect(found.get("objects_exist")!.examples[0]).toContain(gone.rawUri);
  expect(found.get("objects_are_true")!.examples[0]).toContain(changed.markdownUri);
  expect(brokenIn(await check({ fast: true }))).toEqual(["objects_exist"]);
  await check({ repair: true });
  await ingest("file:///a.md", "# A\n\nsome text about apples");
  expect(brokenIn(await check())).toEqual(["objects_are_true"]);
});
