/**
 * Doctor's look at S3: is each bucket there, and do writing, reading, refusing an overwrite and deleting work? Vendors
 * differ most in conditional writes, so those are tried, never assumed; without them Sluice still works.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { messageOf } from "../errors.ts";
import type { CheckResult } from "./objects.ts";
import { bodyOf, collect, type S3Sdk } from "./s3_client.ts";
import { statusOf } from "./s3_errors.ts";

/** One result for each bucket; never throws. */
export async function checkS3(client: S3Client, sdk: S3Sdk, buckets: string[]): Promise<CheckResult[]> {
  return await Promise.all([...new Set(buckets)].map((bucket) => checkBucket(client, sdk, bucket)));
}

async function checkBucket(client: S3Client, sdk: S3Sdk, Bucket: string): Promise<CheckResult> {
  const name = `objects (s3 bucket ${Bucket})`;
  const place = { Bucket, Key: `.doctor/${Bun.randomUUIDv7()}` };
  const Body = new TextEncoder().encode("doctor");
  try {
    await client.send(new sdk.HeadBucketCommand({ Bucket }));
    await client.send(new sdk.PutObjectCommand({ ...place, Body }));
    const conditional = await overwriteRefused(client, sdk, place);
    const answer = await client.send(new sdk.GetObjectCommand(place));
    const back = await collect(bodyOf(answer.Body), 1024, () => new Error("an object came back too long"));
    await client.send(new sdk.DeleteObjectCommand(place));
    if (conditional && Buffer.compare(back, Body) !== 0)
      return { name, status: "fail", detail: "an object came back changed" };
    if (conditional) return { name, status: "ok", detail: "write, read, no overwrite, delete" };
    const detail = "write, read and delete work, but If-None-Match is not honoured";
    return { name, status: "warn", detail, help: "Nothing is lost by it; a newer release of the store may know it." };
  } catch (error) {
    return { name, status: "fail", ...explain(error) };
  }
}

async function overwriteRefused(
  client: S3Client,
  sdk: S3Sdk,
  place: { Bucket: string; Key: string },
): Promise<boolean> {
  try {
    await client.send(new sdk.PutObjectCommand({ ...place, Body: new Uint8Array(1), IfNoneMatch: "*" }));
    return false;
  } catch (error) {
    if (statusOf(error) === 412) return true;
    if (statusOf(error) === 501) return false;
    throw error;
  }
}

function explain(error: unknown): { detail: string; help: string } {
  const status = statusOf(error);
  const detail = status === undefined ? messageOf(error) : `S3 answered ${status}`;
  if (status === 404) return { detail: "the bucket does not exist", help: "Create it, or run `sluice doctor --fix`." };
  if (status === 401 || status === 403) return { detail, help: "Correct the S3 credentials or their rights." };
  return { detail, help: "Check S3_ENDPOINT and that the store runs." };
}
