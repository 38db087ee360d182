/**
 * Links of documents: every link found, and the resolved document-to-document edges. Target ids derive from the target's
 * name, so a link knows its target before that arrives; when it does arrive, the links that wait for it become edges.
 */
import type { TransactionSql } from "postgres";
import type { PreparedDocument } from "./prepared.ts";

/** A name of a document that links may use, as an id. */
interface Alias {
  aliasId: string;
  documentId: string;
}

/** `created`: ids of documents that did not exist before this transaction. */
export async function replaceLinks(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  created: string[],
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
      resolveLinksFrom(tx, tenantId, documents),
    );
  if (created.length > 0) statements.push(resolveLinksTo(tx, tenantId, created));
  if (aliases.length > 0) statements.push(resolveLinksToAliases(tx, tenantId, aliases));
  await Promise.all(statements);
}

/**
 * Edges of links in these documents whose target exists; of several candidates the best one. The few targets that exist
 * are looked up by key first: joined to the links directly, every link would be compared with every document.
 */
function resolveLinksFrom(tx: TransactionSql, tenantId: string, documents: PreparedDocument[]): PromiseLike<unknown> {
  const targets = [...new Set(documents.flatMap((d) => d.links.flatMap((link) => link.targetDocumentIds ?? [])))];
  return tx`
    WITH found AS MATERIALIZED (
      SELECT alias_id AS target, document_id, 0 AS preference FROM document_aliases
      WHERE tenant_id = ${tenantId} AND alias_id = ANY (${targets}::uuid[])
      UNION ALL
      SELECT document_id, document_id, 1 FROM documents WHERE tenant_id = ${tenantId} AND document_id = ANY (${targets}::uuid[])
    )
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT DISTINCT ON (l.document_id, l.ordinal) l.tenant_id, l.document_id, l.ordinal, found.document_id, l.link_type, l.anchor
    FROM document_links l CROSS JOIN unnest(l.target_document_ids) WITH ORDINALITY AS t (document_id, rank)
    JOIN found ON found.target = t.document_id
    WHERE l.tenant_id = ${tenantId} AND l.document_id = ANY (${documents.map((d) => d.documentId)}::uuid[])
      AND l.target_document_ids IS NOT NULL
    ORDER BY l.document_id, l.ordinal, t.rank, found.preference
    ON CONFLICT DO NOTHING`;
}

/** Edges of links, anywhere in the tenant, that were waiting for these new documents. */
function resolveLinksTo(tx: TransactionSql, tenantId: string, documentIds: string[]): PromiseLike<unknown> {
  return tx`
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT DISTINCT ON (l.document_id, l.ordinal) l.tenant_id, l.document_id, l.ordinal, t.document_id, l.link_type, l.anchor
    FROM document_links l CROSS JOIN unnest(l.target_document_ids) WITH ORDINALITY AS t (document_id, rank)
    WHERE l.tenant_id = ${tenantId} AND l.target_document_ids IS NOT NULL AND l.target_document_ids && ${documentIds}::uuid[]
      AND t.document_id = ANY (${documentIds}::uuid[])
    ORDER BY l.document_id, l.ordinal, t.rank
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

/** Edges of links, anywhere in the tenant, that were waiting for one of these names. */
function resolveLinksToAliases(tx: TransactionSql, tenantId: string, aliases: Alias[]): PromiseLike<unknown> {
  const ids = aliases.map((alias) => alias.aliasId);
  return tx`
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT DISTINCT ON (l.document_id, l.ordinal) l.tenant_id, l.document_id, l.ordinal, a.document_id, l.link_type, l.anchor
    FROM document_links l CROSS JOIN unnest(l.target_document_ids) WITH ORDINALITY AS t (document_id, rank)
    JOIN document_aliases a ON a.tenant_id = l.tenant_id AND a.alias_id = t.document_id
    WHERE l.tenant_id = ${tenantId} AND l.target_document_ids IS NOT NULL AND l.target_document_ids && ${ids}::uuid[]
      AND t.document_id = ANY (${ids}::uuid[])
    ORDER BY l.document_id, l.ordinal, t.rank
    ON CONFLICT DO NOTHING`;
}
