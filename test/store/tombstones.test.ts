import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { claimItems } from "../../src/queue/claim_items.ts";
import { settleItems } from "../../src/queue/settle.ts";
import { deleteConnection } from "../../src/store/connections.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { diffAgainstSyncState } from "../../src/store/sync_state.ts";
import { applyTombstones, restoreSeen } from "../../src/store/tombstones.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared, TYPE } from "../support/documents.ts";
import { jobWithItems } from "../support/queue.ts";

let sql: Sql;
let tenantId: string;
const connectionId = Bun.randomUUIDv7();
let sources: { sourceId: string; externalRef: string; fingerprint: string }[];

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
  const items = await claimFor(
    sql,
    tenantId,
    Array.from({ length: 8 }, (_, i) => `file:///${i}.md`),
  );
  await swapIn(
    sql,
    items.map((item) => ({ ...prepared(item, `text ${item.externalRef}`), connectionId })),
    "m",
  );
  sources = items.map((item) => ({ sourceId: item.sourceId, externalRef: item.externalRef, fingerprint: "1" }));
});

const listed = (...missing: number[]) =>
  sources.filter((_, i) => !missing.includes(i)).map((source) => source.sourceId);
const tombstone = (seen: string[], confirmed = false) =>
  applyTombstones(sql, { tenantId, connectionId }, seen, confirmed);
const visible = async () => (await sql`SELECT count(*)::int AS n FROM documents WHERE NOT hidden`)[0]!["n"];
const diff = (force = false) =>
  diffAgainstSyncState(
    sql,
    { tenantId, jobId: Bun.randomUUIDv7(), sourceType: TYPE, force, repeated: false, verdictKey: "1" },
    sources,
  );

test("missing once hides, missing twice purges, and versions stay", async () => {
  expect(await tombstone(listed(0))).toEqual({ hidden: 1, purged: 0, restored: 0, stopped: null });
  expect(await visible()).toBe(7);
  expect((await sql`SELECT 1 FROM documents`).length).toBe(8);
  expect(await tombstone(listed(0))).toEqual({ hidden: 0, purged: 1, restored: 0, stopped: null });
  expect((await sql`SELECT 1 FROM documents`).length).toBe(7);
  expect((await sql`SELECT 1 FROM chunks`).length).toBe(7);
  expect((await sql`SELECT 1 FROM source_versions`).length).toBe(8);
  expect(await tombstone(listed(0))).toEqual({ hidden: 0, purged: 0, restored: 0, stopped: null });
});

test("what comes back while hidden is restored without being fetched; after the purge it counts as changed", async () => {
  await tombstone(listed(0));
  expect(await diff()).toMatchObject({ changed: [], unchanged: 8 });
  expect(await tombstone(listed())).toEqual({ hidden: 0, purged: 0, restored: 1, stopped: null });
  expect(await visible()).toBe(8);
  await tombstone(listed(0));
  await tombstone(listed(0));
  expect(await diff()).toMatchObject({ changed: [0], unchanged: 7 });
});

test("what is seen again is shown again, even by a listing that was not complete", async () => {
  await tombstone(listed(0));
  expect(await restoreSeen(sql, { tenantId, connectionId }, listed(3))).toBe(1);
  expect(await visible()).toBe(8);
});

test("a file that vanished during a sync counts as changed when it comes back with its old change mark", async () => {
  const jobId = await jobWithItems(sql, tenantId, ["file:///0.md", "file:///1.md"]);
  const items = await claimItems(sql, { worker: "w", leaseSeconds: 60, lane: "inline", limit: 2 });
  await settleItems(
    sql,
    { tenantId, jobId },
    items.map(({ itemId, runLease }, i) => ({
      ...{ itemId, runLease, outcome: "skipped", errorMessage: "so" },
      errorCode: i === 0 ? "connector.gone" : "convert.empty",
    })),
  );
  expect(await diff()).toMatchObject({ changed: [0], unchanged: 7 });
});

test("more than a quarter missing at once stops the deletion until somebody confirms it", async () => {
  expect(await tombstone(listed(0, 1))).toMatchObject({ hidden: 2, stopped: null });
  await tombstone(listed());
  expect(await tombstone(listed(0, 1, 2))).toEqual({
    hidden: 0,
    purged: 0,
    restored: 0,
    stopped: { missing: 3, of: 8 },
  });
  expect(await visible()).toBe(8);
  expect(await tombstone(listed(0, 1, 2), true)).toMatchObject({ hidden: 3, stopped: null });
});

test("another connection's sources are never touched", async () => {
  expect(await applyTombstones(sql, { tenantId, connectionId: Bun.randomUUIDv7() }, [], true)).toEqual({
    hidden: 0,
    purged: 0,
    restored: 0,
    stopped: null,
  });
  expect(await visible()).toBe(8);
});

test("the diff gives what is new, changed or failed last time, and everything when forced", async () => {
  sources[3]!.fingerprint = "2";
  sources.push({ sourceId: Bun.randomUUIDv7(), externalRef: "file:///new.md", fingerprint: "1" });
  await sql`UPDATE source_sync_state SET last_status = 'failed', error_code = 'x' WHERE external_ref = 'file:///5.md'`;
  expect(await diff()).toMatchObject({ changed: [3, 5, 8], unchanged: 6 });
  expect((await diff(true)).changed.length).toBe(9);
});

test("what a deleted connection left behind belongs to the next one that lists it, and is deleted by its listings", async () => {
  await deleteConnection(sql, tenantId, connectionId);
  const next = { tenantId, connectionId: Bun.randomUUIDv7() };
  expect(await applyTombstones(sql, next, listed(), false)).toMatchObject({ hidden: 0, stopped: null });
  expect(await applyTombstones(sql, next, listed(2), false)).toMatchObject({ hidden: 1, stopped: null });
});
