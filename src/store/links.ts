/**
 * Links of documents: every link found, and the resolved document-to-document edges. Target ids derive from the target's
 * name, so a link knows its target before that arrives; when it does arrive, the links that wait for it become edges.
 */
import type { Sql, TransactionSql } from "postgres";
import { asTenant } from "../db/tenant_scope.ts";
import type { PreparedDocument } from "./prepared.ts";

/** A name of a document that links may use, as an id. */
interface Alias {
  aliasId: string;
  documentId: string;
}

/**
 * Links of these documents; and the edges of those that `existed`, so that an edit leaves no moment without them. All other
 * edges are for `resolveLinks`, when this transaction is over.
 */
export async function replaceLinks(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  existed: PreparedDocument[],
): Promise<void> {
  const ids = documents.map((d) => d.documentId);
  const l = documents.flatMap((d) => d.links.map((link, ordinal) => ({ ...link, documentId: d.documentId, ordinal })));
  const aliases = documents.flatMap((d) => d.aliasIds.map((aliasId) => ({ aliasId, documentId: d.documentId })));
  // The driver sends a statement when it is awaited: in this order, at the end.
  const statements: PromiseLike<unknown>[] = [
    tx`DELETE FROM document_links WHERE tenant_id = ${tenantId} AND document_id = ANY (${ids}::uuid[])`,
  ];
  if (aliases.length > 0) statements.push(upsertAliases(tx, tenantId, aliases));
  if (l.length > 0)
    statements.push(
      tx`
      INSERT INTO document_links (tenant_id, document_id, ordinal, link_type, href, link_text, anchor, target_document_ids)
      SELECT ${tenantId}::uuid, n.document_id, n.ordinal, n.link_type, n.href, n.link_text, nullif(n.anchor, ''), nullif(n.targets, '')::uuid[]
      FROM unnest(${l.map((x) => x.documentId)}::uuid[], ${l.map((x) => x.ordinal)}::integer[], ${l.map((x) => x.linkType)}::text[],
        ${l.map((x) => x.href)}::text[], ${l.map((x) => x.linkText)}::text[], ${l.map((x) => x.anchor ?? "")}::text[],
        ${l.map((x) => (x.targetDocumentIds?.length ? `{${x.targetDocumentIds.join(",")}}` : ""))}::text[])
        AS n (document_id, ordinal, link_type, href, link_text, anchor, targets)`,
    );
  await Promise.all(statements);
  await resolveLinksFrom(tx, tenantId, existed);
}

/**
 * Edges of links in these documents whose target exists; of several candidates the best one. The few that exist are looked
 * up by key and assigned here: a join of links and targets is at the mercy of what the planner believes of their number.
 */
async function resolveLinksFrom(
  sql: Sql | TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
): Promise<void> {
  const names = [...new Set(documents.flatMap((d) => d.links.flatMap((link) => link.targetDocumentIds ?? [])))];
  if (names.length === 0) return;
  const found = await sql<{ name: string; document_id: string }[]>`
    SELECT document_id AS name, document_id FROM documents
    WHERE tenant_id = ${tenantId} AND document_id = ANY (${names}::uuid[])
    UNION ALL
    SELECT alias_id, document_id FROM document_aliases WHERE tenant_id = ${tenantId} AND alias_id = ANY (${names}::uuid[])`;
  // An alias comes later and wins.
  const documentOf = new Map(found.map((row) => [row.name, row.document_id]));
  const edges = documents.flatMap((d) =>
    d.links.flatMap((link, ordinal) => {
      const name = link.targetDocumentIds?.find((target) => documentOf.has(target));
      return name === undefined ? [] : [{ from: d.documentId, ordinal, name, to: documentOf.get(name)! }];
    }),
  );
  if (edges.length > 0) await insertEdges(sql, tenantId, edges);
}

/**
 * Of links and to documents that are still there, and held until the edge refers to them; what is locked is being replaced.
 * In the order of `resolveLinksTo`: another batch may be making some of the same edges, and waits for those it meets.
 */
