/** Real services for the tests that want them: a database of their own and two buckets, or null where none are configured. */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { createDatabase } from "./database.ts";

export interface RealServices {
  /** Environment for the binary. */
  env: Record<string, string>;
  s3: S3Client;
  /** A bucket to serve as a source. */
  sourceBucket: string;
  put(key: string, text: string): Promise<void>;
  close(): Promise<void>;
}

export async function realServices(): Promise<RealServices | null> {
  const {
    TEST_DATABASE_URL,
    TEST_S3_ENDPOINT,
    TEST_S3_ACCESS_KEY_ID = "",
    TEST_S3_SECRET_ACCESS_KEY = "",
    TEST_S3_REGION = "us-east-1",
  } = process.env;
  if (!TEST_DATABASE_URL || !TEST_S3_ENDPOINT) return null;
  const database = await createDatabase(TEST_DATABASE_URL);
  const s3 = new S3Client({
    endpoint: TEST_S3_ENDPOINT,
    region: TEST_S3_REGION,
    credentials: { accessKeyId: TEST_S3_ACCESS_KEY_ID, secretAccessKey: TEST_S3_SECRET_ACCESS_KEY },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const name = `sluice-test-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  const buckets = ["raw", "markdown", "source"].map((part) => `${name}-${part}`);
  for (const Bucket of buckets) await s3.send(new CreateBucketCommand({ Bucket }));
  const [raw, markdown, source] = buckets as [string, string, string];
  return {
    s3,
    sourceBucket: source,
    env: {
      DATABASE_URL: database.target.url,
      S3_ENDPOINT: TEST_S3_ENDPOINT,
      S3_REGION: TEST_S3_REGION,
      S3_ACCESS_KEY_ID: TEST_S3_ACCESS_KEY_ID,
      S3_SECRET_ACCESS_KEY: TEST_S3_SECRET_ACCESS_KEY,
      S3_BUCKET_RAW: raw,
      S3_BUCKET_MARKDOWN: markdown,
    },
    async put(key, text) {
      await s3.send(new PutObjectCommand({ Bucket: source, Key: key, Body: text }));
    },
    async close() {
      for (const Bucket of buckets) await removeBucket(s3, Bucket);
      s3.destroy();
      await database.close();
    },
  };
}

async function removeBucket(s3: S3Client, Bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) break;
    await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: Contents.map(({ Key }) => ({ Key: Key! })), Quiet: true },
      }),
    );
  }
  await s3.send(new DeleteBucketCommand({ Bucket }));
}
