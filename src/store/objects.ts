/**
 * The object store: immutable objects in a raw and a markdown bucket, written once and read by URI. Two kinds, files
 * under DATA_DIR or S3; the factory gives one of them for writing and, beside it, a reader for every scheme that is
 * configured, so that rows written under an earlier configuration stay readable.
 */
import { PermanentError } from "../errors.ts";
import { LocalObjects } from "./local_objects.ts";

export type Bucket = "raw" | "markdown";

/** Bytes, or a file that is read while it is sent, so that a large upload never lies in memory. */
export type ObjectBody = Uint8Array | { file: string; size: number };

/** An object as a listing of its bucket shows it. */
export interface StoredObject {
  uri: string;
  bytes: number;
  writtenAt: Date;
}

/** One finding of `doctor`. */
export interface CheckResult {
  name: string;
  status: "ok" | "warn" | "fail";
  detail: string;
  /** The way out, when it is not ok. */
  help?: string;
}

export interface ObjectStore {
  /**
   * Writes a new immutable object; never overwrites. `created: false` when the key already exists, which is fine:
   * the same key means the same content. Throws TransientError `objects.unavailable`, PermanentError `objects.*`.
   */
  putNew(
    bucket: Bucket,
    key: string,
    body: ObjectBody,
    contentType: string,
  ): Promise<{ uri: string; created: boolean }>;
  uriOf(bucket: Bucket, key: string): string;
  /** The whole object; `objects.too_large` beyond `maxBytes`, `objects.not_found` when it is gone. */
  read(uri: string, maxBytes?: number): Promise<Uint8Array>;
  /** For HTTP answers. The body gives its file or socket back when it is drained or cancelled. */
  stream(uri: string): Promise<{ body: ReadableStream<Uint8Array>; size: number }>;
  exists(uri: string): Promise<boolean>;
  /** Everything in the bucket, whoever wrote it, page by page. */
  list(bucket: Bucket): AsyncGenerator<StoredObject[]>;
  /** Only for cleaning after a refused upload and for retention (`gc.ts`). A missing object is no error. */
  remove(uri: string): Promise<void>;
  /** Doctor: buckets reachable, write, read, conditional write and delete. Never throws. */
  check(): Promise<CheckResult[]>;
  /** Creates what is missing of the two buckets; the names of those created. */
  createBuckets(): Promise<string[]>;
  close(): Promise<void>;
}

export interface LocalObjectsConfig {
  kind: "local";
  /** Folder of the objects, e.g. DATA_DIR/objects. */
  root: string;
  /** Waits until an object is on disk (fdatasync and a sync of its folder). Default false. */
  durable?: boolean;
}

export interface S3ObjectsConfig {
  kind: "s3";
  /** None means AWS. */
  endpoint?: string | null | undefined;
  region: string;
  /** None means the AWS SDK's own search: environment, profile, instance role. */
  accessKeyId?: string | null | undefined;
  secretAccessKey?: string | null | undefined;
  bucketRaw: string;
  bucketMarkdown: string;
  /** Default: true with an endpoint, false on AWS. */
  forcePathStyle?: boolean | undefined;
  /** Folder of objects written before S3 was configured: `local://` rows are read from it. */
  localRoot?: string | undefined;
}

export type ObjectsConfig = LocalObjectsConfig | S3ObjectsConfig;

/** Opens the configured store. The S3 SDK is loaded only when it is needed (it costs start-up time). */
export async function openObjectStore(config: ObjectsConfig): Promise<ObjectStore> {
  if (config.kind === "local") return new LocalObjects(config.root, { durable: config.durable ?? false });
  const { S3Objects } = await import("./s3_objects.ts");
  const primary = await S3Objects.open(config);
  return config.localRoot === undefined ? primary : new BothObjects(primary, new LocalObjects(config.localRoot));
}

/** S3 for all that is new, local files for what was there before. */
class BothObjects implements ObjectStore {
  constructor(
    private readonly primary: ObjectStore,
    private readonly local: ObjectStore,
  ) {}

  private of(uri: string): ObjectStore {
    return uri.startsWith("local://") ? this.local : this.primary;
  }

  putNew(bucket: Bucket, key: string, body: ObjectBody, contentType: string) {
    return this.primary.putNew(bucket, key, body, contentType);
  }
  uriOf(bucket: Bucket, key: string) {
    return this.primary.uriOf(bucket, key);
  }
  read(uri: string, maxBytes?: number) {
    return this.of(uri).read(uri, maxBytes);
  }
  stream(uri: string) {
    return this.of(uri).stream(uri);
  }
  exists(uri: string) {
    return this.of(uri).exists(uri);
  }
  async *list(bucket: Bucket) {
    yield* this.primary.list(bucket);
    yield* this.local.list(bucket);
  }
  remove(uri: string) {
    return this.of(uri).remove(uri);
  }
  check() {
    return this.primary.check();
  }
  createBuckets() {
    return this.primary.createBuckets();
  }
  async close() {
    await Promise.all([this.primary.close(), this.local.close()]);
  }
}

/**
 * Refuses keys that could leave their bucket's folder or that a URI could not carry back.
 * Throws PermanentError `objects.bad_key`.
 */
export function assertKey(key: string): void {
  const bad = () => new PermanentError("objects.bad_key", `not an object key: ${JSON.stringify(key.slice(0, 200))}`);
  if (key.length === 0 || key.length > 1024) throw bad();
  for (const segment of key.split("/")) {
    if (segment === "" || segment === "." || segment === ".." || segment.length > 255) throw bad();
    if (!/^[A-Za-z0-9._%+=@~-]+$/.test(segment)) throw bad();
  }
}
