/**
 * Which chunks still wait for a vector, and who may embed them. Counted on the document; `embed_after` is a short lease
 * that keeps two embedders off the same document. Items and jobs that waited for vectors are reconciled with what the
 * documents say, so that no order of events can leave a job waiting for what is there.
 */
import type { Sql } from "postgres";

/** After a failed try the document waits so long; the background embedder backs off further by itself. */
const RETRY_SECONDS = 5;

/**
 * Notes how many chunks of each document still lack a vector. Of a document that another version has replaced meanwhile
 * nothing is known: the chunks of that version wait for vectors of their own.
 */
export async function noteVectors(
  sql: Sql,
  tenantId: string,
  documents: { documentId: string; versionId: string; pending: number }[],
): Promise<void> {
  const ids = documents.map((d) => d.documentId);
  await sql`
    UPDATE documents d SET vectors_pending = n.pending, embed_after = now() + make_interval(secs => ${RETRY_SECONDS})
    FROM unnest(${ids}::uuid[], ${documents.map((d) => d.versionId)}::uuid[], ${documents.map((d) => d.pending)}::integer[])
      AS n (document_id, version_id, pending)
    WHERE d.tenant_id = ${tenantId} AND d.document_id = ANY (${ids}::uuid[]) AND d.document_id = n.document_id
      AND d.source_version_id = n.version_id AND (d.vectors_pending <> n.pending OR n.pending > 0)`;
}

/** Takes what was embedded meanwhile (or purged) off the items and jobs that waited for it. Returns how many items. */
export async function reconcileWaitingItems(sql: Sql): Promise<number> {
  const rows = await sql<{ items: number }[]>`
    WITH complete AS (
      SELECT i.tenant_id, i.job_id, i.item_id, i.vectors_pending AS was_pending FROM ingest_items i
      WHERE i.vectors_pending > 0 AND NOT EXISTS (
        SELECT 1 FROM documents d WHERE d.tenant_id = i.tenant_id AND d.document_id = i.document_id AND d.vectors_pending > 0)
      FOR UPDATE SKIP LOCKED
    ), items AS (
      UPDATE ingest_items i SET vectors_pending = 0 FROM complete c
      WHERE i.tenant_id = c.tenant_id AND i.job_id = c.job_id AND i.item_id = c.item_id RETURNING i.job_id, i.tenant_id, c.was_pending
    )
    UPDATE ingest_jobs j SET vectors_pending = j.vectors_pending - done.n, vectors_embedded = j.vectors_embedded + done.n
    FROM (SELECT tenant_id, job_id, sum(was_pending) AS n, count(*)::integer AS items FROM items GROUP BY tenant_id, job_id) done
    WHERE j.tenant_id = done.tenant_id AND j.job_id = done.job_id
    RETURNING done.items`;
  return rows.reduce((sum, row) => sum + row.items, 0);
}

export interface PendingDocument {
  tenantId: string;
  documentId: string;
  versionId: string;
  chunks: { chunkId: string; embeddingText: string; textSha256: string }[];
}

/** Takes documents with pending vectors for `leaseSeconds`; those that waited longest first. */
export async function claimPendingDocuments(
  sql: Sql,
  options: { model: string; limit: number; leaseSeconds: number },
): Promise<PendingDocument[]> {
  const rows = await sql<
    { tenant_id: string; document_id: string; source_version_id: string; chunk_ids: string[]; texts: string[] }[]
  >`
    WITH due AS (
      SELECT tenant_id, document_id FROM documents WHERE vectors_pending > 0 AND embed_after <= now()
      ORDER BY embed_after LIMIT ${options.limit} FOR UPDATE SKIP LOCKED
    ), taken AS (
      UPDATE documents d SET embed_after = now() + make_interval(secs => ${options.leaseSeconds}) FROM due
      WHERE d.tenant_id = due.tenant_id AND d.document_id = due.document_id RETURNING d.tenant_id, d.document_id, d.source_version_id
    )
    SELECT t.tenant_id, t.document_id, t.source_version_id,
      coalesce(array_agg(c.chunk_id::text ORDER BY c.ordinal) FILTER (WHERE c.chunk_id IS NOT NULL), '{}') AS chunk_ids,
      coalesce(array_agg('[H] ' || c.chunk_path || E'\n' || c.chunk_text ORDER BY c.ordinal) FILTER (WHERE c.chunk_id IS NOT NULL), '{}') AS texts
    FROM taken t LEFT JOIN chunks c ON c.tenant_id = t.tenant_id AND c.document_id = t.document_id
      AND NOT EXISTS (SELECT 1 FROM chunk_vectors v WHERE v.tenant_id = c.tenant_id AND v.chunk_id = c.chunk_id AND v.embedding_model = ${options.model})
    GROUP BY t.tenant_id, t.document_id, t.source_version_id`;
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    documentId: row.document_id,
    versionId: row.source_version_id,
    chunks: row.chunk_ids.map((chunkId, i) => ({
      chunkId,
      embeddingText: row.texts[i]!,
      textSha256: new Bun.CryptoHasher("sha256").update(row.texts[i]!).digest("hex"),
    })),
  }));
}

/**
 * Notes which model the vectors belong to. When it changed, every document waits for vectors of the new one; the old
 * vectors stay until then.
 */
export async function activateModel(sql: Sql, model: string): Promise<boolean> {
  return sql.begin(async (tx) => {
    await tx`INSERT INTO settings (name, value) VALUES ('embedding_model', 'null') ON CONFLICT DO NOTHING`;
    const [active] = await tx<
      { value: string | null }[]
    >`SELECT value #>> '{}' AS value FROM settings WHERE name = 'embedding_model' FOR UPDATE`;
    if (active?.value === model) return false;
    await tx`UPDATE settings SET value = to_jsonb(${model}::text) WHERE name = 'embedding_model'`;
    if (!active?.value) return false;
    await tx`
      UPDATE documents d SET embed_after = now(), vectors_pending = (
        SELECT count(*) FROM chunks c WHERE c.tenant_id = d.tenant_id AND c.document_id = d.document_id AND NOT EXISTS (
          SELECT 1 FROM chunk_vectors v WHERE v.tenant_id = c.tenant_id AND v.chunk_id = c.chunk_id AND v.embedding_model = ${model}))`;
    return true;
  });
}
