/**
 * Retention of versions: what was replaced long enough ago, and all that is left of sources that are gone. The current
 * version of a source that is there, and whatever a document is made of, is never among them. Sources are looked at page
 * by page, so that no statement grows with the database.
 */
import type { Sql } from "postgres";
import { asLogin } from "../db/tenant_scope.ts";
import type { RetentionPolicy } from "./gc.ts";

const SOURCES_AT_ONCE = 2000;
const START = "00000000-0000-0000-0000-000000000000";

interface Deleted {
  versions: number;
  version_bytes: number;
  sources: number;
}

interface PageRow {
  tenant_id: string;
  source_id: string;
  seen: number;
  versions: number;
  bytes: number;
  uris: string[];
  purged: number;
}

/** With `dryRun` only counts. `remove` gets the URIs that the deleted rows named. */
export async function deleteOldVersions(
  sql: Sql,
  policy: RetentionPolicy,
  options: { dryRun: boolean; embedded: boolean; remove(uris: string[]): Promise<unknown> },
): Promise<Deleted> {
  const total: Deleted = { versions: 0, version_bytes: 0, sources: 0 };
  if (policy.versionsDays === null && policy.purgedDays === null) return total;
  if (!options.dryRun) await ensureReferenceIndexes(sql, options.embedded);
  let [tenantId, sourceId] = [START, START];
  for (;;) {
    const [page] = await onePage(sql, policy, options.dryRun, tenantId, sourceId);
    if (!page || page.seen === 0) return total;
    total.versions += page.versions;
    total.version_bytes += page.bytes;
    total.sources += page.purged;
    if (!options.dryRun) await options.remove(page.uris);
    [tenantId, sourceId] = [page.tenant_id, page.source_id];
  }
}

/**
 * Deletes the due versions of the sources after the given one. A version was replaced when the next one of its source
 * was made; the newest replaced one at the latest when its document last changed.
 */
function onePage(sql: Sql, policy: RetentionPolicy, dryRun: boolean, tenantId: string, sourceId: string) {
  const { versionsDays, purgedDays, versionsKeep } = policy;
  return sql<PageRow[]>`
    WITH page AS (
      SELECT tenant_id, source_id, current_version_id, presence, presence_since FROM sources
      WHERE (tenant_id, source_id) > (${tenantId}::uuid, ${sourceId}::uuid) ORDER BY tenant_id, source_id LIMIT ${SOURCES_AT_ONCE}
    ), replaced AS (
      SELECT v.tenant_id, v.source_id, v.source_version_id, page.presence, page.presence_since,
        coalesce(lead(v.created_at) OVER later, d.updated_at, page.presence_since) AS replaced_at,
        row_number() OVER (PARTITION BY v.tenant_id, v.source_id, v.source_version_id = page.current_version_id ORDER BY v.created_at DESC) AS age,
        v.source_version_id IS DISTINCT FROM page.current_version_id AND v.source_version_id IS DISTINCT FROM d.source_version_id AS free
      FROM page JOIN source_versions v USING (tenant_id, source_id)
      LEFT JOIN documents d ON d.tenant_id = v.tenant_id AND d.source_id = v.source_id
      WINDOW later AS (PARTITION BY v.tenant_id, v.source_id ORDER BY v.created_at)
    ), due AS (
      SELECT tenant_id, source_id, source_version_id FROM replaced
      WHERE free AND CASE WHEN presence = 'purged'
        THEN presence_since < now() - make_interval(days => ${purgedDays}::integer)
        ELSE age > ${versionsKeep} AND replaced_at < now() - make_interval(days => ${versionsDays}::integer) END
    ), gone AS (
      SELECT tenant_id, source_id FROM page
      WHERE presence = 'purged' AND presence_since < now() - make_interval(days => ${purgedDays}::integer)
    ), held AS (
      -- As they are now, and no swap gets at them until this statement ends; those that one holds are for the next run.
      SELECT tenant_id, source_id, current_version_id, presence FROM sources
      WHERE (tenant_id, source_id) IN (SELECT tenant_id, source_id FROM due UNION SELECT tenant_id, source_id FROM gone)
      ORDER BY tenant_id, source_id FOR UPDATE SKIP LOCKED
    ), versions AS (
      ${
        dryRun
          ? sql`SELECT v.* FROM source_versions v JOIN due USING (tenant_id, source_id, source_version_id)`
          : sql`DELETE FROM source_versions v USING due JOIN held USING (tenant_id, source_id)
              WHERE v.tenant_id = due.tenant_id AND v.source_version_id = due.source_version_id
                AND due.source_version_id IS DISTINCT FROM held.current_version_id RETURNING v.*`
      }
    ), sources_gone AS (
      ${
        dryRun
          ? sql`SELECT source_id FROM gone`
          : sql`DELETE FROM sources s USING gone JOIN held USING (tenant_id, source_id)
              WHERE s.tenant_id = gone.tenant_id AND s.source_id = gone.source_id AND held.presence = 'purged'
                AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.tenant_id = s.tenant_id AND d.source_id = s.source_id) RETURNING s.source_id`
      }
    )
    SELECT last.tenant_id, last.source_id, (SELECT count(*) FROM page)::integer AS seen,
      (SELECT count(*) FROM versions)::integer AS versions,
      (SELECT coalesce(sum(raw_bytes + markdown_bytes), 0) FROM versions)::float8 AS bytes,
      (SELECT coalesce(array_agg(uri), '{}') FROM versions, unnest(ARRAY[s3_raw_uri, s3_markdown_uri, s3_manifest_uri]) AS uri) AS uris,
      (SELECT count(*) FROM sources_gone)::integer AS purged
    FROM (SELECT tenant_id, source_id FROM page ORDER BY tenant_id DESC, source_id DESC LIMIT 1) AS last`;
}

/**
 * For each version that goes, Postgres looks whether a source or a document still points at it; without an index, through
 * all of a tenant's. Who keeps everything needs no such index, so it is made by the first run that deletes.
 */
async function ensureReferenceIndexes(sql: Sql, embedded: boolean): Promise<void> {
  const wanted = [
    ["sources_by_current_version", "sources (tenant_id, current_version_id)"],
    ["documents_by_version", "documents (tenant_id, source_version_id)"],
  ] as const;
  await asLogin(sql, async (connection) => {
    for (const [name, columns] of wanted) {
      const [found] = await connection<{ valid: boolean }[]>`
        SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass(${name})`;
      if (found?.valid) continue;
      await connection`SELECT set_config('statement_timeout', '0', false)`;
      if (found) await connection.unsafe(`DROP INDEX ${name}`);
      await connection.unsafe(`CREATE INDEX ${embedded ? "" : "CONCURRENTLY"} ${name} ON ${columns}`);
    }
  });
}
