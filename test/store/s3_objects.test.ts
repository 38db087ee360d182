import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { LocalObjects } from "../../src/store/local_objects.ts";
import { type ObjectStore, openObjectStore, type S3ObjectsConfig } from "../../src/store/objects.ts";
import { openS3Client } from "../../src/store/s3_client.ts";
import { S3Objects } from "../../src/store/s3_objects.ts";
import { dropBucket } from "./drop_bucket.ts";
import { storeContract } from "./store_contract.ts";

const endpoint = process.env.TEST_S3_ENDPOINT;
const run = crypto.randomUUID().slice(0, 8);
const config: S3ObjectsConfig = {
  kind: "s3",
  endpoint,
  region: process.env.TEST_S3_REGION ?? "us-east-1",
  accessKeyId: process.env.TEST_S3_ACCESS_KEY_ID ?? "key",
  secretAccessKey: process.env.TEST_S3_SECRET_ACCESS_KEY ?? "secret",
  bucketRaw: `sluice-test-raw-${run}`,
  bucketMarkdown: `sluice-test-md-${run}`,
};

describe.skipIf(endpoint === undefined)("S3 objects", () => {
  let store: ObjectStore;
  let temp: string;
  beforeAll(async () => {
    temp = await mkdtemp(path.join(tmpdir(), "objects-s3-"));
    store = await openObjectStore(config);
    const before = await store.check();
    expect(before.map((result) => [result.status, result.detail])).toEqual([
      ["fail", "the bucket does not exist"],
      ["fail", "the bucket does not exist"],
    ]);
    expect(await store.createBuckets()).toEqual([config.bucketRaw, config.bucketMarkdown]);
    expect(await store.createBuckets()).toEqual([]);
  });
  afterAll(async () => {
    await store.close();
    const opened = await openS3Client(config);
    for (const bucket of [config.bucketRaw, config.bucketMarkdown]) await dropBucket(opened, bucket);
    await rm(temp, { recursive: true, force: true });
  });

  storeContract(
    () => store,
    () => temp,
  );

  test("2,000 reads with 50 at a time all come back", async () => {
    const bytes = new Uint8Array(20_000).map((_, i) => i % 251);
    const { uri } = await store.putNew("raw", "t/many/raw.bin", bytes, "text/plain");
    let left = 2000;
    const reader = async () => {
      while (left-- > 0) expect((await store.read(uri)).byteLength).toBe(bytes.length);
    };
    await Promise.all(Array.from({ length: 50 }, reader));
  }, 60_000);

  test("URIs of other buckets than the configured ones are readable", async () => {
    const { uri } = await store.putNew("raw", "t/old/raw.bin", new Uint8Array([1]), "text/plain");
    const moved = await openObjectStore({ ...config, bucketRaw: "another", bucketMarkdown: "another" });
    expect(await moved.read(uri)).toEqual(new Uint8Array([1]));
  });

  test("local rows stay readable after the move to S3", async () => {
    const localRoot = path.join(temp, "local");
    const old = await new LocalObjects(localRoot).putNew("raw", "t/s/v/raw.bin", new Uint8Array([2]), "text/plain");
    const both = await openObjectStore({ ...config, localRoot });
    expect(await both.read(old.uri)).toEqual(new Uint8Array([2]));
    expect((await both.putNew("raw", "t/s/v2/raw.bin", new Uint8Array([3]), "text/plain")).uri).toStartWith("s3://");
  });

  test("wrong credentials are a permanent error that names no secret", async () => {
    const wrong = await openObjectStore({ ...config, secretAccessKey: "not-the-secret" });
    const error = await wrong.putNew("raw", "t/x", new Uint8Array(1), "text/plain").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "objects.forbidden", fate: "permanent" });
    expect(JSON.stringify(error) + String(error)).not.toContain("not-the-secret");
  });

  test("a missing bucket is a transient error, since the operator can create it", async () => {
    const missing = await openObjectStore({ ...config, bucketRaw: `sluice-test-none-${run}` });
    const put = missing.putNew("raw", "t/x", new Uint8Array(1), "text/plain");
    await expect(put).rejects.toMatchObject({ code: "objects.bucket_missing", fate: "transient" });
  });
});

/** A server that plays one fault of an S3 endpoint. */
function faulty(fetch: (request: Request, count: number) => Response | Promise<Response>) {
  let count = 0;
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => fetch(request, ++count) });
  const open = (timeouts = { answerMs: 2000, idleMs: 2000 }) =>
    S3Objects.open({ ...config, endpoint: server.url.origin, bucketRaw: "raw", bucketMarkdown: "md" }, timeouts);
  return { open, count: () => count, stop: () => server.stop(true) };
}

