/** Removes a test's bucket with all that lies in it. */
import type { openS3Client } from "../../src/store/s3_client.ts";

export async function dropBucket(opened: Awaited<ReturnType<typeof openS3Client>>, Bucket: string): Promise<void> {
  const { client, sdk } = opened;
  for (;;) {
    const { Contents = [] } = await client.send(new sdk.ListObjectsV2Command({ Bucket, EncodingType: "url" }));
    if (Contents.length === 0) break;
    const keys = Contents.map((object) => decodeURIComponent((object.Key ?? "").replaceAll("+", " ")));
    for (let start = 0; start < keys.length; start += 50) {
      const some = keys.slice(start, start + 50);
      await Promise.all(some.map((Key) => client.send(new sdk.DeleteObjectCommand({ Bucket, Key }))));
    }
  }
  await client.send(new sdk.DeleteBucketCommand({ Bucket }));
}
