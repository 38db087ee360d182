/**
 * A prefix of an S3 bucket as a source. Keys are listed page by page in S3's own order; the ETag with the size is the
 * change mark. S3 answers for completeness: the listing is complete when the last page says that it is the last, and
 * a page that says otherwise without naming the next one is not believed.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import * as v from "valibot";
import { InputError, PermanentError } from "../errors.ts";
import { bodyOf, collect, openS3Client, type S3Access, type S3Sdk } from "../store/s3_client.ts";
import { type S3ErrorCodes, s3Error, statusOf } from "../store/s3_errors.ts";
import { AddressGuard, type GuardedInit } from "./address_guard.ts";
import type {
  Connection,
  Connector,
  Descriptor,
  DescriptorPage,
  FetchContext,
  Fetched,
  ListContext,
  Listing,
  ListOutcome,
} from "./connector.ts";
import { type PathFilter, pathFilter } from "./globs.ts";
import type { ConnectorEnvironment } from "./registry.ts";

const PAGE_MAX = 1000;

const ERROR_CODES: S3ErrorCodes = {
  notFound: "connector.gone",
  bucketMissing: "connector.root_missing",
  forbidden: "connector.forbidden",
  unavailable: "connector.unavailable",
  rejected: "connector.refused",
};

const Config = v.strictObject({
  kind: v.literal("s3"),
  bucket: v.pipe(v.string(), v.regex(/^[a-zA-Z0-9._-]{3,255}$/)),
  prefix: v.optional(v.pipe(v.string(), v.maxLength(1024)), ""),
  endpoint: v.optional(v.pipe(v.string(), v.url())),
  region: v.optional(v.string()),
  force_path_style: v.optional(v.boolean()),
  include: v.optional(v.array(v.string())),
  exclude: v.optional(v.array(v.string())),
  hidden: v.optional(v.boolean()),
});

interface Entry {
  key: string;
  size: number;
  etag: string;
  modifiedAt: Date | undefined;
}

export class BucketConnector implements Connector {
  readonly sourceTypes = ["FILE_CATALOG_OBJECT"] as const;
  private readonly config: v.InferOutput<typeof Config>;
  private readonly filter: PathFilter;
  private readonly access: S3Access | null;
  readonly treeRef: string;
  /** Null where requests go to the operator's own endpoint. */
  private readonly guard: AddressGuard | null;
  private opened: Promise<{ client: S3Client; sdk: S3Sdk }> | undefined;

  /** `connection.secrets`: access_key_id, secret_access_key. Throws InputError `connector.bad_config`. */
  constructor(
    connection: Connection,
    environment: Pick<ConnectorEnvironment, "s3" | "reservedBuckets" | "allowPrivateNetwork">,
  ) {
    const parsed = v.safeParse(Config, connection.config);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      const field = v.getDotPath(issue) ?? "config";
      throw new InputError("connector.bad_config", `${field}: ${issue.message}`, { field });
    }
    this.config = parsed.output;
    const prefix = this.config.prefix ?? "";
    this.treeRef = `s3://${this.config.bucket}/${prefix.slice(0, prefix.lastIndexOf("/") + 1)}`;
    if (environment.reservedBuckets?.includes(this.config.bucket)) {
      const message = `${this.config.bucket} holds the versions of all tenants and cannot be a source`;
      throw new InputError("connector.bad_config", message, { field: "bucket" });
    }
    this.filter = pathFilter(this.config);
    this.access = accessOf(this.config, connection.secrets, environment.s3);
    const isOperators =
      this.config.endpoint === undefined || isSameOrigin(this.config.endpoint, environment.s3?.endpoint);
    this.guard = isOperators ? null : new AddressGuard(environment.allowPrivateNetwork ?? false);
  }

  isConfigured(): boolean {
    return this.access !== null;
  }

  list(context: ListContext): Listing {
    let outcome: ListOutcome = { listingComplete: false, reason: "the listing has not ended" };
    return {
      pages: this.pages(context, (ended) => {
        outcome = ended;
      }),
      outcome: () => outcome,
    };
  }

  private async *pages(context: ListContext, end: (outcome: ListOutcome) => void): AsyncGenerator<DescriptorPage> {
    const { bucket, prefix } = this.config;
    const { client, sdk } = await this.open();
    let token: string | undefined;
    let seen = 0;
    for (;;) {
      context.signal.throwIfAborted();
      const command = new sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        MaxKeys: Math.min(context.pageSize ?? PAGE_MAX, PAGE_MAX),
        // XML cannot carry every character that a key may have.
        EncodingType: "url",
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await client.send(command, { abortSignal: context.signal }).catch((error: unknown) => {
        context.signal.throwIfAborted();
        throw this.translated(error, `s3://${bucket}/${prefix}`);
      });
      const decode = page.EncodingType === "url" ? decodeKey : (key: string) => key;
      const entries = (page.Contents ?? []).map((object) => ({
        key: decode(object.Key ?? ""),
        size: object.Size ?? 0,
        etag: (object.ETag ?? "").replaceAll('"', ""),
        modifiedAt: object.LastModified,
      }));
      seen += entries.length;
      yield this.pageOf(entries);
      if (page.IsTruncated !== true) break;
      const next = page.NextContinuationToken;
      if (next === undefined || next === "" || next === token) {
        return end({ listingComplete: false, reason: "S3 cut the listing short without naming the next page" });
      }
      token = next;
    }
    // A mistyped prefix and an emptied one look the same; only one of them may delete.
    if (seen === 0) return end({ listingComplete: false, reason: `nothing lies under s3://${bucket}/${prefix}` });
    end({ listingComplete: true });
  }

  private pageOf(entries: Entry[]): DescriptorPage {
    const page: DescriptorPage = { descriptors: [], failures: [], ignored: 0 };
    for (const entry of entries) {
      // Consoles make such objects to show an empty folder.
      if (entry.key.endsWith("/")) continue;
      const relative = entry.key.slice(this.config.prefix.length).replace(/^\//, "");
      if (this.filter.accepts(relative)) page.descriptors.push(this.describe(entry));
      else page.ignored++;
    }
    return page;
  }

  private describe(entry: Entry): Descriptor {
    return {
      sourceType: "FILE_CATALOG_OBJECT",
      externalRef: `s3://${this.config.bucket}/${entry.key}`,
      fingerprint: `${entry.etag}:${entry.size}`,
      modifiedAt: entry.modifiedAt?.toISOString() ?? null,
      size: entry.size,
      name: entry.key.slice(entry.key.lastIndexOf("/") + 1).normalize("NFC"),
      title: null,
      url: null,
      mediaType: null,
      locator: { key: entry.key, etag: entry.etag },
    };
  }

  async fetch(descriptor: Descriptor, context: FetchContext): Promise<Fetched> {
    const { key, etag } = descriptor.locator;
    if (typeof key !== "string" || !key.startsWith(this.config.prefix)) {
      throw new PermanentError("connector.gone", `${descriptor.externalRef} does not belong to this connection`);
    }
    try {
      return await this.get(descriptor, key, typeof etag === "string" ? etag : undefined, context);
    } catch (error) {
      context.signal.throwIfAborted();
      throw this.translated(error, descriptor.externalRef);
    }
  }

  private translated(error: unknown, place: string): unknown {
    // A bucket that a connection names is not ours to create: nothing changes by waiting.
    if (error instanceof Error && error.name === "NoSuchBucket") {
      return new PermanentError("connector.root_missing", `there is no bucket ${this.config.bucket}`);
    }
    return s3Error(error, place, ERROR_CODES);
  }

  private async get(
    descriptor: Descriptor,
    key: string,
    etag: string | undefined,
    context: FetchContext,
  ): Promise<Fetched> {
    const { client, sdk } = await this.open();
    const overflow = () => tooLarge(descriptor, context.maxBytes);
    const command = new sdk.GetObjectCommand({
      Bucket: this.config.bucket,
      Key: key,
      ...(etag === undefined || etag === "" ? {} : { IfMatch: `"${etag}"` }),
    });
    try {
      const answer = await client.send(command, { abortSignal: context.signal });
      const body = bodyOf(answer.Body);
      if ((answer.ContentLength ?? 0) > context.maxBytes) {
        await body.cancel();
        throw overflow();
      }
      const bytes = await collect(body, context.maxBytes, overflow);
      const modifiedAt = answer.LastModified?.toISOString() ?? descriptor.modifiedAt;
      return { bytes, name: descriptor.name, mediaType: answer.ContentType ?? null, modifiedAt };
    } catch (error) {
      // Changed since it was listed: the newer one is what we want, and the next listing shows its own mark.
      if (statusOf(error) === 412 && etag !== undefined) return await this.get(descriptor, key, undefined, context);
      throw error;
    }
  }

  async close(): Promise<void> {
    const opened = await this.opened;
    opened?.client.destroy();
  }

  private open(): Promise<{ client: S3Client; sdk: S3Sdk }> {
    if (this.access === null) throw new InputError("connector.not_configured", "the bucket connection has no region");
    const { guard } = this;
    const via = guard === null ? undefined : (url: string, init: GuardedInit) => guard.fetch(new URL(url), init);
    this.opened ??= openS3Client(this.access, undefined, via);
    return this.opened;
  }
}

