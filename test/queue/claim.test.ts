import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { CLAIM_MAX, claimItems } from "../../src/queue/claim_items.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared, sha256 } from "../support/documents.ts";
import { itemRows, jobWithItems } from "../support/queue.ts";

let sql: Sql;
beforeEach(async () => {
  ({ sql } = await emptyDatabase());
});

const claim = (limit: number, worker = "w") => claimItems(sql, { worker, leaseSeconds: 60, lane: "inline", limit });

test("no row is claimed twice, however many claim at once", async () => {
  const tenant = await newTenant(sql);
  await jobWithItems(
    sql,
    tenant,
    Array.from({ length: 60 }, (_, i) => `file:///${i}`),
  );
  const claims = await Promise.all(Array.from({ length: 12 }, (_, i) => claim(10, `w${i}`)));
  const rest = await claim(60);
  const ids = [...claims.flat(), ...rest].map((item) => item.itemId);
  expect(ids.length).toBe(60);
  expect(new Set(ids).size).toBe(60);
});

test("every claim draws a fencing token that no other claim has had", async () => {
  const tenant = await newTenant(sql);
  const job = await jobWithItems(sql, tenant, ["file:///a", "file:///b"]);
  const first = await claim(2);
  await sql`UPDATE ingest_items SET item_status = 'queued', run_lease = NULL, leased_until = NULL WHERE job_id = ${job}`;
  const second = await claim(2);
  const leases = [...first, ...second].map((item) => Number(item.runLease));
  expect(new Set(leases).size).toBe(4);
  expect(Math.min(...leases.slice(2))).toBeGreaterThan(Math.max(...leases.slice(0, 2)));
});

test("a large job does not starve a small one that comes later", async () => {
  const tenant = await newTenant(sql);
  const large = await jobWithItems(
    sql,
    tenant,
    Array.from({ length: 100 }, (_, i) => `file:///large/${i}`),
  );
  await claim(10);
  const small = await jobWithItems(sql, tenant, ["file:///small"]);
  expect((await claim(10)).map((item) => item.jobId)).toEqual([small]);
  expect((await claim(1))[0]?.jobId).toBe(large);
});

test("tenants take turns: ten jobs of one do not come before the one job of another", async () => {
  const [busy, quiet] = [await newTenant(sql), await newTenant(sql)];
  for (let i = 0; i < 10; i++) await jobWithItems(sql, busy, [`file:///${i}/a`, `file:///${i}/b`]);
  await claim(1);
  const job = await jobWithItems(sql, quiet, ["file:///q"]);
  expect((await claim(1))[0]?.jobId).toBe(job);
});

test("an item that waits for its time is left alone, and so are the other lane and canceled jobs", async () => {
  const tenant = await newTenant(sql);
  const job = await jobWithItems(sql, tenant, ["file:///later", "file:///isolated", "file:///now"]);
  await sql`UPDATE ingest_items SET available_at = now() + interval '1 hour' WHERE external_ref = 'file:///later'`;
  await sql`UPDATE ingest_items SET lane = 'isolated' WHERE external_ref = 'file:///isolated'`;
  expect((await claim(10)).map((item) => item.externalRef)).toEqual(["file:///now"]);
  await sql`UPDATE ingest_items SET available_at = now() WHERE external_ref = 'file:///later'`;
  await sql`UPDATE ingest_jobs SET cancel_requested_at = now() WHERE job_id = ${job}`;
  expect(await claim(10)).toEqual([]);
});

test("a claim spends an attempt and says who holds the row until when", async () => {
  const tenant = await newTenant(sql);
  const job = await jobWithItems(sql, tenant, ["file:///a"]);
  expect((await claim(1, "me"))[0]?.attempt).toBe(1);
  const [row] = await itemRows(sql, job);
  expect(row).toMatchObject({ item_status: "running", attempt: 1, leased_by: "me" });
  expect(row?.["leased_until"].getTime()).toBeGreaterThan(Date.now() + 50_000);
});

test("the claim uses the small index of waiting rows, whatever else the table holds", async () => {
  const { server } = await emptyDatabase();
  if (!server) return;
  const tenant = await newTenant(sql);
  const job = await jobWithItems(sql, tenant, []);
  await sql`INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane, item_status, finished_at)
    SELECT ${tenant}, ${job}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'file:///' || n, '{}', 'inline', 'ingested', now() FROM generate_series(1, 20000) n`;
  await sql`INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane)
    SELECT ${tenant}, ${job}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'file:///w' || n, '{}', 'inline' FROM generate_series(1, 50) n`;
  await sql`ANALYZE ingest_items`;
  const plan =
    await sql`EXPLAIN SELECT item_id FROM ingest_items WHERE job_id = ${job} AND lane = 'inline' AND item_status = 'queued' AND available_at <= now()
    ORDER BY available_at, item_id LIMIT 10 FOR UPDATE SKIP LOCKED`;
  const text = plan.map((row) => row["QUERY PLAN"]).join("\n");
  expect(text).toContain("ingest_items_ready");
  expect(text).not.toContain("Seq Scan");
});

test("the checksum of the last version comes with the claim, unless this very item had swapped that version in", async () => {
  const tenant = await newTenant(sql);
  const [first] = await claimFor(sql, tenant, ["file:///a"]);
  await swapIn(sql, [prepared(first!, "text")], "m");
  await sql`UPDATE ingest_items SET item_status = 'queued', run_lease = NULL, leased_until = NULL`;
  expect((await claim(1))[0]).toMatchObject({ itemId: first!.itemId, lastChecksum: null });
  const [next] = await claimFor(sql, tenant, ["file:///a"]);
  expect(next?.lastChecksum).toBe(sha256("text"));
});

test("a claim gives as many items as it says at most", async () => {
  const refs = Array.from({ length: CLAIM_MAX + 5 }, (_, i) => `file:///${i}.md`);
  await jobWithItems(sql, await newTenant(sql), refs);
  expect((await claim(CLAIM_MAX + 5)).length).toBe(CLAIM_MAX);
  expect((await claim(CLAIM_MAX)).length).toBe(5);
});
