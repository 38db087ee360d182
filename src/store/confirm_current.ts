/**
 * Whether the version that a source had when its item was claimed is still the current one. An item whose bytes are
 * unchanged writes no version, so without this mark an older item of the same source that is still under way would put
 * its older bytes over what the newer one had just found to be right.
 */
import type { Sql } from "postgres";
import { asTenant } from "../db/tenant_scope.ts";

export interface CurrentClaim {
  tenantId: string;
  sourceId: string;
  itemId: string;
  /** Hex SHA-256 of what was fetched. */
  checksum: string;
  converterVersion: string;
}

/**
 * `claims` all belong to one tenant. True for each whose source still has that version as its current one; from then on
 * no older item overrides it.
 */
export async function confirmCurrent(sql: Sql, claims: CurrentClaim[]): Promise<boolean[]> {
  const tenantId = claims[0]!.tenantId;
  // Locked in id order, as the swap does; a row that a swap changed meanwhile is judged by what it became.
  const rows = await asTenant(sql, tenantId)<{ item_id: string }[]>`
    WITH held AS (
      SELECT s.source_id, n.item_id
      FROM unnest(${claims.map((c) => c.sourceId)}::uuid[], ${claims.map((c) => c.itemId)}::bigint[], ${claims.map((c) => c.checksum)}::text[],
        ${claims.map((c) => c.converterVersion)}::text[]) AS n (source_id, item_id, checksum, converter_version)
      JOIN sources s ON s.tenant_id = ${tenantId} AND s.source_id = n.source_id
      JOIN source_versions v ON v.tenant_id = s.tenant_id AND v.source_version_id = s.current_version_id
        AND v.checksum = n.checksum AND v.converter_version = n.converter_version
      ORDER BY s.source_id FOR UPDATE OF s
    ), marked AS (
      UPDATE sources s SET current_item_id = greatest(s.current_item_id, h.item_id)
      FROM (SELECT source_id, max(item_id) AS item_id FROM held GROUP BY source_id) h
      WHERE s.tenant_id = ${tenantId} AND s.source_id = h.source_id
    )
    SELECT item_id::text FROM held`;
  const confirmed = new Set(rows.map((row) => row.item_id));
  return claims.map((claim) => confirmed.has(claim.itemId));
}
