/**
 * API tokens. Only the SHA-256 of a token is kept: it is 32 random bytes, so nothing is gained by a slow hash, and the
 * look-up by hash leaks nothing through its timing. A token is shown once, when it is made.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import { InputError } from "../errors.ts";
import type { OwnLimits } from "./tenant_limits.ts";

export const TOKEN_SCOPES = ["admin", "write", "read"] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

export interface Token {
  tokenId: string;
  /** Null for admin tokens. */
  tenantId: string | null;
  name: string;
  scope: TokenScope;
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  /** To the minute. */
  lastUsedAt: Date | null;
  state: "valid" | "expired" | "revoked";
}

interface Row {
  token_id: string;
  tenant_id: string | null;
  name: string;
  scope: TokenScope;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  state: Token["state"];
}

const fromRow = (row: Row): Token => ({
  tokenId: row.token_id,
  tenantId: row.tenant_id,
  name: row.name,
  scope: row.scope,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
  lastUsedAt: row.last_used_at,
  state: row.state,
});

/** What is kept of a token or another secret of 32 random bytes. */
export const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest();

const columns = (sql: Sql) => sql`
  token_id, tenant_id, name, scope, created_at, expires_at, revoked_at, last_used_at,
  CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'valid' END AS state`;

/** `token` is the only copy there will ever be. Throws InputError `tenant.not_found`. */
export async function createToken(
  sql: Sql,
  wanted: { tenantId: string | null; name: string; scope: TokenScope; expiresAt: Date | null },
): Promise<Token & { token: string }> {
  const token = `slu_${randomBytes(32).toString("base64url")}`;
  const [row] = await sql<Row[]>`
    INSERT INTO api_tokens (token_id, tenant_id, name, scope, token_sha256, expires_at)
    SELECT ${Bun.randomUUIDv7()}, ${wanted.tenantId}::uuid, ${wanted.name}, ${wanted.scope}, ${hashOf(token)}, ${wanted.expiresAt}
    WHERE ${wanted.tenantId}::uuid IS NULL OR EXISTS (SELECT 1 FROM tenants WHERE tenant_id = ${wanted.tenantId}::uuid)
    RETURNING ${columns(sql)}`;
  if (!row) throw new InputError("tenant.not_found", `There is no tenant ${wanted.tenantId}`);
  return { ...fromRow(row), token };
}

/** Whatever its state, with the limits of its tenant; null when it is not known. Notes the use, at most once a minute. */
export async function lookUpToken(sql: Sql, token: string): Promise<(Token & { limits: OwnLimits }) | null> {
  const [row] = await sql<(Row & { limits: OwnLimits | null })[]>`
    SELECT ${columns(sql)}, (SELECT limits FROM tenants t WHERE t.tenant_id = api_tokens.tenant_id) AS limits
    FROM api_tokens WHERE token_sha256 = ${hashOf(token)}`;
  if (!row) return null;
  const minuteAgo = Date.now() - 60_000;
  if (row.state === "valid" && (row.last_used_at === null || row.last_used_at.getTime() < minuteAgo))
    await sql`
      UPDATE api_tokens SET last_used_at = now()
      WHERE token_id = ${row.token_id} AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`;
  return { ...fromRow(row), limits: row.limits ?? {} };
}

/** A token that may be used now; null when it is unknown, expired or revoked. */
export async function findToken(sql: Sql, token: string): Promise<Token | null> {
  const found = await lookUpToken(sql, token);
  return found?.state === "valid" ? found : null;
}

/**
 * Newest first; without a tenant the tokens of all tenants and the admins'. All of them, or a page: `after` is the id of
 * the last token of the page before.
 */
export async function listTokens(
  sql: Sql,
  tenantId: string | null,
  { limit, after }: { limit: number | null; after: string | null } = { limit: null, after: null },
): Promise<Token[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} FROM api_tokens
    WHERE (${tenantId}::uuid IS NULL OR tenant_id = ${tenantId}::uuid) AND (${after}::uuid IS NULL OR token_id < ${after}::uuid)
    ORDER BY token_id DESC LIMIT ${limit}`;
  return rows.map(fromRow);
}

/** False when there is no such token or it was revoked before. */
export async function revokeToken(sql: Sql, tokenId: string): Promise<boolean> {
  const rows = await sql`
    UPDATE api_tokens SET revoked_at = now() WHERE token_id::text = lower(${tokenId}) AND revoked_at IS NULL RETURNING 1`;
  return rows.length > 0;
}
