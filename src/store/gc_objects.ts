/**
 * Removal of objects that no row names. An object is judged by its key, which holds tenant, source and version; what is
 * not named so, or belongs to a tenant that this database does not know, was written by somebody else and stays.
 * Sources on which somebody works, or will, are left to the next run.
 */
import type { Sql } from "postgres";
import { writeAnew } from "./fsck_sources.ts";
import type { OrphanReport } from "./gc.ts";
import type { Bucket, ObjectStore, StoredObject } from "./objects.ts";

const REMOVED_AT_ONCE = 16;
const CHECKED_AT_ONCE = 1000;
const DAY_MS = 86_400_000;

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
/** As `keys.ts` writes them. */
const OURS = new RegExp(`/(${UUID})/(${UUID})/${UUID}/(?:raw\\.bin|normalized\\.md|artifacts/ingestion\\.json)$`);

interface Candidate {
  tenantId: string;
  sourceId: string;
  uri: string;
}

function candidateOf(uri: string): Candidate | null {
  const match = OURS.exec(uri);
  return match ? { uri, tenantId: match[1]!, sourceId: match[2]! } : null;
}

/** Removes those of the objects that no row names; returns how many that were. */
export async function removeUnnamed(sql: Sql, objects: ObjectStore, uris: string[]): Promise<number> {
  const candidates = uris.map(candidateOf).filter((candidate) => candidate !== null);
  let removed = 0;
  for (let start = 0; start < candidates.length; start += CHECKED_AT_ONCE) {
    const batch = candidates.slice(start, start + CHECKED_AT_ONCE);
    const named = await namedAmong(sql, batch);
    const free = batch.filter(({ uri }) => !named.has(uri));
    for (let at = 0; at < free.length; at += REMOVED_AT_ONCE)
      await Promise.all(free.slice(at, at + REMOVED_AT_ONCE).map(({ uri }) => objects.remove(uri)));
    removed += free.length;
    await mendRace(sql, free);
  }
  return removed;
}

/**
 * An item that began between the look and the removal may have found its object there and not written it again. If so
 * it has named it by now or will; its source is written anew by the next sync.
 */
async function mendRace(sql: Sql, removed: Candidate[]): Promise<void> {
  const named = await namedAmong(sql, removed);
  const raced = removed.filter(({ uri }) => named.has(uri));
  if (raced.length === 0) return;
  await writeAnew(sql, "SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS t (tenant_id, source_id)", [
    raced.map(({ tenantId }) => tenantId),
    raced.map(({ sourceId }) => sourceId),
  ]);
}

/** URIs that a version names, that a waiting or failed upload will be read from, or whose source has work open. */
async function namedAmong(sql: Sql, candidates: Candidate[]): Promise<Set<string>> {
  const rows = await sql<{ uri: string }[]>`
    WITH asked AS (
      SELECT * FROM unnest(${candidates.map((c) => c.tenantId)}::uuid[], ${candidates.map((c) => c.sourceId)}::uuid[],
        ${candidates.map((c) => c.uri)}::text[]) AS n (tenant_id, source_id, uri)
    )
    SELECT uri FROM asked JOIN source_versions v USING (tenant_id, source_id)
    WHERE uri IN (v.s3_raw_uri, v.s3_markdown_uri, v.s3_manifest_uri)
    UNION
    SELECT uri FROM asked JOIN ingest_items i USING (tenant_id, source_id)
    WHERE i.item_status IN ('queued', 'running') OR i.item_status = 'failed' AND i.descriptor #>> '{locator,raw_uri}' = uri`;
  return new Set(rows.map((row) => row.uri));
}

/** Looks through both buckets and removes orphans that were written more than `days` ago; with `dryRun` only counts. */
export async function sweepOrphans(
  sql: Sql,
  objects: ObjectStore,
  days: number,
  dryRun: boolean,
): Promise<OrphanReport> {
  const rows = await sql<{ tenant_id: string }[]>`SELECT tenant_id FROM tenants`;
  const tenants = new Set(rows.map((row) => row.tenant_id));
  const report: OrphanReport = { objects: 0, bytes: 0, young: 0, foreign: 0 };
  const before = Date.now() - days * DAY_MS;
  for (const bucket of ["raw", "markdown"] satisfies Bucket[]) {
    let page: StoredObject[] = [];
    for await (const some of objects.list(bucket)) {
      page.push(...some);
      if (page.length < CHECKED_AT_ONCE) continue;
      await sweepPage(page);
      page = [];
    }
    await sweepPage(page);
  }
  return report;

  async function sweepPage(page: StoredObject[]): Promise<void> {
    const ours = page.filter(({ uri }) => tenants.has(candidateOf(uri)?.tenantId ?? ""));
    report.foreign += page.length - ours.length;
    const named = await namedAmong(
      sql,
      ours.map(({ uri }) => candidateOf(uri)!),
    );
    const orphans = ours.filter(({ uri }) => !named.has(uri));
    const old = orphans.filter(({ writtenAt }) => writtenAt.getTime() < before);
    report.young += orphans.length - old.length;
    report.objects += old.length;
    report.bytes += old.reduce((sum, { bytes }) => sum + bytes, 0);
    if (dryRun) return;
    await removeUnnamed(
      sql,
      objects,
      old.map(({ uri }) => uri),
    );
  }
}
