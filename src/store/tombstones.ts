/**
 * Deletions, in two phases, and only after a listing that proved itself complete: missing once → hidden from search,
 * missing from the next complete listing → purged from the index (versions and their objects stay). More than a quarter
 * of a connection's sources missing at once stops the deletion until a caller confirms. What comes back is restored.
 */
import type { Sql, TransactionSql } from "postgres";

/** Above this share of newly missing sources nothing is deleted without confirmation. */
export const MISSING_SHARE_MAX = 0.25;

export interface TombstoneResult {
  hidden: number;
  purged: number;
  restored: number;
  /** Set when the deletion was stopped: so many of so many sources are missing. */
  stopped: { missing: number; of: number } | null;
}

/**
 * Shows what is hidden but was seen again; that needs no complete listing. Returns how many sources came back.
 */
export async function restoreSeen(
  sql: Sql | TransactionSql,
  { tenantId, connectionId }: { tenantId: string; connectionId: string },
  seen: string[],
): Promise<number> {
  await adopt(sql, tenantId, connectionId, seen);
  const restored = await sql`
    WITH back AS (
      UPDATE sources SET presence = 'present', presence_since = now()
      WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND presence = 'hidden' AND source_id = ANY (${seen}::uuid[])
      RETURNING source_id
    ), shown AS (
      UPDATE documents d SET hidden = false FROM back WHERE d.tenant_id = ${tenantId} AND d.source_id = back.source_id
    )
    SELECT source_id FROM back`;
  return restored.length;
}

/** Sources that belonged to a connection that was deleted are this one's now: its listings speak for them. */
async function adopt(sql: Sql | TransactionSql, tenantId: string, connectionId: string, seen: string[]): Promise<void> {
  await sql`
    WITH mine AS (
      UPDATE source_sync_state SET connection_id = ${connectionId}
      WHERE tenant_id = ${tenantId} AND connection_id IS NULL AND source_id = ANY (${seen}::uuid[]) AND source_type <> 'FILE_UPLOAD_OBJECT'
      RETURNING source_id
    )
    UPDATE sources s SET connection_id = ${connectionId} FROM mine
    WHERE s.tenant_id = ${tenantId} AND s.source_id = mine.source_id AND s.connection_id IS NULL`;
}

/** What a listing speaks for: a connection's sources, all of them or those of some types. */
export interface ListedScope {
  tenantId: string;
  connectionId: string;
  /** Without it, all types. */
  sourceTypes?: readonly string[];
}

/**
 * Sources of the connection that a complete listing lacks, before anything is done about them. NOT IN (SELECT …) is looked
 * up in a hash table, <> ALL in a plan for any value by going through all that was seen, for each source.
 */
export async function missingSources(
  sql: Sql,
  { tenantId, connectionId, sourceTypes }: ListedScope,
  seen: string[],
): Promise<{ sourceId: string; externalRef: string }[]> {
  const rows = await sql<{ source_id: string; external_ref: string }[]>`
    SELECT source_id, external_ref FROM source_sync_state
    WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND source_id NOT IN (SELECT unnest(${seen}::uuid[]))
      AND (${sourceTypes ?? null}::text[] IS NULL OR source_type = ANY (${sourceTypes ?? null}::text[]))`;
  return rows.map((row) => ({ sourceId: row.source_id, externalRef: row.external_ref }));
}

/**
 * `seen`: ids of all sources of the connection that a complete listing gave.
 * Everything happens in one transaction; running it twice changes nothing more than running it once, except that a
 * second complete listing is what turns hidden into purged.
 */
export async function applyTombstones(
  sql: Sql,
  scope: ListedScope,
  seen: string[],
  confirmed: boolean,
): Promise<TombstoneResult> {
  const { tenantId, connectionId } = scope;
  const types = scope.sourceTypes ?? null;
  return sql.begin(async (tx): Promise<TombstoneResult> => {
    const restored = await restoreSeen(tx, scope, seen);
    const missing = await tx<{ source_id: string; presence: string }[]>`
      SELECT s.source_id, coalesce(src.presence, 'unknown') AS presence
      FROM source_sync_state s LEFT JOIN sources src ON src.tenant_id = s.tenant_id AND src.source_id = s.source_id
      WHERE s.tenant_id = ${tenantId} AND s.connection_id = ${connectionId} AND s.source_id NOT IN (SELECT unnest(${seen}::uuid[]))
        AND (${types}::text[] IS NULL OR s.source_type = ANY (${types}::text[]))`;
    // Sources that never were ingested have nothing to hide: their memory goes at once.
    const forgotten = missing.filter((m) => m.presence === "unknown").map((m) => m.source_id);
    const toPurge = missing.filter((m) => m.presence === "hidden").map((m) => m.source_id);
    const toHide = missing.filter((m) => m.presence === "present").map((m) => m.source_id);
    const result: TombstoneResult = { hidden: 0, purged: 0, restored, stopped: null };

    if (toHide.length > 0 && !confirmed) {
      const [total] = await tx<{ n: number }[]>`
        SELECT count(*)::integer AS n FROM sources
        WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND presence = 'present'
          AND (${types}::text[] IS NULL OR source_type = ANY (${types}::text[]))`;
      const present = total?.n ?? 0;
      if (toHide.length > present * MISSING_SHARE_MAX)
        return { ...result, stopped: { missing: toHide.length, of: present } };
    }

    if (toPurge.length > 0) {
      await tx`DELETE FROM documents WHERE tenant_id = ${tenantId} AND source_id = ANY (${toPurge}::uuid[])`;
      await tx`
        UPDATE sources SET presence = 'purged', presence_since = now(), current_version_id = NULL
        WHERE tenant_id = ${tenantId} AND source_id = ANY (${toPurge}::uuid[])`;
    }
    if (toHide.length > 0) {
      await tx`UPDATE sources SET presence = 'hidden', presence_since = now() WHERE tenant_id = ${tenantId} AND source_id = ANY (${toHide}::uuid[])`;
      await tx`UPDATE documents SET hidden = true WHERE tenant_id = ${tenantId} AND source_id = ANY (${toHide}::uuid[])`;
    }
    // A purged source that comes back is new: without sync state its bytes are fetched and indexed again.
    const withoutState = [...toPurge, ...forgotten];
    if (withoutState.length > 0)
      await tx`
        DELETE FROM source_sync_state
        WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND source_id = ANY (${withoutState}::uuid[])`;
    return { ...result, hidden: toHide.length, purged: toPurge.length };
  });
}