const xml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
const put = (store: S3Objects) => store.putNew("raw", "k", new Uint8Array(9), "text/plain");

test("each request goes to the bucket and the key that it names, with others under way", async () => {
  const asked: string[] = [];
  const s3 = faulty((request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return new Response("content", { status: 200 });
  });
  const store = await s3.open();
  const wanted: string[] = [];
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const bucket = i % 2 ? "markdown" : "raw";
      for (const method of ["PUT", "GET", "HEAD"]) wanted.push(`${method} /${i % 2 ? "md" : "raw"}/k${i}`);
      await store.putNew(bucket, `k${i}`, new Uint8Array(9), "text/plain");
      await store.read(store.uriOf(bucket, `k${i}`));
      await store.exists(store.uriOf(bucket, `k${i}`));
    }),
  );
  expect(asked.sort()).toEqual(wanted.sort());
  s3.stop();
});

describe("S3 faults", () => {
  test("a conflict is tried again until somebody has won", async () => {
    const s3 = faulty((_, n) =>
      n < 3
        ? new Response(xml("ConditionalRequestConflict"), { status: 409 })
        : new Response(xml("PreconditionFailed"), { status: 412 }),
    );
    expect((await put(await s3.open())).created).toBe(false);
    expect(s3.count()).toBe(3);
    s3.stop();
  });

  test("server faults are retried with the whole body and then transient", async () => {
    const sizes: number[] = [];
    const s3 = faulty(async (request, n) => {
      sizes.push((await request.bytes()).length);
      return n < 3 ? new Response(xml("SlowDown"), { status: 503 }) : new Response("", { status: 200 });
    });
    expect((await put(await s3.open())).created).toBe(true);
    expect(sizes).toEqual([9, 9, 9]);
    s3.stop();
    const down = faulty(() => new Response(xml("InternalError"), { status: 500 }));
    expect(await put(await down.open()).catch((e: unknown) => e)).toMatchObject({
      code: "objects.unavailable",
      fate: "transient",
    });
    down.stop();
  });

  test("a store without conditional writes is looked at before the write", async () => {
    const methods: string[] = [];
    const s3 = faulty((request) => {
      methods.push(request.method);
      if (request.headers.has("if-none-match")) return new Response(xml("NotImplemented"), { status: 501 });
      return new Response(null, { status: request.method === "HEAD" ? 404 : 200 });
    });
    const store = await s3.open();
    expect((await put(store)).created).toBe(true);
    expect(methods.slice(-2)).toEqual(["HEAD", "PUT"]);
    s3.stop();
  }, 15_000);

  test("an endpoint that does not answer, or stops in the middle, is transient in bounded time", async () => {
    const silent = faulty(() => new Promise<Response>(() => {}));
    const timeouts = { answerMs: 50, idleMs: 50 };
    expect(await put(await silent.open(timeouts)).catch((e: unknown) => e)).toMatchObject({
      code: "objects.unavailable",
    });
    silent.stop();
    const stuck = faulty(() => {
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
      return new Response(body, { headers: { "content-type": "text/plain" } });
    });
    const store = await stuck.open(timeouts);
    expect(await store.read("s3://raw/k").catch((e: unknown) => e)).toMatchObject({ code: "objects.unavailable" });
    stuck.stop();
    const refused = await store.read("s3://raw/k").catch((e: unknown) => e);
    expect(refused).toMatchObject({ code: "objects.unavailable", fate: "transient" });
  }, 15_000);

  test("a multipart upload that fails is aborted", async () => {
    const seen: string[] = [];
    const s3 = faulty((request) => {
      const url = new URL(request.url);
      seen.push(`${request.method} ${url.search.replace(/^\?/, "").replace(/x-id=\w+&?/, "")}`);
      if (request.method === "HEAD") return new Response(null, { status: 404 });
      if (request.method === "POST")
        return new Response("<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>");
      if (request.method === "PUT") return new Response(xml("EntityTooSmall"), { status: 400 });
      return new Response(null, { status: 204 });
    });
    const upload = (await s3.open()).putNew("raw", "k", new Uint8Array(17 * 1024 * 1024), "text/plain");
    expect(await upload.catch((e: unknown) => e)).toMatchObject({ code: "objects.rejected", fate: "permanent" });
    expect(seen.at(-1)).toStartWith("DELETE");
    expect(seen.at(-1)).toContain("uploadId=u1");
    s3.stop();
  });
});
