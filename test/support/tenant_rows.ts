/** One tenant with a row in every tenant's table, each with a word that occurs nowhere else. */
import type { Sql } from "postgres";
import { TENANT_TABLES } from "../../src/db/access.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import { insertConnection } from "../../src/store/connections.ts";
import type { ObjectStore } from "../../src/store/objects.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { createToken } from "../../src/store/tokens.ts";
import { insertWebhook } from "../../src/store/webhooks.ts";
import { claimFor, documentIdFor, prepared } from "./documents.ts";

/** In names, titles, texts, addresses and messages of the tenant. */
export const WORD = "xyzzyplugh";

export interface TenantRows {
  tenant: string;
  token: string;
  tokenId: string;
  connection: string;
  webhook: string;
  /** Finished, with a failed item. */
  job: string;
  openJob: string;
  document: string;
  source: string;
  version: string;
}

/** `sql` sees all tenants. With `objects`, the document can be read as well. */
export async function tenantWithRows(sql: Sql, objects?: ObjectStore): Promise<TenantRows> {
  const ids = {
    tenant: Bun.randomUUIDv7(),
    connection: Bun.randomUUIDv7(),
    webhook: Bun.randomUUIDv7(),
    job: Bun.randomUUIDv7(),
    openJob: Bun.randomUUIDv7(),
  };
  const tenantId = ids.tenant;
  await sql`INSERT INTO tenants (tenant_id, name) VALUES (${tenantId}, ${`${WORD} ${tenantId}`})`;
  const token = await createToken(sql, { tenantId, name: WORD, scope: "write", expiresAt: null });
  const config = { kind: "directory", root: `/srv/${WORD}` };
  await insertConnection(sql, {
    ...{ tenantId, connectionId: ids.connection, sourceType: "FILE_CATALOG_OBJECT", name: WORD, config },
    secrets: Buffer.alloc(40),
  });
  await insertWebhook(sql, {
    ...{ tenantId, webhookId: ids.webhook, connectionId: null, url: `https://${WORD}.example/` },
    secret: Buffer.alloc(40),
  });
  const document = await seedDocument(sql, tenantId, objects);
  await seedQueue(sql, ids);
  await seedRest(sql, ids, document);
  return { ...ids, token: token.token, tokenId: token.tokenId, ...document };
}

async function seedDocument(sql: Sql, tenantId: string, objects?: ObjectStore) {
  const refs = ["a", "b"].map((name) => `file:///srv/${WORD}/${name}.md`);
  const items = await claimFor(sql, tenantId, refs);
  const target = documentIdFor(tenantId, refs[1]!);
  const link = { linkType: "file", href: `${WORD}.md`, linkText: WORD, anchor: null, targetDocumentIds: [target] };
  const documents = items.map((item, i) =>
    prepared(item, `# ${WORD} ${i}\n\nThe ${WORD} opens.\n`, i === 0 ? [link] : []),
  );
  const [first] = documents;
  first!.aliasIds = [Bun.randomUUIDv7()];
  first!.dependsOn = [documents[1]!.sourceId];
  if (objects) {
    const bytes = new TextEncoder().encode(`# ${WORD}\n`);
    const key = `${tenantId}/${first!.sourceId}/${first!.versionId}`;
    first!.rawUri = (await objects.putNew("raw", `${key}/raw.bin`, bytes, "text/markdown")).uri;
    first!.markdownUri = (await objects.putNew("markdown", `${key}/normalized.md`, bytes, "text/markdown")).uri;
  }
  await swapIn(sql, documents, "test");
  const vectors = documents.flatMap(({ chunks }) =>
    chunks.map((chunk) => ({ ...chunk, tenantId, vector: new Float32Array([1, 0]) })),
  );
  await insertVectors(sql, vectors, "test", 2);
  return { document: first!.documentId, source: first!.sourceId, version: first!.versionId };
}

async function seedQueue(
  sql: Sql,
  { tenant, job, openJob }: { tenant: string; job: string; openJob: string },
): Promise<void> {
  await sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_status, listing, job_payload_json, requested_by, correlation_id, error_code,
      error_message, finished_at, descriptors_listed, items_failed)
    VALUES (${tenant}, ${job}, 'sync', 'error', 'complete', '{}', ${WORD}, ${WORD}, 'ITEMS_FAILED', ${WORD}, now(), 1, 1)`;
  await sql`
    INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane, item_status, error_code, finished_at)
    VALUES (${tenant}, ${job}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', ${WORD}, '{}', 'isolated', 'failed', 'convert.encrypted', now())`;
  await sql`
    INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_payload_json, requested_by, correlation_id)
    VALUES (${tenant}, ${openJob}, 'sync', '{}', ${WORD}, ${WORD})`;
}

async function seedRest(
  sql: Sql,
  { tenant, connection, webhook, job }: { tenant: string; connection: string; webhook: string; job: string },
  { source }: { source: string },
): Promise<void> {
  await sql`
    INSERT INTO connection_schedules (tenant_id, connection_id, every_minutes, timezone, starts_at, next_run_at)
    VALUES (${tenant}, ${connection}, 60, 'UTC', now(), now() + interval '1 hour')`;
  await sql`
    INSERT INTO webhook_deliveries (tenant_id, webhook_id, job_id, job, available_at)
    VALUES (${tenant}, ${webhook}, ${job}, jsonb_build_object('word', ${WORD}::text), now() + interval '1 hour')`;
  await sql`
    INSERT INTO idempotency_keys (tenant_id, idempotency_key, fingerprint, run_id, running_until, expires_at)
    VALUES (${tenant}, 'the-same-key', sha256('x'), gen_random_uuid(), now(), now() + interval '1 hour')`;
  await sql`INSERT INTO upload_usage (tenant_id, day, bytes) VALUES (${tenant}, current_date, 1)`;
  await sql`INSERT INTO lexical_statistics (tenant_id, fts_config, chunks, sampled, words_per_chunk) VALUES (${tenant}, 'english', 1, 1, 1)`;
  await sql`INSERT INTO lexeme_stats (tenant_id, fts_config, lexeme, share) VALUES (${tenant}, 'english', ${WORD}, 1)`;
  await sql`
    INSERT INTO source_dependencies (tenant_id, source_id, depends_on) VALUES (${tenant}, ${source}, gen_random_uuid())`;
}

/** By table: how many rows the tenant has and what they hold, as one hash. */
export async function imageOf(sql: Sql, tenant: string): Promise<Record<string, { rows: number; hash: string }>> {
  const image: Record<string, { rows: number; hash: string }> = {};
  for (const table of TENANT_TABLES) {
    const [row] = await sql.unsafe<{ rows: number; hash: string }[]>(
      `SELECT count(*)::integer AS rows, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS hash FROM ${table} t WHERE tenant_id = $1`,
      [tenant],
    );
    image[table] = row!;
  }
  return image;
}
