import { afterAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { settleItems } from "../../src/queue/settle.ts";
import { collectGarbage, type RetentionPolicy, takeDailyTurn } from "../../src/store/gc.ts";
import { type ObjectStore, openObjectStore } from "../../src/store/objects.ts";
import type { PreparedDocument } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared } from "../support/documents.ts";
import { jobWithItems } from "../support/queue.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-gc-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const NOTHING: RetentionPolicy = {
  ...{ jobsDays: null, versionsDays: null, versionsKeep: 0, purgedDays: null },
  orphansDays: 7,
};
let sql: Sql;
let server: boolean;
let tenantId: string;
let objects: ObjectStore;

beforeEach(async () => {
  ({ sql, server } = await emptyDatabase());
  tenantId = await newTenant(sql);
  objects = await openObjectStore({ kind: "local", root });
  rmSync(root, { recursive: true, force: true });
});

const gc = (policy: Partial<RetentionPolicy>, options: { dryRun?: boolean; orphans?: boolean } = {}, store = objects) =>
  collectGarbage(
    sql,
    store,
    { ...NOTHING, ...policy },
    { dryRun: false, orphans: false, embedded: !server, ...options },
  );

const urisOf = (d: PreparedDocument): string[] => [d.rawUri, d.markdownUri, d.manifestUri];
const fileOf = (uri: string): string => join(root, uri.slice("local://".length));
const kept = (d: PreparedDocument): boolean[] => urisOf(d).map((uri) => existsSync(fileOf(uri)));
const ALL = [true, true, true];
const NONE = [false, false, false];

/** Objects, as the pipeline writes them before the swap. */
async function put(document: PreparedDocument): Promise<void> {
  for (const uri of urisOf(document))
    await objects.putNew(
      "markdown",
      uri.slice("local://markdown/".length),
      new TextEncoder().encode("x"),
      "text/plain",
    );
}

/** Ingests one version and settles its item; `daysAgo` is when that was. */
async function ingest(ref: string, markdown: string, daysAgo: number): Promise<PreparedDocument> {
  const [item] = await claimFor(sql, tenantId, [ref]);
  const document = prepared(item!, markdown);
  await put(document);
  await swapIn(sql, [document], "m");
  await settleItems(sql, item!, [{ ...document.claim, outcome: "ingested" }]);
  await sql`ALTER TABLE source_versions DISABLE TRIGGER source_versions_are_immutable`;
  await sql`UPDATE source_versions SET created_at = now() - make_interval(days => ${daysAgo}) WHERE source_version_id = ${document.versionId}`;
  await sql`ALTER TABLE source_versions ENABLE TRIGGER source_versions_are_immutable`;
  await sql`UPDATE documents SET updated_at = now() - make_interval(days => ${daysAgo}) WHERE document_id = ${document.documentId}`;
  return document;
}
const versions = async (): Promise<string[]> =>
  (await sql`SELECT source_version_id FROM source_versions`).map((row) => row["source_version_id"] as string).sort();
const idsOf = (...documents: PreparedDocument[]): string[] => documents.map((d) => d.versionId).sort();

test("a replaced version goes when it was replaced long enough ago, with its objects, and the current one never", async () => {
  const first = await ingest("file:///a.md", "first", 400);
  const second = await ingest("file:///a.md", "second", 60);
  const third = await ingest("file:///a.md", "third", 20);
  const only = await ingest("file:///b.md", "unchanged for years", 4000);
  // The second one was current until 20 days ago, however old it is.
  const policy = { versionsDays: 30 };
  expect(await gc(policy, { dryRun: true })).toMatchObject({ versions: 1, dry_run: true });
  expect(await versions()).toEqual(idsOf(first, second, third, only));
  expect(await gc(policy)).toMatchObject({ versions: 1 });
  expect(await versions()).toEqual(idsOf(second, third, only));
  expect([kept(first), kept(second), kept(third), kept(only)]).toEqual([NONE, ALL, ALL, ALL]);
  expect(await gc({ versionsDays: 10, versionsKeep: 1 })).toMatchObject({ versions: 0 });
  expect(await gc({ versionsDays: 10 })).toMatchObject({ versions: 1 });
  expect(await gc({ versionsDays: 1, jobsDays: 1, purgedDays: 1 })).toMatchObject({ versions: 0, jobs: 0, sources: 0 });
  expect(await versions()).toEqual(idsOf(third, only));
});

test("a version that became current again is kept, and the one that it replaced counts from then", async () => {
  const first = await ingest("file:///a.md", "first", 400);
  const second = await ingest("file:///a.md", "second", 300);
  await ingest("file:///a.md", "first", 400);
  await sql`UPDATE documents SET updated_at = now()`;
  expect(await gc({ versionsDays: 30 })).toMatchObject({ versions: 0 });
  await sql`UPDATE documents SET updated_at = now() - interval '31 days'`;
  expect(await gc({ versionsDays: 30 })).toMatchObject({ versions: 1 });
  expect(await versions()).toEqual(idsOf(first));
  expect([kept(first), kept(second)]).toEqual([ALL, NONE]);
});