/** Names of the secrets that a bucket connection may have, always both. */
export const BUCKET_SECRETS = ["access_key_id", "secret_access_key"] as const;

const isSameOrigin = (a: string, b: string | null | undefined): boolean =>
  typeof b === "string" && URL.canParse(b) && new URL(a).origin === new URL(b).origin;

/** Keys of the connection's own endpoint go there and nowhere else; without any, the environment's S3 is used whole. */
function accessOf(
  config: v.InferOutput<typeof Config>,
  secrets: Record<string, string>,
  fallback: S3Access | undefined,
): S3Access | null {
  const own = { accessKeyId: secrets.access_key_id, secretAccessKey: secrets.secret_access_key };
  const hasOwnKeys = own.accessKeyId !== undefined && own.secretAccessKey !== undefined;
  const style = config.force_path_style;
  if (hasOwnKeys) {
    const region = config.region ?? "us-east-1";
    return { endpoint: config.endpoint, region, ...own, ...(style === undefined ? {} : { forcePathStyle: style }) };
  }
  // The operator's keys are never sent to an endpoint that a connection names.
  if (fallback === undefined || config.endpoint !== undefined) return null;
  return { ...fallback, region: config.region ?? fallback.region };
}

function decodeKey(key: string): string {
  return decodeURIComponent(key.replaceAll("+", " "));
}

function tooLarge(descriptor: Descriptor, maxBytes: number): PermanentError {
  const message = `${descriptor.externalRef} is larger than ${maxBytes} bytes`;
  return new PermanentError("connector.too_large", message, { maxBytes });
}
