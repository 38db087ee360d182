/** Fetches what a search answers with: the rows of the chunks that rank best. */
import type { TransactionSql } from "postgres";
import { scopeOf } from "./filters.ts";
import type { Fused } from "./fuse.ts";
import type { Question } from "./rank.ts";
import type { Hit } from "./search.ts";
import { SqlText } from "./sql_text.ts";

type Row = Omit<Hit, keyof Fused> & { chunk_id: string; present: number };

/**
 * The first `topK` of the fused, in their order, as far as they are still there and visible. Complete if these are, and
 * none of the others has gone either: its place may be another one's by now.
 */
export async function fetchHits(
  tx: TransactionSql,
  { tenantId, filters }: Pick<Question, "tenantId" | "filters">,
  fused: Fused[],
  topK: number,
): Promise<{ hits: Hit[]; complete: boolean }> {
  const top = fused.slice(0, topK);
  const text = new SqlText();
  const { tenant, conditions } = scopeOf(tenantId, filters ?? {}, true, text);
  const ids = (of: Fused[]): string =>
    text.parameter(
      of.map(({ chunk_id }) => chunk_id),
      "uuid[]",
    );
  const rows = await tx.unsafe<Row[]>(
    `SELECT c.chunk_id, d.document_id, d.source_id, d.source_version_id, d.title, c.chunk_path, c.chunk_text, d.url,
      d.external_ref, d.source_type,
      (SELECT count(*)::int FROM chunks WHERE tenant_id = ${tenant} AND chunk_id = ANY (${ids(fused)})) AS present
    FROM chunks c
    JOIN documents d ON d.tenant_id = c.tenant_id AND d.document_id = c.document_id AND NOT d.hidden${conditions}
    WHERE c.tenant_id = ${tenant} AND c.chunk_id = ANY (${ids(top)})`,
    text.values as never[],
    { prepare: true },
  );
  const byId = new Map(rows.map((row) => [row.chunk_id, row]));
  const hits = top.flatMap(({ chunk_id, score, lexical_rank, vector_rank }) => {
    const row = byId.get(chunk_id);
    if (!row) return [];
    const { present: _, ...shown } = row;
    return [{ score, ...shown, lexical_rank, vector_rank }];
  });
  return { hits, complete: hits.length === top.length && rows.every((row) => row.present === fused.length) };
}
