/** Opens connectors for the pipeline: from the connection's row, with its secrets, kept for a short while. */

import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import type { Connector, JsonObject } from "../connector/connector.ts";
import { assertSourceType, type ConnectorRegistry, createRegistry } from "../connector/registry.ts";
import { asTenant } from "../db/tenant_scope.ts";
import { PermanentError } from "../errors.ts";
import { findConnection } from "../store/connections.ts";
import { isFromEnvironment } from "../store/environment_connection.ts";
import type { ObjectStore } from "../store/objects.ts";
import { sharedRateLimits } from "../store/rate_limits.ts";
import { createSecretBox, type SecretBox } from "../store/secrets.ts";

/** A changed connection is noticed after so long. */
const KEEP_MS = 15_000;

export function registryOf(
  config: Config,
  objects: ObjectStore,
  fileCatalogRoots: readonly string[],
  sql?: Sql,
): ConnectorRegistry {
  return createRegistry({
    fileCatalogRoots,
    objects,
    allowPrivateNetwork: config.confluence.allowPrivateNetwork,
    confluence: { rateLimits: sql && sharedRateLimits(sql) },
    s3: config.s3Source,
    reservedBuckets: config.objects.kind === "s3" ? [config.objects.bucketRaw, config.objects.bucketMarkdown] : [],
  });
}

type Open = (
  tenantId: string,
  connectionId: string | null,
  sourceType: string,
  /** What was opened before is kept where the row has not changed since. */
  before?: Promise<Opened>,
) => Promise<Opened>;

/** Opens from the row as it is now. The function throws as what `connectorCache` returns does. */
function opener(config: Config, sql: Sql, objects: ObjectStore, fileCatalogRoots: readonly string[]): Open {
  const registry = registryOf(config, objects, fileCatalogRoots, sql);
  let box: SecretBox | null = null;
  const secretsOf = (connectionId: string, sealed: Uint8Array) => {
    if (!config.secretKey)
      throw new PermanentError("connector.secrets_unreadable", "SECRET_KEY is not set, but the connection has secrets");
    box ??= createSecretBox(config.secretKey);
    return box.open(connectionId, sealed);
  };
  return async (tenantId, connectionId, sourceType, before) => {
    if (connectionId === null)
      return {
        connector: registry.open({ sourceType: assertSourceType(sourceType), config: {}, secrets: {} }),
        updatedAt: 0,
      };
    const row = await findConnection(asTenant(sql, tenantId), tenantId, connectionId);
    if (!row)
      throw new PermanentError("connector.no_connection", "the connection was deleted meanwhile", {
        connection_id: connectionId,
      });
    const updatedAt = row.updatedAt.getTime();
    // What a connector has found out about its source (names, what it is) outlives the look at the row.
    const opened = await before?.catch(() => undefined);
    if (opened?.updatedAt === updatedAt) return opened;
    const secrets = () => (row.secrets ? secretsOf(connectionId, row.secrets) : {});
    const described = isFromEnvironment(row.config)
      ? environmentConnection(config)
      : { config: row.config, secrets: secrets() };
    return { connector: registry.open({ sourceType: row.sourceType, ...described }), updatedAt };
  };
}

/** Opens a connection anew at each call, for who wants to know whether it works as it is saved now. Throws as below. */
export function connectorOpener(
  config: Config,
  sql: Sql,
  objects: ObjectStore,
  fileCatalogRoots: readonly string[],
): (tenantId: string, connectionId: string) => Promise<Connector> {
  const open = opener(config, sql, objects, fileCatalogRoots);
  // The source type matters only to what has no connection.
  return async (tenantId, connectionId) => (await open(tenantId, connectionId, "")).connector;
}

/** Throws PermanentError `connector.no_connection`, `connector.secrets_unreadable`, InputError `connector.*`. */
export function connectorCache(
  config: Config,
  sql: Sql,
  objects: ObjectStore,
  fileCatalogRoots: readonly string[],
): (tenantId: string, connectionId: string | null, sourceType: string) => Promise<Connector> {
  const open = opener(config, sql, objects, fileCatalogRoots);
  const kept = new Map<string, Kept>();

  return async (tenantId, connectionId, sourceType) => {
    const key = `${tenantId} ${connectionId ?? sourceType}`;
    const found = kept.get(key);
    if (found && found.until > Date.now()) return (await found.opened).connector;
    const opened = open(tenantId, connectionId, sourceType, found?.opened);
    kept.set(key, { opened, until: Date.now() + KEEP_MS });
    opened.catch(() => {
      if (kept.get(key)?.opened === opened) kept.delete(key);
    });
    return (await opened).connector;
  };
}

interface Opened {
  connector: Connector;
  /** Of the row that it was made from. */
  updatedAt: number;
}

interface Kept {
  opened: Promise<Opened>;
  until: number;
}

/** Throws PermanentError `connector.no_connection` when the variables are not set any more. */
function environmentConnection({ confluence }: Config): { config: JsonObject; secrets: Record<string, string> } {
  if (confluence.connection !== null) return confluence.connection;
  throw new PermanentError(
    "connector.no_connection",
    "CONFLUENCE_BASE_URL is not set any more, so the connection that it described is gone",
  );
}
