/**
 * Sessions of the console: who signed in with which token. A session is a secret of its own, so that a browser never
 * keeps the token; it ends when it is closed, unused for a day, 30 days old, or when its token may no longer be used.
 */
import { randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import { hashOf, type TokenScope } from "./tokens.ts";

export interface Session {
  tokenId: string;
  /** Of the token. */
  name: string;
  scope: TokenScope;
  /** Null for admins. */
  tenantId: string | null;
  expiresAt: Date | null;
  /** The tenant to show: the token's own, or the one that an admin chose. */
  shown: { tenantId: string; name: string } | null;
}

const IDLE_HOURS = 24;
const DAYS_MAX = 30;

/** A new session of the token; the secret is the only copy there will ever be. Removes sessions that have ended. */
export async function openSession(sql: Sql, tokenId: string): Promise<string> {
  const secret = randomBytes(32).toString("base64url");
  await sql`
    WITH ended AS (
      DELETE FROM console_sessions
      WHERE used_at < now() - make_interval(hours => ${IDLE_HOURS}) OR created_at < now() - make_interval(days => ${DAYS_MAX})
    )
    INSERT INTO console_sessions (session_sha256, token_id) VALUES (${hashOf(secret)}, ${tokenId})`;
  return secret;
}

interface Row {
  token_id: string;
  name: string;
  scope: TokenScope;
  tenant_id: string | null;
  expires_at: Date | null;
  shown_id: string | null;
  shown_name: string | null;
  stale: boolean;
}

/** Null when there is no such session or it has ended. Notes the use of session and token, at most once a minute. */
export async function findSession(sql: Sql, secret: string): Promise<Session | null> {
  const [row] = await sql<Row[]>`
    SELECT t.token_id, t.name, t.scope, t.tenant_id, t.expires_at, n.tenant_id AS shown_id, n.name AS shown_name,
      s.used_at < now() - interval '1 minute' AS stale
    FROM console_sessions s JOIN api_tokens t USING (token_id)
    LEFT JOIN tenants n ON n.tenant_id = coalesce(t.tenant_id, s.chosen_tenant_id)
    WHERE s.session_sha256 = ${hashOf(secret)}
      AND s.used_at > now() - make_interval(hours => ${IDLE_HOURS}) AND s.created_at > now() - make_interval(days => ${DAYS_MAX})
      AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`;
  if (!row) return null;
  if (row.stale)
    await sql`
      WITH used AS (UPDATE console_sessions SET used_at = now() WHERE session_sha256 = ${hashOf(secret)} RETURNING token_id)
      UPDATE api_tokens SET last_used_at = now() WHERE token_id IN (SELECT token_id FROM used)`;
  const shown = row.shown_id === null ? null : { tenantId: row.shown_id, name: row.shown_name ?? "" };
  const { token_id: tokenId, name, scope, tenant_id: tenantId, expires_at: expiresAt } = row;
  return { tokenId, name, scope, tenantId, expiresAt, shown };
}

/** Which tenant an admin's session shows from now on. */
export async function chooseTenant(sql: Sql, secret: string, tenantId: string): Promise<void> {
  await sql`UPDATE console_sessions SET chosen_tenant_id = ${tenantId} WHERE session_sha256 = ${hashOf(secret)}`;
}

/** Ends it; one that does not exist is no error. */
export async function closeSession(sql: Sql, secret: string): Promise<void> {
  await sql`DELETE FROM console_sessions WHERE session_sha256 = ${hashOf(secret)}`;
}
