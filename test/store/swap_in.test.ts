import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { insertVectors } from "../../src/index/write_vectors.ts";
import type { PreparedDocument, PreparedLink } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, documentIdFor, prepared } from "../support/documents.ts";

const MODEL = "test-model";
let sql: Sql;
let tenantId: string;
beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

async function ingest(ref: string, markdown: string, links: PreparedLink[] = []) {
  const [item] = await claimFor(sql, tenantId, [ref]);
  const document = prepared(item!, markdown, links);
  const [result] = await swapIn(sql, [document], MODEL);
  await embed(document, result!.chunkIdsToEmbed);
  return { document, result: result! };
}

const embed = (document: PreparedDocument, chunkIds: string[]) =>
  insertVectors(
    sql,
    document.chunks
      .filter((chunk) => chunkIds.includes(chunk.chunkId))
      .map((chunk) => ({
        tenantId,
        chunkId: chunk.chunkId,
        textSha256: chunk.textSha256,
        vector: new Float32Array([1, 0]),
      })),
    MODEL,
    2,
  );

const physicalRows = async (table: string) =>
  new Map(
    (
      await sql`SELECT chunk_id, ctid::text || ':' || xmin::text AS place FROM ${sql(table)} WHERE tenant_id = ${tenantId}`
    ).map((row) => [row["chunk_id"], row["place"]]),
  );
const section = (name: string, text: string) => `## ${name}\n\n${text}\n`;
const pages = ["First part about apples.", "Second part about pears.", "Third part about plums."].map((text, i) =>
  section(`S${i}`, text),
);

test("an edit of one paragraph touches one chunk: all others keep their row, vector and full-text row", async () => {
  const { result: first } = await ingest("file:///a.md", pages.join("\n"));
  expect(first).toMatchObject({ state: "current" });
  expect(first.chunkIdsToEmbed.length).toBe(3);
  const before = { vectors: await physicalRows("chunk_vectors"), fts: await physicalRows("chunk_fts") };
  const edited = [pages[0], section("S1", "Second part about cherries."), pages[2]].join("\n");
  const { result, document } = await ingest("file:///a.md", edited);
  expect(result.chunkIdsToEmbed.length).toBe(1);
  const after = { vectors: await physicalRows("chunk_vectors"), fts: await physicalRows("chunk_fts") };
  const unchanged = document.chunks.map((chunk) => chunk.chunkId).filter((id) => !result.chunkIdsToEmbed.includes(id));
  for (const id of unchanged) {
    expect(after.vectors.get(id)).toBe(before.vectors.get(id)!);
    expect(after.fts.get(id)).toBe(before.fts.get(id)!);
  }
  const rows =
    await sql`SELECT chunk_text, ordinal, char_start, char_end FROM chunks WHERE tenant_id = ${tenantId} ORDER BY ordinal`;
  expect(rows.map((row) => row["chunk_text"])).toEqual([
    "First part about apples.",
    "Second part about cherries.",
    "Third part about plums.",
  ]);
  for (const row of rows) expect(edited.slice(row["char_start"], row["char_end"])).toBe(row["chunk_text"]);
});

test("a claim that was lost changes nothing", async () => {
  const [item] = await claimFor(sql, tenantId, ["file:///a.md"]);
  await sql`UPDATE ingest_items SET run_lease = nextval('run_leases')`;
  expect((await swapIn(sql, [prepared(item!, "text")], MODEL))[0]).toEqual({ state: "lost", chunkIdsToEmbed: [] });
  expect((await sql`SELECT 1 FROM documents`).length).toBe(0);
  expect((await sql`SELECT 1 FROM source_versions`).length).toBe(0);
});

test("an older wish never overrides a newer one, and its version is kept all the same", async () => {
  const [older] = await claimFor(sql, tenantId, ["file:///a.md"]);
  const [newer] = await claimFor(sql, tenantId, ["file:///a.md"]);
  await swapIn(sql, [prepared(newer!, "the new text")], MODEL);
  expect((await swapIn(sql, [prepared(older!, "the old text")], MODEL))[0]?.state).toBe("superseded");
  expect((await sql`SELECT chunk_text FROM chunks`).map((row) => row["chunk_text"])).toEqual(["the new text"]);
  expect((await sql`SELECT 1 FROM source_versions`).length).toBe(2);
});

