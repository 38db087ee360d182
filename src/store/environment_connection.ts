/**
 * The connection that environment variables describe. It needs a row, since jobs and sources name their connection; the
 * row holds neither config nor secrets, which stay in the environment. It comes into being when somebody first syncs a
 * tenant that may use it.
 */
import type { Sql } from "postgres";
import type { JsonObject } from "../connector/connector.ts";

const NAME = "Confluence (environment)";
const CONFIG = { kind: "confluence", environment: true };

/** No caller can write such a config: the connector refuses the field. */
export const isFromEnvironment = (config: JsonObject): boolean =>
  config.kind === "confluence" && config.environment === true;

/**
 * Makes the row for the tenant of that name or, without a name, for the only tenant there is: where several share the
 * service, its operator's credentials are nobody's by default. Does nothing where the row exists.
 */
export async function ensureEnvironmentConnection(
  sql: Sql,
  tenantId: string,
  tenantName: string | null,
): Promise<void> {
  await sql`
    INSERT INTO connections (tenant_id, connection_id, source_type, name, config)
    SELECT t.tenant_id, ${Bun.randomUUIDv7()}, 'CONFLUENCE_PAGE', ${NAME}, ${JSON.stringify(CONFIG)}::text::jsonb
    FROM tenants t
    WHERE t.tenant_id = ${tenantId}
      AND (lower(t.name) = lower(${tenantName}) OR ${tenantName}::text IS NULL AND (SELECT count(*) FROM (SELECT 1 FROM tenants LIMIT 2) AS few) = 1)
    ON CONFLICT DO NOTHING`;
}
