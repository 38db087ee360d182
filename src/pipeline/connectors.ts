/** Opens connectors for the pipeline: from the connection's row, with its secrets, kept for a short while. */

import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import type { Connector } from "../connector/connector.ts";
import { assertSourceType, type ConnectorRegistry, createRegistry } from "../connector/registry.ts";
import { PermanentError } from "../errors.ts";
import { findConnection } from "../store/connections.ts";
import type { ObjectStore } from "../store/objects.ts";
import { createSecretBox, type SecretBox } from "../store/secrets.ts";

/** A changed connection is noticed after so long. */
const KEEP_MS = 15_000;

export function registryOf(
  config: Config,
  objects: ObjectStore,
  fileCatalogRoots: readonly string[],
): ConnectorRegistry {
  return createRegistry({
    fileCatalogRoots,
    objects,
    s3: config.s3Source,
    reservedBuckets: config.objects.kind === "s3" ? [config.objects.bucketRaw, config.objects.bucketMarkdown] : [],
  });
}

/** Throws PermanentError `connector.gone_connection`, InputError `connector.*`. */
export function connectorCache(
  config: Config,
  sql: Sql,
  objects: ObjectStore,
  fileCatalogRoots: readonly string[],
): (tenantId: string, connectionId: string | null, sourceType: string) => Promise<Connector> {
  const registry = registryOf(config, objects, fileCatalogRoots);
  let box: SecretBox | null = null;
  const secretsOf = (connectionId: string, sealed: Uint8Array) => {
    if (!config.secretKey)
      throw new PermanentError("connector.secrets_unreadable", "SECRET_KEY is not set, but the connection has secrets");
    box ??= createSecretBox(config.secretKey);
    return box.open(connectionId, sealed);
  };
  const kept = new Map<string, { connector: Promise<Connector>; until: number }>();

  const open = async (tenantId: string, connectionId: string | null, sourceType: string): Promise<Connector> => {
    if (connectionId === null)
      return registry.open({ sourceType: assertSourceType(sourceType), config: {}, secrets: {} });
    const row = await findConnection(sql, tenantId, connectionId);
    if (!row)
      throw new PermanentError("connector.no_connection", "the connection was deleted meanwhile", {
        connection_id: connectionId,
      });
    return registry.open({
      sourceType: row.sourceType,
      config: row.config,
      secrets: row.secrets ? secretsOf(connectionId, row.secrets) : {},
    });
  };

  return (tenantId, connectionId, sourceType) => {
    const key = `${tenantId} ${connectionId ?? sourceType}`;
    const found = kept.get(key);
    if (found && found.until > Date.now()) return found.connector;
    const connector = open(tenantId, connectionId, sourceType);
    kept.set(key, { connector, until: Date.now() + KEEP_MS });
    connector.catch(() => kept.delete(key));
    return connector;
  };
}
