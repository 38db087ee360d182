/** Webhooks: whom a tenant wants told when a job ends. Their secrets stay sealed here. */
import type { Sql } from "postgres";
import { InputError } from "../errors.ts";
import { createSecretBox, type SecretBox } from "./secrets.ts";

export interface Webhook {
  tenantId: string;
  webhookId: string;
  /** Told only of jobs that sync this connection; null: of all jobs. */
  connectionId: string | null;
  url: string;
  createdAt: Date;
  /** Of the deliveries that are still kept. */
  deliveries: { pending: number; delivered: number; failed: number };
}

interface Row {
  tenant_id: string;
  webhook_id: string;
  connection_id: string | null;
  url: string;
  created_at: Date;
  pending: number;
  delivered: number;
  failed: number;
}

const fromRow = (row: Row): Webhook => ({
  tenantId: row.tenant_id,
  webhookId: row.webhook_id,
  connectionId: row.connection_id,
  url: row.url,
  createdAt: row.created_at,
  deliveries: { pending: row.pending, delivered: row.delivered, failed: row.failed },
});

const rows = (sql: Sql) => sql`
  SELECT w.tenant_id, w.webhook_id, w.connection_id, w.url, w.created_at, d.* FROM webhooks w CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE delivery_status = 'pending')::integer AS pending,
      count(*) FILTER (WHERE delivery_status = 'delivered')::integer AS delivered,
      count(*) FILTER (WHERE delivery_status = 'failed')::integer AS failed
    FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id) d`;

/** Null when the connection does not exist. */
export async function insertWebhook(
  sql: Sql,
  webhook: { tenantId: string; webhookId: string; connectionId: string | null; url: string; secret: Uint8Array },
): Promise<Webhook | null> {
  const { tenantId, webhookId, connectionId, url, secret } = webhook;
  await sql`
    INSERT INTO webhooks (tenant_id, webhook_id, connection_id, url, secret)
    SELECT ${tenantId}::uuid, ${webhookId}::uuid, ${connectionId}::uuid, ${url}, ${secret}::bytea
    WHERE ${connectionId}::uuid IS NULL
      OR EXISTS (SELECT 1 FROM connections WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}::uuid)`;
  return findWebhook(sql, tenantId, webhookId);
}

/** Null when the tenant has no such webhook. */
export async function findWebhook(sql: Sql, tenantId: string, webhookId: string): Promise<Webhook | null> {
  const [row] = await sql<Row[]>`${rows(sql)} WHERE w.tenant_id = ${tenantId} AND w.webhook_id = ${webhookId}`;
  return row ? fromRow(row) : null;
}

/** Newest first. `cursor` is the id of the last webhook of the page before. */
export async function listWebhooks(
  sql: Sql,
  tenantId: string,
  limit: number,
  cursor: string | null,
): Promise<Webhook[]> {
  const found = await sql<Row[]>`
    ${rows(sql)} WHERE w.tenant_id = ${tenantId} AND (${cursor}::uuid IS NULL OR w.webhook_id < ${cursor}::uuid)
    ORDER BY w.webhook_id DESC LIMIT ${limit}`;
  return found.map(fromRow);
}

/** Removes it with its deliveries. False when there is no such webhook. */
export async function deleteWebhook(sql: Sql, tenantId: string, webhookId: string): Promise<boolean> {
  const gone = await sql`DELETE FROM webhooks WHERE tenant_id = ${tenantId} AND webhook_id = ${webhookId} RETURNING 1`;
  return gone.length > 0;
}

/** The sealed secret; null when the tenant has no such webhook. */
export async function sealedSecretOf(sql: Sql, tenantId: string, webhookId: string): Promise<Uint8Array | null> {
  const [row] = await sql<{ secret: Uint8Array }[]>`
    SELECT secret FROM webhooks WHERE tenant_id = ${tenantId} AND webhook_id = ${webhookId}`;
  return row?.secret ?? null;
}

/** Deriving a key takes 50 ms, so each SECRET_KEY does it once. */
const boxes = new Map<string, SecretBox>();

/** Throws InputError `connection.no_secret_key`. */
function boxOf(secretKey: string | null): SecretBox {
  if (secretKey === null)
    throw new InputError("connection.no_secret_key", "SECRET_KEY is not set, so secrets cannot be kept");
  const box = boxes.get(secretKey) ?? createSecretBox(secretKey);
  boxes.set(secretKey, box);
  return box;
}

/** Throws InputError `connection.no_secret_key`. */
export const sealWebhookSecret = (secretKey: string | null, webhookId: string, secret: string): Uint8Array =>
  boxOf(secretKey).seal(webhookId, { secret });

/** Throws InputError `connection.no_secret_key`, PermanentError `connector.secrets_unreadable`. */
export const openWebhookSecret = (secretKey: string | null, webhookId: string, sealed: Uint8Array): string =>
  boxOf(secretKey).open(webhookId, sealed).secret!;
