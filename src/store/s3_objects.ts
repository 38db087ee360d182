/**
 * Objects in S3, named `s3://<bucket>/<key>`. Every request carries a buffer of at most one part, so that it is signed,
 * has a known length and can be sent again; a large file goes up part by part and never lies in memory. Objects are
 * created with `If-None-Match: *`; where a vendor lacks that, a look before the write stands in, which is enough since
 * the same key always means the same content.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { PermanentError, TransientError } from "../errors.ts";
import {
  assertKey,
  type Bucket,
  type CheckResult,
  type ObjectBody,
  type ObjectStore,
  type S3ObjectsConfig,
  type StoredObject,
} from "./objects.ts";
import { checkS3 } from "./s3_check.ts";
import { bodyOf, collect, DEFAULT_TIMEOUTS, openS3Client, type S3Sdk, type S3Timeouts } from "./s3_client.ts";
import { type S3ErrorCodes, s3Error, statusOf } from "./s3_errors.ts";
import { objectPutter, type PutObject } from "./s3_put.ts";

const SCHEME = "s3://";
/** At least 5 MiB (S3), and small enough that some tens of uploads at once fit into memory. */
const PART_BYTES = 8 * 1024 * 1024;
const CONFLICT_ATTEMPTS = 6;

const ERROR_CODES: S3ErrorCodes = {
  notFound: "objects.not_found",
  bucketMissing: "objects.bucket_missing",
  forbidden: "objects.forbidden",
  unavailable: "objects.unavailable",
  rejected: "objects.rejected",
};

interface Place {
  Bucket: string;
  Key: string;
}

export class S3Objects implements ObjectStore {
  /** False once the store has answered that it knows no conditional writes. */
  private conditional = true;

  private constructor(
    private readonly config: S3ObjectsConfig,
    private readonly client: S3Client,
    private readonly sdk: S3Sdk,
    private readonly put: PutObject,
  ) {}

  static async open(config: S3ObjectsConfig, timeouts: S3Timeouts = DEFAULT_TIMEOUTS): Promise<S3Objects> {
    const opened = await openS3Client(config, timeouts);
    return new S3Objects(config, opened.client, opened.sdk, objectPutter(opened));
  }

  uriOf(bucket: Bucket, key: string): string {
    assertKey(key);
    return `${SCHEME}${this.nameOf(bucket)}/${key}`;
  }

  async putNew(bucket: Bucket, key: string, body: ObjectBody, contentType: string) {
    const uri = this.uriOf(bucket, key);
    const place = { Bucket: this.nameOf(bucket), Key: key };
    for (let attempt = 1; ; attempt++) {
      try {
        return { uri, created: await this.create(place, body, contentType) };
      } catch (error) {
        const status = statusOf(error);
        if (status === 412) return { uri, created: false };
        if (status === 501 && this.conditional) {
          this.conditional = false;
          continue;
        }
        // 409: another writer of the same key is at it; who is first decides, then we see 412.
        if (status !== 409 || attempt >= CONFLICT_ATTEMPTS) throw s3Error(error, uri, ERROR_CODES);
        await Bun.sleep(Math.random() * 50 * 2 ** attempt);
      }
    }
  }

  private async create(place: Place, body: ObjectBody, contentType: string): Promise<boolean> {
    const condition = this.conditional ? { IfNoneMatch: "*" as const } : {};
    const size = body instanceof Uint8Array ? body.byteLength : body.size;
    if (size > PART_BYTES) return await this.createInParts(place, body, size, contentType);
    if (!this.conditional && (await this.sizeOf(place)) !== null) return false;
    const Body = await pieceOf(body, 0, size);
    return await this.put({ ...place, ...condition, Body, ContentType: contentType });
  }

