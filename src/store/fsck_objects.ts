/**
 * Checks that what the database names in the object store is there and is what it was: raw bytes and Markdown by their
 * SHA-256, manifests by the version they speak of, and the bytes of uploads that still wait. What is missing can be
 * written again by the next sync, if its source still has the same bytes; what was changed cannot, since objects are
 * never overwritten.
 */
import type { Sql } from "postgres";
import { messageOf, PermanentError } from "../errors.ts";
import { EXAMPLES_MAX, type Finding } from "./fsck.ts";
import { writeAnew } from "./fsck_sources.ts";
import type { ObjectStore } from "./objects.ts";

const PAGE = 500;
const READS_AT_ONCE = 16;

/** An object that a row names, and what its bytes must be. */
interface NamedObject {
  uri: string;
  /** Of the source that it belongs to, when it is its current version. */
  sourceId: string | null;
  tenantId: string;
  /** Hex; null for a manifest, which is not hashed but read. */
  sha256: string | null;
  versionId: string | null;
}

interface VersionRow {
  tenant_id: string;
  source_version_id: string;
  source_id: string;
  current: boolean;
  checksum: string;
  markdown_sha256: string;
  s3_raw_uri: string;
  s3_markdown_uri: string;
  s3_manifest_uri: string;
}

interface Faults {
  missing: { object: NamedObject; detail: string }[];
  changed: string[];
  checked: number;
}

/** Two findings: all objects are there; all of them hold what they held (left out when `fast`). */
export async function* checkObjects(
  sql: Sql,
  objects: ObjectStore,
  options: { repair: boolean; fast: boolean },
): AsyncGenerator<Finding> {
  const faults: Faults = { missing: [], changed: [], checked: 0 };
  for await (const page of namedObjects(sql)) await checkPage(page, objects, options.fast, faults);
  if (options.repair && faults.missing.length > 0) await restoreMissing(sql, faults);
  yield {
    name: "objects_exist",
    sentence: "every object that the database names can be read",
    checked: faults.checked,
    broken: faults.missing.length,
    examples: faults.missing.slice(0, EXAMPLES_MAX).map(({ object, detail }) => `${object.uri}: ${detail}`),
    repair: "has the next sync write the current version anew; older versions and waiting uploads cannot be restored",
    help: "Restore the bucket, or sync the sources again with force_reindex.",
  };
  if (options.fast) return;
  yield {
    name: "objects_are_true",
    sentence: "every object holds the bytes whose SHA-256 the database knows",
    checked: faults.checked,
    broken: faults.changed.length,
    examples: faults.changed.slice(0, EXAMPLES_MAX),
    repair: null,
    help: "Objects are never overwritten, so somebody else changed them: restore them from a backup of the bucket.",
  };
}

/** A source that gives the same bytes again gives the same keys again, and what is missing under them is put anew. */
async function restoreMissing(sql: Sql, { missing }: Faults): Promise<void> {
  const current = missing.map(({ object }) => object).filter(({ sourceId }) => sourceId !== null);
  await writeAnew(sql, "SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS t (tenant_id, source_id)", [
    current.map(({ tenantId }) => tenantId),
    current.map(({ sourceId }) => sourceId!),
  ]);
}

/** All objects of all versions, page by page in the order of the key; then those of uploads that still wait. */
async function* namedObjects(sql: Sql): AsyncGenerator<NamedObject[]> {
  let after: [string, string] | null = null;
  for (;;) {
    const rows: VersionRow[] = await sql<VersionRow[]>`
      SELECT v.tenant_id, v.source_version_id, v.source_id, s.current_version_id IS NOT DISTINCT FROM v.source_version_id AS current,
        v.checksum, v.markdown_sha256, v.s3_raw_uri, v.s3_markdown_uri, v.s3_manifest_uri
      FROM source_versions v LEFT JOIN sources s ON s.tenant_id = v.tenant_id AND s.source_id = v.source_id
      WHERE ${after === null}::boolean OR (v.tenant_id, v.source_version_id) > (${after?.[0] ?? null}::uuid, ${after?.[1] ?? null}::uuid)
      ORDER BY v.tenant_id, v.source_version_id LIMIT ${PAGE}`;
    const last = rows.at(-1);
    if (!last) break;
    after = [last.tenant_id, last.source_version_id];
    yield rows.flatMap(objectsOf);
  }
  const uploads = await sql<{ tenant_id: string; uri: string; sha256: string }[]>`
    SELECT tenant_id, descriptor -> 'locator' ->> 'raw_uri' AS uri, descriptor ->> 'fingerprint' AS sha256 FROM ingest_items
    WHERE item_status IN ('queued', 'running') AND source_type = 'FILE_UPLOAD_OBJECT' AND descriptor -> 'locator' ? 'raw_uri'`;
  yield uploads.map(({ tenant_id: tenantId, uri, sha256 }) => ({
    uri,
    tenantId,
    sha256,
    sourceId: null,
    versionId: null,
  }));
}

function objectsOf(row: VersionRow): NamedObject[] {
  const of = {
    tenantId: row.tenant_id,
    sourceId: row.current ? row.source_id : null,
    versionId: row.source_version_id,
  };
  return [
    { ...of, uri: row.s3_raw_uri, sha256: row.checksum },
    { ...of, uri: row.s3_markdown_uri, sha256: row.markdown_sha256 },
    { ...of, uri: row.s3_manifest_uri, sha256: null },
  ];
}

async function checkPage(page: NamedObject[], objects: ObjectStore, fast: boolean, faults: Faults): Promise<void> {
  const waiting = page.values();
  const check = async (): Promise<void> => {
    for (const object of waiting) {
      faults.checked++;
      const fault = await (fast ? isThere(object, objects) : isTrue(object, objects));
      if (fault?.kind === "missing") faults.missing.push({ object, detail: fault.detail });
      if (fault?.kind === "changed") faults.changed.push(`${object.uri}: ${fault.detail}`);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, check));
}

type Fault = { kind: "missing" | "changed"; detail: string } | null;

/** An outage is thrown: it says nothing about the object. */
const isThere = async ({ uri }: NamedObject, objects: ObjectStore): Promise<Fault> =>
  (await objects.exists(uri)) ? null : { kind: "missing", detail: "not found" };

async function isTrue({ uri, sha256, versionId }: NamedObject, objects: ObjectStore): Promise<Fault> {
  const hasher = new Bun.CryptoHasher("sha256");
  const kept: Uint8Array[] = [];
  try {
    const { body } = await objects.stream(uri);
    for await (const piece of body) {
      hasher.update(piece);
      if (sha256 === null) kept.push(piece);
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { kind: "missing", detail: messageOf(error) };
  }
  if (sha256 !== null) {
    const found = hasher.digest("hex");
    return found === sha256 ? null : { kind: "changed", detail: `SHA-256 ${found} instead of ${sha256}` };
  }
  return speaksOf(Buffer.concat(kept), versionId) ? null : { kind: "changed", detail: "no manifest of its version" };
}

function speaksOf(manifest: Buffer, versionId: string | null): boolean {
  try {
    return (JSON.parse(manifest.toString("utf8")) as { source_version_id?: string }).source_version_id === versionId;
  } catch {
    return false;
  }
}
