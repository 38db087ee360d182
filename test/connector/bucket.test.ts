import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { BucketConnector } from "../../src/connector/bucket.ts";
import type { JsonObject } from "../../src/connector/connector.ts";
import { openS3Client } from "../../src/store/s3_client.ts";
import { dropBucket } from "../store/drop_bucket.ts";
import { fetchConformance, listConformance, listed, type Subject, signal } from "./conformance.ts";

const endpoint = process.env.TEST_S3_ENDPOINT;
const bucket = `sluice-test-src-${crypto.randomUUID().slice(0, 8)}`;
const s3 = {
  endpoint,
  region: process.env.TEST_S3_REGION ?? "us-east-1",
  accessKeyId: process.env.TEST_S3_ACCESS_KEY_ID ?? "key",
  secretAccessKey: process.env.TEST_S3_SECRET_ACCESS_KEY ?? "secret",
};
let prefix = "";

function open(config: JsonObject = {}, access = s3): BucketConnector {
  const connection = {
    sourceType: "FILE_CATALOG_OBJECT" as const,
    config: { kind: "s3", bucket, prefix, ...config },
    secrets: {},
  };
  return new BucketConnector(connection, { s3: access, reservedBuckets: ["reserved"] });
}

describe.skipIf(endpoint === undefined)("the bucket connector", () => {
  let opened: Awaited<ReturnType<typeof openS3Client>>;
  beforeAll(async () => {
    opened = await openS3Client(s3);
    await opened.client.send(new opened.sdk.CreateBucketCommand({ Bucket: bucket }));
  });
  beforeEach(() => {
    prefix = `${crypto.randomUUID()}/docs/`;
  });
  afterAll(async () => {
    await dropBucket(opened, bucket);
    opened.client.destroy();
  }, 60_000);

  const put = (Key: string, content: string | Uint8Array) => {
    const Body = Buffer.from(content);
    return opened.client.send(
      new opened.sdk.PutObjectCommand({ Bucket: bucket, Key, Body, ContentLength: Body.length }),
    );
  };
  const subject: Subject = {
    connector: () => open(),
    async write(files) {
      for (const [name, content] of Object.entries(files)) await put(prefix + name, content);
    },
    async remove(name) {
      await opened.client.send(new opened.sdk.DeleteObjectCommand({ Bucket: bucket, Key: prefix + name }));
    },
    async descriptors() {
      const found = await listed(open().list({ signal }));
      return new Map(found.descriptors.map((d) => [d.externalRef.slice(`s3://${bucket}/${prefix}`.length), d]));
    },
  };
  listConformance(() => subject);
  fetchConformance(() => subject);

  test("the ref names bucket and key, and folder markers are no sources", async () => {
    await subject.write({ "": "", "sub/": "", "sub/a b+c.md": "x" });
    const found = await listed(open().list({ signal }));
    expect(found.descriptors.map((d) => d.externalRef)).toEqual([`s3://${bucket}/${prefix}sub/a b+c.md`]);
    expect(found.ignored).toBe(0);
  });

  test("keys with characters that XML cannot carry are listed and fetched", async () => {
    await subject.write({ "bell\u0007.md": "ding" });
    const [descriptor] = (await listed(open().list({ signal }))).descriptors;
    expect(descriptor!.externalRef).toEndWith("bell\u0007.md");
    expect((await open().fetch(descriptor!, { signal, maxBytes: 10 })).bytes.byteLength).toBe(4);
  });

  test("more than one page of S3 is listed to the end", async () => {
    const names = Array.from({ length: 1100 }, (_, i) => `${String(i).padStart(4, "0")}.md`);
    for (let i = 0; i < names.length; i += 50) {
      await Promise.all(names.slice(i, i + 50).map((name) => put(prefix + name, name)));
    }
    const found = await listed(open().list({ signal }));
    expect(found.descriptors.map((d) => d.name)).toEqual(names);
    expect(found.outcome).toEqual({ listingComplete: true });
  }, 60_000);

  test("nothing under the prefix is not taken for a complete listing", async () => {
    expect((await listed(open().list({ signal }))).outcome.listingComplete).toBe(false);
  });

  test("a missing bucket and wrong keys have their own errors", async () => {
    const list = (connector: BucketConnector) => listed(connector.list({ signal }));
    await expect(list(open({ bucket: `${bucket}-none` }))).rejects.toMatchObject({
      code: "connector.root_missing",
      fate: "permanent",
    });
    await expect(list(open({}, { ...s3, secretAccessKey: "wrong" }))).rejects.toMatchObject({
      code: "connector.forbidden",
    });
  });
});

describe("a bucket's listing", () => {
  const page = (body: string) => new Response(`<?xml version="1.0"?><ListBucketResult>${body}</ListBucketResult>`);
  const entry = (key: string) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`;

  async function listFrom(answer: (url: URL) => Response) {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(new URL(request.url)) });
    try {
      return await listed(open({ prefix: "" }, { ...s3, endpoint: server.url.origin }).list({ signal }));
    } finally {
      await server.stop(true);
    }
  }

  test("a truncated page that names no next one is not complete", async () => {
    const found = await listFrom(() => page(`<IsTruncated>true</IsTruncated>${entry("a.md")}`));
    expect(found.descriptors).toHaveLength(1);
    expect(found.outcome.listingComplete).toBe(false);
  });

  test("a server that names the same page again and again is left", async () => {
    const found = await listFrom(() =>
      page(`<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>${entry("a.md")}`),
    );
    expect(found.outcome.listingComplete).toBe(false);
    expect(found.pages.length).toBeLessThanOrEqual(2);
  });

  test("a failing second page throws, so that nobody takes the first for all", async () => {
    const answer = (url: URL) =>
      url.searchParams.has("continuation-token")
        ? new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 })
        : page(`<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>${entry("a.md")}`);
    await expect(listFrom(answer)).rejects.toMatchObject({ code: "connector.forbidden" });
  });
});

describe("an endpoint of the connection's own", () => {
  const keys = { access_key_id: "own-key", secret_access_key: "own-secret" };
  const openOwn = (endpoint: string, environment: { allowPrivateNetwork?: boolean; s3?: typeof s3 }) =>
    new BucketConnector(
      { sourceType: "FILE_CATALOG_OBJECT", config: { kind: "s3", bucket, endpoint }, secrets: keys },
      environment,
    );

  test("gets the connection's own keys, and lies in a private network only where the operator allows it", async () => {
    const asked: string[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        asked.push(request.headers.get("authorization") ?? "");
        return new Response(
          '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>',
        );
      },
    });
    const { origin } = server.url;
    const list = (connector: BucketConnector) => listed(connector.list({ signal }));
    const refusal = await list(openOwn(origin, {})).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "connector.address_refused" });
    expect(asked).toEqual([]);
    await list(openOwn(origin, { allowPrivateNetwork: true }));
    await list(openOwn(origin, { s3: { ...s3, endpoint: origin } }));
    await server.stop(true);
    expect(asked.map((header) => header.includes("Credential=own-key/"))).toEqual([true, true]);
  });
});

describe("a bucket's configuration", () => {
  test("the object store's own buckets are no sources", () => {
    expect(() => open({ bucket: "reserved" })).toThrow(expect.objectContaining({ code: "connector.bad_config" }));
  });

  test("the operator's keys are not sent to an endpoint that the connection names", () => {
    expect(open({ endpoint: "http://elsewhere.example" }).isConfigured()).toBe(false);
    expect(open().isConfigured()).toBe(true);
  });
});