async function insertEdges(
  sql: Sql | TransactionSql,
  tenantId: string,
  edges: { from: string; ordinal: number; name: string; to: string }[],
): Promise<void> {
  await sql`
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT ${tenantId}::uuid, n.from_document_id, n.ordinal, n.to_document_id, l.link_type, l.anchor
    FROM unnest(${edges.map((e) => e.from)}::uuid[], ${edges.map((e) => e.ordinal)}::integer[], ${edges.map((e) => e.name)}::uuid[],
      ${edges.map((e) => e.to)}::uuid[]) AS n (from_document_id, ordinal, name, to_document_id)
    CROSS JOIN LATERAL (
      SELECT link_type, anchor FROM document_links
      WHERE tenant_id = ${tenantId} AND document_id = n.from_document_id AND ordinal = n.ordinal AND n.name = ANY (target_document_ids)
      FOR KEY SHARE SKIP LOCKED
    ) AS l
    CROSS JOIN LATERAL (
      SELECT FROM documents WHERE tenant_id = ${tenantId} AND document_id = n.to_document_id FOR KEY SHARE SKIP LOCKED
    ) AS d
    ORDER BY n.from_document_id, n.ordinal
    ON CONFLICT DO NOTHING`;
}

/**
 * Edges of links in these documents and, anywhere in the tenant, of links that were waiting for them. After their swap has
 * committed: of two documents that were swapped in at once neither saw the other, and whoever comes here last sees both.
 * Waits for nobody: a row that is locked is being replaced or deleted, and whoever does that comes here as well.
 */
export async function resolveLinks(sql: Sql, tenantId: string, documents: PreparedDocument[]): Promise<void> {
  const own = asTenant(sql, tenantId);
  // One after the other: both make the edges within the batch, and would wait for each other's.
  await resolveLinksFrom(own, tenantId, documents);
  await resolveLinksTo(own, tenantId, documents);
}

/** Edges of links of other documents to these, under their own names or an alias. */
function resolveLinksTo(sql: Sql, tenantId: string, documents: PreparedDocument[]): PromiseLike<unknown> {
  const names = documents.flatMap((d) => [d.documentId, ...d.aliasIds].map((name) => ({ name, id: d.documentId })));
  return sql`
    WITH existing AS MATERIALIZED (
      SELECT document_id FROM documents
      WHERE tenant_id = ${tenantId} AND document_id = ANY (${documents.map((d) => d.documentId)}::uuid[]) FOR KEY SHARE SKIP LOCKED
    ), waiting AS MATERIALIZED (
      -- Name by name: for all at once (&&) the planner expects so many links that it would rather read the whole table.
      SELECT l.*, n.name, n.document_id AS to_document_id
      FROM unnest(${names.map(({ name }) => name)}::uuid[], ${names.map(({ id }) => id)}::uuid[]) AS n (name, document_id)
      CROSS JOIN LATERAL (
        SELECT l.tenant_id, l.document_id, l.ordinal, l.link_type, l.anchor, l.target_document_ids FROM tenant_links l
        WHERE l.target_document_ids @> ARRAY[n.name] AND l.target_document_ids IS NOT NULL
          -- A scalar, so that it stays a look-up by key: as NOT EXISTS it becomes a join with all edges there are.
          AND (SELECT true FROM cross_links x WHERE x.tenant_id = l.tenant_id AND x.from_document_id = l.document_id
            AND x.link_ordinal = l.ordinal) IS NULL
        FOR KEY SHARE OF l SKIP LOCKED
      ) AS l
    )
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT DISTINCT ON (w.document_id, w.ordinal) w.tenant_id, w.document_id, w.ordinal, w.to_document_id, w.link_type, w.anchor
    FROM waiting w JOIN existing ON existing.document_id = w.to_document_id
    ORDER BY w.document_id, w.ordinal, array_position(w.target_document_ids, w.name)
    ON CONFLICT DO NOTHING`;
}

/** A name belongs to whoever bears it last; names of the past stay until somebody else takes them. */
function upsertAliases(tx: TransactionSql, tenantId: string, aliases: Alias[]): PromiseLike<unknown> {
  return tx`
    INSERT INTO document_aliases AS old (tenant_id, alias_id, document_id)
    SELECT DISTINCT ON (n.alias_id) ${tenantId}::uuid, n.alias_id, n.document_id
    FROM unnest(${aliases.map((a) => a.aliasId)}::uuid[], ${aliases.map((a) => a.documentId)}::uuid[]) AS n (alias_id, document_id)
    ORDER BY n.alias_id
    ON CONFLICT (tenant_id, alias_id) DO UPDATE SET document_id = excluded.document_id WHERE old.document_id <> excluded.document_id`;
}