test("the same text in another document takes the vector over, and a vector of another tenant is never taken", async () => {
  const text = "Equal words under an equal path.";
  const { document } = await ingest("file:///x/a.md", text);
  const { result } = await ingest("file:///y/a.md", text);
  expect(result.chunkIdsToEmbed).toEqual([]);
  expect(
    (await sql`SELECT 1 FROM chunk_vectors WHERE text_sha256 = decode(${document.chunks[0]!.textSha256}, 'hex')`)
      .length,
  ).toBe(2);
  tenantId = await newTenant(sql);
  expect((await ingest("file:///x/a.md", text)).result.chunkIdsToEmbed.length).toBe(1);
});

test("chunks that an outage left without a vector are embedded when the document is next swapped in", async () => {
  const [item] = await claimFor(sql, tenantId, ["file:///a.md"]);
  const [first] = await swapIn(sql, [prepared(item!, pages.join("\n"))], MODEL);
  expect(first!.chunkIdsToEmbed.length).toBe(3);
  const { result } = await ingest("file:///a.md", [...pages, section("S3", "Fourth part.")].join("\n"));
  expect(result.chunkIdsToEmbed.length).toBe(4);
});

const linkTo = (...refs: string[]): PreparedLink => ({
  linkType: "link",
  href: refs[0]!,
  linkText: "see",
  anchor: "sec",
  targetDocumentIds: refs.map((ref) => documentIdFor(tenantId, ref)),
});
const edges = async () =>
  (
    await sql`SELECT f.external_ref AS source, t.external_ref AS target FROM cross_links c JOIN documents f ON f.document_id = c.from_document_id JOIN documents t ON t.document_id = c.to_document_id ORDER BY 1, 2`
  ).map((row) => `${row["source"]} → ${row["target"]}`);

test("a link to a document that arrives later becomes an edge when it arrives, and goes with either end", async () => {
  await ingest("file:///a.md", "see b", [
    linkTo("file:///b.md"),
    { linkType: "link", href: "https://example.org", linkText: "out", anchor: null, targetDocumentIds: null },
  ]);
  expect(await edges()).toEqual([]);
  await ingest("file:///b.md", "here I am");
  expect(await edges()).toEqual(["file:///a.md → file:///b.md"]);
  await ingest("file:///a.md", "no link any more");
  expect(await edges()).toEqual([]);
  expect((await sql`SELECT 1 FROM document_links`).length).toBe(0);
});

test("of several places a link may mean, the best one that exists is the edge", async () => {
  await ingest("file:///dir/README.md", "readme");
  await ingest("file:///dir.md", "file");
  await ingest("file:///a.md", "see dir", [linkTo("file:///dir/index.md", "file:///dir.md", "file:///dir/README.md")]);
  expect(await edges()).toEqual(["file:///a.md → file:///dir.md"]);
});

test("batches that share sources from many workers neither deadlock nor lose a document", async () => {
  const refs = Array.from({ length: 20 }, (_, i) => `file:///${i}.md`);
  const rounds = await Promise.all(Array.from({ length: 4 }, () => claimFor(sql, tenantId, refs)));
  const claims = rounds.flat();
  const byJob = [...Map.groupBy(claims, (item) => item.jobId).values()];
  const swaps = byJob.map((items, i) => {
    const documents = (i % 2 ? items : items.toReversed()).map((item) => prepared(item, `text of ${item.jobId}`));
    return swapIn(sql, documents, MODEL);
  });
  const results = (await Promise.all(swaps)).flat();
  expect(results.every((result) => result.state !== "lost")).toBe(true);
  // Jobs that are enqueued at once interleave their items: of each source, the item with the highest id is the latest wish.
  const latest = new Map<string, { itemId: string; jobId: string }>();
  for (const item of claims)
    if (BigInt(item.itemId) > BigInt(latest.get(item.externalRef)?.itemId ?? "0")) latest.set(item.externalRef, item);
  const rows = await sql<{ external_ref: string; chunk_text: string }[]>`
    SELECT external_ref, chunk_text FROM documents JOIN chunks USING (tenant_id, document_id)`;
  expect(new Map(rows.map((row) => [row.external_ref, row.chunk_text]))).toEqual(
    new Map([...latest].map(([ref, { jobId }]) => [ref, `text of ${jobId}`])),
  );
  expect(rows.length).toBe(20);
});

test("source versions cannot be changed", async () => {
  await ingest("file:///a.md", "text");
  expect(sql`UPDATE source_versions SET title = 'forged'`.execute()).rejects.toThrow("immutable");
});