  private async createInParts(place: Place, body: ObjectBody, size: number, ContentType: string): Promise<boolean> {
    // Looked at first, so that an upload that is not needed is not sent; Ceph also ignores the condition on completion.
    if ((await this.sizeOf(place)) !== null) return false;
    const { UploadId } = await this.client.send(new this.sdk.CreateMultipartUploadCommand({ ...place, ContentType }));
    const upload = { ...place, UploadId };
    try {
      const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for (let start = 0; start < size; start += PART_BYTES) {
        const PartNumber = Parts.length + 1;
        const Body = await pieceOf(body, start, Math.min(start + PART_BYTES, size));
        const { ETag } = await this.client.send(new this.sdk.UploadPartCommand({ ...upload, PartNumber, Body }));
        Parts.push({ ETag, PartNumber });
      }
      const condition = this.conditional ? { IfNoneMatch: "*" } : {};
      const done = { ...upload, ...condition, MultipartUpload: { Parts } };
      await this.client.send(new this.sdk.CompleteMultipartUploadCommand(done));
      return true;
    } catch (error) {
      // The parts cost money until they are dropped; the error that matters is the one above.
      await this.client.send(new this.sdk.AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  async read(uri: string, maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    const { body, size } = await this.stream(uri);
    if (size > maxBytes) {
      await body.cancel();
      throw tooLarge(uri, maxBytes);
    }
    try {
      return await collect(body, maxBytes, () => tooLarge(uri, maxBytes));
    } catch (error) {
      throw s3Error(error, uri, ERROR_CODES);
    }
  }

  async stream(uri: string): Promise<{ body: ReadableStream<Uint8Array>; size: number }> {
    const place = placeOf(uri);
    try {
      const answer = await this.client.send(new this.sdk.GetObjectCommand(place));
      return { body: bodyOf(answer.Body), size: answer.ContentLength ?? 0 };
    } catch (error) {
      throw s3Error(error, uri, ERROR_CODES);
    }
  }

  async exists(uri: string): Promise<boolean> {
    try {
      return (await this.sizeOf(placeOf(uri))) !== null;
    } catch (error) {
      throw s3Error(error, uri, ERROR_CODES);
    }
  }

  async *list(bucket: Bucket): AsyncGenerator<StoredObject[]> {
    const Bucket = this.nameOf(bucket);
    let token: string | undefined;
    do {
      const page = await this.client
        .send(new this.sdk.ListObjectsV2Command({ Bucket, ...(token ? { ContinuationToken: token } : {}) }))
        .catch((error: unknown) => {
          throw s3Error(error, Bucket, ERROR_CODES);
        });
      yield (page.Contents ?? []).map(({ Key, Size, LastModified }) => ({
        uri: `${SCHEME}${Bucket}/${Key}`,
        bytes: Size ?? 0,
        writtenAt: LastModified ?? new Date(),
      }));
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token);
  }

  async remove(uri: string): Promise<void> {
    try {
      await this.client.send(new this.sdk.DeleteObjectCommand(placeOf(uri)));
    } catch (error) {
      if (statusOf(error) !== 404) throw s3Error(error, uri, ERROR_CODES);
    }
  }

  async check(): Promise<CheckResult[]> {
    return await checkS3(this.client, this.sdk, [this.config.bucketRaw, this.config.bucketMarkdown]);
  }

  async createBuckets(): Promise<string[]> {
    const created: string[] = [];
    for (const Bucket of new Set([this.config.bucketRaw, this.config.bucketMarkdown])) {
      try {
        await this.client.send(new this.sdk.HeadBucketCommand({ Bucket }));
      } catch (error) {
        if (statusOf(error) !== 404) throw s3Error(error, Bucket, ERROR_CODES);
        await this.createBucket(Bucket);
        created.push(Bucket);
      }
    }
    return created;
  }

  private async createBucket(Bucket: string): Promise<void> {
    // AWS wants the region named except for its first one; other vendors know no such constraint.
    const onAws = !this.config.endpoint && this.config.region !== "us-east-1";
    const where = onAws ? { LocationConstraint: this.config.region as "eu-central-1" } : undefined;
    try {
      const input = where === undefined ? { Bucket } : { Bucket, CreateBucketConfiguration: where };
      await this.client.send(new this.sdk.CreateBucketCommand(input));
    } catch (error) {
      if (!(error instanceof Error && error.name === "BucketAlreadyOwnedByYou"))
        throw s3Error(error, Bucket, ERROR_CODES);
    }
  }

  async close(): Promise<void> {
    this.client.destroy();
  }

  private nameOf(bucket: Bucket): string {
    return bucket === "raw" ? this.config.bucketRaw : this.config.bucketMarkdown;
  }

  /** Bytes of an object, null when there is none. */
  private async sizeOf(place: Place): Promise<number | null> {
    try {
      const head = await this.client.send(new this.sdk.HeadObjectCommand(place));
      return head.ContentLength ?? 0;
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  }
}

/** Any bucket may be named: rows keep the URIs of the buckets that were configured when they were written. */
function placeOf(uri: string): Place {
  const match = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri);
  if (match?.[1] === undefined || match[2] === undefined) {
    const scheme = /^[a-z0-9+.-]{1,20}:\/\//i.exec(uri)?.[0] ?? "a URI without a scheme";
    throw new PermanentError("objects.unknown_scheme", `no store is configured for ${scheme}`);
  }
  return { Bucket: match[1], Key: match[2] };
}

async function pieceOf(body: ObjectBody, start: number, end: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(start, end);
  const piece = await Bun.file(body.file).slice(start, end).bytes();
  if (piece.byteLength === end - start) return piece;
  throw new TransientError("objects.disk", "a file changed while it was stored");
}

function tooLarge(uri: string, maxBytes: number): PermanentError {
  return new PermanentError("objects.too_large", `${uri} is larger than ${maxBytes} bytes`, { uri, maxBytes });
}