test("all of a source that was purged long ago goes, and nothing of one that is only hidden", async () => {
  const [purged, hidden] = [await ingest("file:///a.md", "a", 100), await ingest("file:///b.md", "b", 100)];
  await sql`DELETE FROM documents WHERE document_id = ${purged.documentId}`;
  await sql`UPDATE sources SET presence = 'purged', current_version_id = NULL, presence_since = now() - interval '50 days' WHERE source_id = ${purged.sourceId}`;
  await sql`UPDATE sources SET presence = 'hidden', presence_since = now() - interval '50 days' WHERE source_id = ${hidden.sourceId}`;
  expect(await gc({ purgedDays: 60 })).toMatchObject({ versions: 0, sources: 0 });
  expect(await gc({ versionsDays: 1 })).toMatchObject({ versions: 0, sources: 0 });
  expect(await gc({ purgedDays: 40 }, { dryRun: true })).toMatchObject({ versions: 1, sources: 1 });
  expect(await gc({ purgedDays: 40 })).toMatchObject({ versions: 1, sources: 1 });
  expect([kept(purged), kept(hidden)]).toEqual([NONE, ALL]);
  expect((await sql`SELECT source_id FROM sources`).map((row) => row["source_id"])).toEqual([hidden.sourceId]);
});

test("a finished job goes with its items when it is old enough; an unfinished one stays however old", async () => {
  const jobs = await Promise.all(
    [1, 2, 3].map((n) => jobWithItems(sql, tenantId, [`file:///${n}.md`, `file:///${n}x.md`])),
  );
  await sql`UPDATE ingest_items SET item_status = 'canceled', finished_at = now() WHERE job_id = ANY (${jobs.slice(0, 2)}::uuid[])`;
  await sql`
    UPDATE ingest_jobs SET job_status = 'canceled', items_open = 0, items_canceled = 2,
      finished_at = now() - make_interval(days => CASE WHEN job_id = ${jobs[0]!} THEN 100 ELSE 10 END)
    WHERE job_id = ANY (${jobs.slice(0, 2)}::uuid[])`;
  await sql`UPDATE ingest_jobs SET created_at = now() - interval '1000 days'`;
  const due = { jobs: 1, items: 2 };
  expect(await gc({ jobsDays: 30 }, { dryRun: true })).toMatchObject(due);
  expect(await gc({ jobsDays: 30 })).toMatchObject(due);
  expect((await sql`SELECT job_id FROM ingest_jobs ORDER BY job_id`).map((row) => row["job_id"])).toEqual(
    jobs.slice(1).sort(),
  );
  expect((await sql`SELECT 1 FROM ingest_items`).length).toBe(4);
});

test("an object that no row names goes after its grace; what somebody may still read, or else wrote, stays", async () => {
  const named = await ingest("file:///named.md", "named", 100);
  const orphan = async (tenant: string, source = Bun.randomUUIDv7(), days = 30, name = "raw.bin"): Promise<string> => {
    const key = `${tenant}/${source}/${Bun.randomUUIDv7()}/${name}`;
    const { uri } = await objects.putNew("raw", key, new Uint8Array(10), "text/plain");
    const at = Date.now() / 1000 - days * 86_400;
    utimesSync(fileOf(uri), at, at);
    return uri;
  };
  for (const uri of urisOf(named)) utimesSync(fileOf(uri), 0, 0);
  const old = await orphan(tenantId);
  const staying = [
    await orphan(tenantId, Bun.randomUUIDv7(), 3),
    await orphan(Bun.randomUUIDv7()),
    await orphan(tenantId, Bun.randomUUIDv7(), 30, "notes.txt"),
    await orphan("backups"),
  ];
  // A source with work open, and the bytes of an upload that failed and can be tried again.
  const [open, failed] = await claimFor(sql, tenantId, ["file:///open.md", "file:///failed.md"]);
  staying.push(await orphan(tenantId, open!.sourceId));
  const bytes = await orphan(tenantId, failed!.sourceId);
  staying.push(bytes);
  await settleItems(sql, failed!, [
    { ...failed!, outcome: "failed", errorCode: "convert.malformed", errorMessage: "no" },
  ]);
  await sql`UPDATE ingest_items SET descriptor = jsonb_set(descriptor, '{locator,raw_uri}', to_jsonb(${bytes}::text)) WHERE item_id = ${failed!.itemId}`;

  const found = { objects: 1, bytes: 10, young: 1, foreign: 3 };
  expect((await gc({}, { dryRun: true, orphans: true })).orphans).toEqual(found);
  expect(existsSync(fileOf(old))).toBe(true);
  expect((await gc({}, { orphans: true })).orphans).toEqual(found);
  expect(existsSync(fileOf(old))).toBe(false);
  expect(staying.map((uri) => existsSync(fileOf(uri)))).toEqual(staying.map(() => true));
  expect(kept(named)).toEqual(ALL);
});

test("a version that is made again while its objects are removed is written anew by the next sync", async () => {
  const first = await ingest("file:///a.md", "first", 400);
  await ingest("file:///a.md", "second", 100);
  let raced = false;
  const racing: ObjectStore = Object.assign(Object.create(objects) as ObjectStore, {
    async remove(uri: string) {
      if (!raced) {
        raced = true;
        await ingest("file:///a.md", "first", 0);
      }
      return objects.remove(uri);
    },
  });
  expect(await gc({ versionsDays: 30 }, {}, racing)).toMatchObject({ versions: 1 });
  // The raw bytes were found there by the one and removed by the other.
  expect(kept(first)[0]).toBe(false);
  const [state] = await sql`SELECT last_status FROM source_sync_state WHERE external_ref = 'file:///a.md'`;
  expect(state!["last_status"]).toBe("failed");
});

test("of all processes one has the turn of a day", async () => {
  expect([await takeDailyTurn(sql), await takeDailyTurn(sql)]).toEqual([true, false]);
  await sql`UPDATE settings SET value = to_jsonb(extract(epoch FROM now() - interval '25 hours')) WHERE name = 'gc_at'`;
  expect([await takeDailyTurn(sql), await takeDailyTurn(sql)]).toEqual([true, false]);
});
