/**
 * Which code serves a connection: chosen by source type and `config.kind`. An unknown type, an unknown kind and a
 * connection that lacks a setting each give the same error every time, so that a sync request can be answered at once
 * instead of leaving a job that fails later.
 */
import { InputError } from "../errors.ts";
import type { ObjectStore } from "../store/objects.ts";
import type { S3Access } from "../store/s3_client.ts";
import { BucketConnector } from "./bucket.ts";
import { ConfluenceConnector, type ConfluenceEnvironment } from "./confluence/connector.ts";
import { type Connection, type Connector, type JsonObject, SOURCE_TYPES, type SourceType } from "./connector.ts";
import { DirectoryConnector } from "./directory.ts";
import { UploadConnector } from "./upload.ts";

export type ConnectorFactory = (connection: Connection) => Connector;

/** What the connectors of this process may use. */
export interface ConnectorEnvironment {
  /** Folders below which directory connections may lie. */
  fileCatalogRoots: readonly string[];
  objects: ObjectStore;
  /** For bucket connections that bring no endpoint and no keys of their own. */
  s3?: S3Access | undefined;
  /** The object store's own buckets: never a source, since they hold every tenant's versions. */
  reservedBuckets?: readonly string[];
  /** The operator lets connections reach private and link-local addresses. */
  allowPrivateNetwork?: boolean | undefined;
  confluence?: Omit<ConfluenceEnvironment, "allowPrivateNetwork">;
}

export class ConnectorRegistry {
  private readonly factories = new Map<SourceType, Map<string, ConnectorFactory>>();

  register(sourceType: SourceType, kind: string, factory: ConnectorFactory): this {
    const kinds = this.factories.get(sourceType) ?? new Map<string, ConnectorFactory>();
    kinds.set(kind, factory);
    this.factories.set(sourceType, kinds);
    return this;
  }

  /**
   * The connector of a connection. Throws InputError `connector.unknown_source_type`, `connector.bad_config`,
   * `connector.not_configured`.
   */
  open(connection: Connection): Connector {
    const connector = this.create(connection);
    if (!connector.isConfigured()) throw notConfigured(connection.sourceType);
    return connector;
  }

  /** The same for a connection whose secrets are not known: nothing is said about whether they are there. */
  create(connection: Connection): Connector {
    const kinds = this.factories.get(assertSourceType(connection.sourceType));
    if (kinds === undefined) throw notConfigured(connection.sourceType);
    const kind = connection.config.kind ?? (kinds.size === 1 ? kinds.keys().next().value : undefined);
    const factory = typeof kind === "string" ? kinds.get(kind) : undefined;
    if (factory === undefined) {
      const known = [...kinds.keys()];
      throw new InputError("connector.bad_config", `config.kind must be one of ${known.join(", ")}`, { known });
    }
    return factory(connection);
  }

  /**
   * Says before a connection is stored whether it could work, as far as its config tells on this machine. Without
   * `secrets`, which may be known elsewhere or come later, nothing is said of them. Throws as `open` does, and PermanentError `connector.root_missing`, `connector.root_not_allowed`.
   */
  validate(sourceType: SourceType, config: JsonObject, secrets?: Record<string, string>): void {
    const connection = { sourceType, config, secrets: secrets ?? {} };
    const connector = secrets === undefined ? this.create(connection) : this.open(connection);
    connector.checkConfig?.();
  }
}

/** All connectors of the product. */
export function createRegistry(environment: ConnectorEnvironment): ConnectorRegistry {
  const confluence: ConnectorFactory = (connection) =>
    new ConfluenceConnector(connection, {
      ...environment.confluence,
      allowPrivateNetwork: environment.allowPrivateNetwork,
    });
  return new ConnectorRegistry()
    .register("FILE_CATALOG_OBJECT", "directory", (connection) => new DirectoryConnector(connection, environment))
    .register("FILE_CATALOG_OBJECT", "s3", (connection) => new BucketConnector(connection, environment))
    .register("FILE_UPLOAD_OBJECT", "upload", () => new UploadConnector(environment.objects))
    .register("CONFLUENCE_PAGE", "confluence", confluence)
    .register("CONFLUENCE_ATTACHMENT", "confluence", confluence);
}

/** Narrows a string of a request. Throws InputError `connector.unknown_source_type`. */
export function assertSourceType(value: string): SourceType {
  const found = SOURCE_TYPES.find((type) => type === value);
  if (found !== undefined) return found;
  const known = [...SOURCE_TYPES];
  throw new InputError("connector.unknown_source_type", `unknown source type; known are ${known.join(", ")}`, {
    known,
  });
}

function notConfigured(sourceType: SourceType): InputError {
  const details = { source_type: sourceType };
  return new InputError("connector.not_configured", `no usable connection for ${sourceType}`, details);
}
