/**
 * Links of documents: every link found, and the resolved document-to-document edges. Target ids derive from the target's
 * name, so a link knows its target before that arrives; when it does arrive, the links that wait for it become edges.
 */
import type { TransactionSql } from "postgres";
import type { PreparedDocument } from "./prepared.ts";

/** `created`: ids of documents that did not exist before this transaction. */
export async function replaceLinks(
  tx: TransactionSql,
  tenantId: string,
  documents: PreparedDocument[],
  created: string[],
): Promise<void> {
  const ids = documents.map((d) => d.documentId);
  const l = documents.flatMap((d) => d.links.map((link, ordinal) => ({ ...link, documentId: d.documentId, ordinal })));
  // The driver sends a statement when it is awaited: in this order, at the end.
  const statements: PromiseLike<unknown>[] = [
    tx`DELETE FROM document_links WHERE tenant_id = ${tenantId} AND document_id = ANY (${ids}::uuid[])`,
  ];
  if (l.length > 0)
    statements.push(
      tx`
      INSERT INTO document_links (tenant_id, document_id, ordinal, link_type, href, link_text, anchor, target_document_ids)
      SELECT ${tenantId}::uuid, n.document_id, n.ordinal, n.link_type, n.href, n.link_text, nullif(n.anchor, ''), nullif(n.targets, '')::uuid[]
      FROM unnest(${l.map((x) => x.documentId)}::uuid[], ${l.map((x) => x.ordinal)}::integer[], ${l.map((x) => x.linkType)}::text[],
        ${l.map((x) => x.href)}::text[], ${l.map((x) => x.linkText)}::text[], ${l.map((x) => x.anchor ?? "")}::text[],
        ${l.map((x) => (x.targetDocumentIds?.length ? `{${x.targetDocumentIds.join(",")}}` : ""))}::text[])
        AS n (document_id, ordinal, link_type, href, link_text, anchor, targets)`,
      resolveLinksFrom(tx, tenantId, ids),
    );
  if (created.length > 0) statements.push(resolveLinksTo(tx, tenantId, created));
  await Promise.all(statements);
}

/** Edges of links in these documents whose target exists; of several candidates the best one. */
function resolveLinksFrom(tx: TransactionSql, tenantId: string, documentIds: string[]): PromiseLike<unknown> {
  return tx`
    INSERT INTO cross_links (tenant_id, from_document_id, link_ordinal, to_document_id, link_type, anchor)
    SELECT DISTINCT ON (l.document_id, l.ordinal) l.tenant_id, l.document_id, l.ordinal, d.document_id, l.link_type, l.anchor
    FROM document_links l CROSS JOIN unnest(l.target_document_ids) WITH ORDINALITY AS t (document_id, rank)
    JOIN documents d ON d.tenant_id = l.tenant_id AND d.document_id = t.document_id
    WHERE l.tenant_id = ${tenantId} AND l.document_id = ANY (${documentIds}::uuid[]) AND l.target_document_ids IS NOT NULL
    ORDER BY l.document_id, l.ordinal, t.rank
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
