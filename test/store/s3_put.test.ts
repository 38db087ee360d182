/** Objects that are put without the SDK: the same requests, the same results as through it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { meter } from "../../src/metrics_meter.ts";
import { DEFAULT_TIMEOUTS, type Fetch, openS3Client, type S3Access } from "../../src/store/s3_client.ts";
import { S3Objects } from "../../src/store/s3_objects.ts";
import { objectPutter } from "../../src/store/s3_put.ts";
import { putSigner } from "../../src/store/s3_sign.ts";
import { dropBucket } from "./drop_bucket.ts";

interface Sent {
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

const access: S3Access = { region: "eu-central-1", accessKeyId: "AKID", secretAccessKey: "a/secret+key" };
const bySdk = ({ headers }: Sent): boolean => "amz-sdk-invocation-id" in headers;
const bytes = (text: string) => new TextEncoder().encode(text);

/** A putter whose requests are recorded; the answer is the n-th one's, 200 without. */
async function recorded(
  of: S3Access,
  answer: (n: number, headers: Record<string, string>) => Response = () => new Response(null),
) {
  const sent: Sent[] = [];
  const via: Fetch = async (url, { headers, body }) => {
    sent.push({ url, headers: { ...headers }, body: (body ?? new Uint8Array(0)) as Uint8Array });
    return answer(sent.length, headers);
  };
  const opened = await openS3Client(of, DEFAULT_TIMEOUTS, via);
  return { sent, opened, put: objectPutter(opened) };
}

const object = (Bucket: string, Key: string, text = "content") => ({
  Bucket,
  Key,
  Body: bytes(text),
  ContentType: "text/plain",
});

const timeOf = (headers: Record<string, string>) =>
  Date.parse(headers["x-amz-date"]!.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"));

/** Signs anew what the SDK has signed. */
function signedAgain({ url, headers, body }: Sent, secretAccessKey: string): Record<string, string> {
  const { authorization = "", "x-amz-security-token": token } = headers;
  const [, accessKeyId, region, names] =
    /Credential=([^/]+)\/\d+\/([^/]+)\/.*SignedHeaders=([^,]+)/.exec(authorization) ?? [];
  const made = new Set(["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]);
  const kept = names!.split(";").filter((name) => !made.has(name));
  const { pathname, search } = new URL(url);
  const put = { path: pathname, query: search.slice(1), region: region!, body, at: new Date(timeOf(headers)) };
  const credentials = { accessKeyId: accessKeyId!, secretAccessKey, sessionToken: token };
  return putSigner()({ ...put, headers: Object.fromEntries(kept.map((name) => [name, headers[name]!])) }, credentials);
}

describe("the signature", () => {
  test("is the SDK's, with and without a session token, for every kind of key and body", async () => {
    for (const sessionToken of [undefined, "token/with+signs=="]) {
      const { sent, opened } = await recorded(access);
      const secretAccessKey = "another/secret";
      opened.client.config.credentials = async () => ({
        accessKeyId: "AK2",
        secretAccessKey,
        ...(sessionToken ? { sessionToken } : {}),
      });
      for (const Key of ["a", "t/50%25+=@~b/x.bin", "it's (1)!*/ü ß/漢字"]) {
        for (const text of ["", "content", "x".repeat(100_000)]) {
          const input = { ...object("bucket", Key, text), IfNoneMatch: "*" };
          await opened.client.send(new opened.sdk.PutObjectCommand(input));
          const request = sent.at(-1)!;
          const { "user-agent": _, ...expected } = request.headers;
          expect(signedAgain(request, secretAccessKey)).toEqual(expected);
          expect(request.headers["x-amz-security-token"]).toBe(sessionToken as string);
        }
      }
    }
  });

  test("has the key of its own day, region and secret", () => {
    const sign = putSigner();
    const put = { path: "/k", query: "", region: "r1", headers: { host: "h" }, body: new Uint8Array(0) };
    const at = (time: string) => new Date(`2026-03-0${time}Z`);
    const credentials = { accessKeyId: "a", secretAccessKey: "s" };
    const cases = [
      [{ ...put, at: at("1T23:59:59") }, credentials],
      [{ ...put, at: at("2T00:00:00") }, credentials],
      [{ ...put, at: at("2T00:00:00"), region: "r2" }, credentials],
      [
        { ...put, at: at("2T00:00:00"), region: "r2" },
        { ...credentials, secretAccessKey: "t" },
      ],
      [{ ...put, at: at("1T23:59:59") }, credentials],
    ] as const;
    for (const [what, who] of cases) expect(sign(what, who)).toEqual(putSigner()(what, who));
    expect(new Set(cases.map(([what, who]) => sign(what, who)["authorization"])).size).toBe(4);
  });
});

describe("a request without the SDK", () => {
  const endpoints: [string, S3Access, string][] = [
    ["AWS, the bucket in the host", access, "bucket"],
    ["AWS, a bucket with dots", access, "my.bucket"],
    ["AWS, an access point", access, "arn:aws:s3:eu-central-1:123456789012:accesspoint/point"],
    ["an endpoint, path style", { ...access, endpoint: "http://10.0.0.1:9000" }, "bucket"],
    ["an endpoint below a path", { ...access, endpoint: "https://s3.example/some/base" }, "bucket"],
    ["an endpoint, the bucket in the host", { ...access, endpoint: "https://s3.example", forcePathStyle: false }, "b1"],
  ];
  for (const [name, of, bucket] of endpoints) {
    test(`is the SDK's but for what names the SDK: ${name}`, async () => {
      const { sent, put } = await recorded(of);
      for (const Key of ["t/a+b=c@d%20~/raw.bin", "k"]) {
        const one = { ...object(bucket, Key), IfNoneMatch: "*" as const };
        const other = await recorded(of);
        expect(await other.put(one)).toBe(true);
        expect(await put({ ...object(bucket, "first") })).toBe(true);
        expect(await put(one)).toBe(true);
        const [wanted, got] = [other.sent[0]!, sent.at(-1)!];
        expect([bySdk(wanted), bySdk(got)]).toEqual([true, false]);
        expect([got.url, got.body]).toEqual([wanted.url, wanted.body]);
        const strip = ({ headers }: Sent) =>
          Object.fromEntries(
            Object.entries(headers).filter(([header]) => !/^amz-sdk|^x-amz-(?:date|user)|^authorization$/.test(header)),
          );
        expect(strip(got)).toEqual(strip(wanted));
        const scope = /Credential=([^,]+)/;
        expect(scope.exec(got.headers["authorization"]!)![1]).toBe(scope.exec(wanted.headers["authorization"]!)![1]!);
      }
    });
  }

  test("is not tried where the SDK signs by other rules, sends another header, or for a content type that is not plain", async () => {
    const session =
      "<CreateSessionResult><Credentials><SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey>" +
      "<AccessKeyId>a</AccessKeyId><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>";
    const express = await recorded(access, () => new Response(session));
    for (const Key of ["a", "b", "c"]) await express.put(object("b--use1-az4--x-s3", Key));
    expect(express.sent.length).toBeGreaterThan(3);
    expect(express.sent.every(bySdk)).toBe(true);
    const owned = await recorded(access);
    owned.opened.client.middlewareStack.add(
      (next) => (args) => {
        (args.request as Sent).headers["x-amz-acl"] = "private";
        return next(args);
      },
      { step: "build" },
    );
    for (const Key of ["a", "b"]) await owned.put(object("bucket", Key));
    expect(owned.sent.map(bySdk)).toEqual([true, true]);
    const { sent, put } = await recorded(access);
    for (const ContentType of ["text/plain", "text/plain;  charset=utf-8", " text/plain"])
      await put({ ...object("bucket", "k"), ContentType });
    expect(sent.map(bySdk)).toEqual([true, true, true]);
  });

  test("carries the credentials of its moment", async () => {
    const { sent, opened, put } = await recorded(access);
    let [n, faults] = [0, 0];
    opened.client.config.credentials = async () => {
      if (faults-- > 0) throw Object.assign(new Error("no role"), { name: "CredentialsProviderError" });
      n++;
      const expiration = new Date(Date.now() - 1);
      return { accessKeyId: `AK${n}`, secretAccessKey: `s${n}`, sessionToken: `token${n}`, expiration };
    };
    for (const Key of ["a", "b", "c"]) await put(object("bucket", Key));
    expect(sent.map(bySdk)).toEqual([true, false, false]);
    const tokens = sent.map(({ headers }) => headers["x-amz-security-token"]!);
    expect(new Set(tokens).size).toBe(3);
    for (const [i, { headers }] of sent.entries())
      expect(headers["authorization"]).toContain(`Credential=AK${tokens[i]!.slice(5)}/`);
    for (const request of sent) {
      const again = signedAgain(request, `s${request.headers["x-amz-security-token"]!.slice(5)}`);
      expect(again["authorization"]).toBe(request.headers["authorization"]!);
    }
    faults = 1;
    expect(await put(object("bucket", "d"))).toBe(true);
    expect(sent.map(bySdk)).toEqual([true, false, false, true]);
    faults = 10;
    await expect(put(object("bucket", "e"))).rejects.toThrow("no role");
    expect(sent).toHaveLength(4);
  });

  test("uses the time of S3 when this machine's clock is off", async () => {
    const hour = 3_600_000;
    const off = (headers: Record<string, string>) => Math.abs(Math.round((timeOf(headers) - Date.now()) / hour));
    const { sent, put } = await recorded(access, (n, headers) => {
      const ahead = n > 1 ? 1 : 0;
      const dated = { headers: { date: new Date(Date.now() + ahead * hour).toUTCString() } };
      if (off(headers) === ahead) return new Response(null, dated);
      return new Response(xml("RequestTimeTooSkewed"), { ...dated, status: 403 });
    });
    for (const Key of ["a", "b", "c"]) expect(await put(object("bucket", Key))).toBe(true);
    expect(sent.map((one) => [bySdk(one), off(one.headers)])).toEqual([
      [true, 0],
      [false, 0],
      [true, 0],
      [true, 1],
      [false, 1],
    ]);
  });
});

const xml = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message></Error>`;
const put = (store: S3Objects, key: string) => store.putNew("raw", key, bytes("nine bytes"), "text/plain");
const fate = (result: Promise<unknown>) =>
  result.catch((error: { code: string; fate: string; message: string; details: unknown }) => ({
    error: [error.code, error.fate, error.message, error.details],
  }));

describe("faults", () => {
  /** An endpoint whose fault begins when told, and who sent each request. */
  function faulty(fault: (request: Request, n: number) => Response | Promise<Response>) {
    const state = { broken: false, direct: [] as boolean[], sizes: [] as number[] };
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        if (!state.broken) return new Response(null, { status: 200 });
        state.sizes.push((await request.bytes()).length);
        state.direct.push(!request.headers.has("amz-sdk-invocation-id"));
        return await fault(request, state.sizes.length);
      },
    });
    const open = (ms = 5000) =>
      S3Objects.open(
        { kind: "s3", ...access, endpoint: server.url.origin, bucketRaw: "raw", bucketMarkdown: "md" },
        { answerMs: ms, idleMs: ms },
      );
    return { state, open, stop: () => server.stop(true) };
  }

  const stuck = () => new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
  const faults: [string, (request: Request) => Response | Promise<Response>][] = [
    ["400", () => new Response(xml("EntityTooLarge"), { status: 400 })],
    ["403", () => new Response(xml("AccessDenied"), { status: 403 })],
    ["404", () => new Response(xml("NoSuchBucket"), { status: 404 })],
    ["500", () => new Response(xml("InternalError"), { status: 500 })],
    ["307", (request) => new Response(null, { status: 307, headers: { location: `${request.url}/elsewhere` } })],
    ["silent from the start", () => new Promise<Response>(() => {})],
    ["silent in the middle of an answer", () => new Response(stuck(), { status: 200 })],
    ["an endless error", () => new Response("x".repeat(200_000), { status: 403 })],
  ];
  for (const [name, fault] of faults) {
    test(`${name}: as through the SDK alone`, async () => {
      const s3 = faulty(fault);
      const patience = name.startsWith("silent") ? 200 : undefined;
      const [known, fresh] = [await s3.open(patience), await s3.open(patience)];
      await put(known, "before");
      s3.state.broken = true;
      const wanted = await fate(put(fresh, "k"));
      const without = s3.state.direct.splice(0);
      expect(without).not.toContain(true);
      const got = await fate(put(known, "k"));
      expect(got).toEqual(wanted);
      expect(got).toHaveProperty("error");
      expect(s3.state.direct).toEqual([true, ...without]);
      await fate(put(known, "k2"));
      expect(s3.state.direct.filter(Boolean)).toHaveLength(1);
      s3.stop();
    }, 30_000);
  }

  test("a connection that is refused: as through the SDK alone", async () => {
    const s3 = faulty(() => new Response(null));
    const [known, fresh] = [await s3.open(), await s3.open()];
    await put(known, "before");
    s3.stop();
    const got = await fate(put(known, "k"));
    expect(got).toMatchObject({ error: ["objects.unavailable", "transient", expect.any(String), expect.any(Object)] });
    expect(got).toEqual(await fate(put(fresh, "k")));
  }, 15_000);

  test("one fault is mended by the SDK with the whole body, counted once, and the next object goes directly", async () => {
    const s3 = faulty(async (_, n) => {
      if (n > 1) return new Response(null);
      await Bun.sleep(300);
      return new Response(xml("SlowDown"), { status: 503 });
    });
    const store = await s3.open();
    await put(store, "before");
    s3.state.broken = true;
    meter.drain();
    for (const key of ["a", "b", "c"]) expect((await put(store, key)).created).toBe(true);
    const counted = (meter.drain() ?? []).filter(({ name }) => name === "sluice_s3_duration_seconds");
    expect(counted.map(({ labels, buckets }) => [labels, buckets!.reduce((sum, n) => sum + n)])).toEqual([
      [["PutObject", "ok"], 3],
    ]);
    expect(counted[0]!.sum).toBeGreaterThan(0.29);
    expect(s3.state.direct).toEqual([true, false, true, true]);
    expect(s3.state.sizes).toEqual([10, 10, 10, 10]);
    s3.stop();
  });

  test("an object that exists is no fault: one request, counted as 412, and the next goes directly too", async () => {
    const s3 = faulty(() => new Response(xml("PreconditionFailed"), { status: 412 }));
    const store = await s3.open();
    await put(store, "before");
    s3.state.broken = true;
    meter.drain();
    expect((await put(store, "a")).created).toBe(false);
    expect((await put(store, "b")).created).toBe(false);
    expect(s3.state.direct).toEqual([true, true]);
    expect(meter.drain()).toMatchObject([{ labels: ["PutObject", "412"] }]);
    s3.stop();
  });

  test("each of 60 requests at once goes to its bucket and key with its content", async () => {
    const asked: string[] = [];
    const s3 = faulty(async (request) => {
      asked.push(`${new URL(request.url).pathname} ${request.headers.get("content-type")}`);
      return new Response(null);
    });
    const store = await s3.open();
    await put(store, "before");
    await store.putNew("markdown", "before", new Uint8Array(1), "text/plain");
    s3.state.broken = true;
    const of = (i: number) => (i % 2 ? "markdown" : "raw");
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => store.putNew(of(i), `k${i}`, new Uint8Array(i), `text/x${i}`)),
    );
    expect(asked.sort()).toEqual(
      Array.from({ length: 60 }, (_, i) => `/${i % 2 ? "md" : "raw"}/k${i} text/x${i}`).sort(),
    );
    expect(s3.state.direct).not.toContain(false);
    s3.stop();
  });
});

describe.skipIf(process.env.TEST_S3_ENDPOINT === undefined)("a real S3", () => {
  const real: S3Access = {
    endpoint: process.env.TEST_S3_ENDPOINT,
    region: process.env.TEST_S3_REGION ?? "us-east-1",
    accessKeyId: process.env.TEST_S3_ACCESS_KEY_ID,
    secretAccessKey: process.env.TEST_S3_SECRET_ACCESS_KEY,
  };
  const buckets = [1, 2].map((n) => `sluice-test-put${n}-${crypto.randomUUID().slice(0, 8)}`);
  const direct: boolean[] = [];
  let opened: Awaited<ReturnType<typeof openS3Client>>;
  let putObject: ReturnType<typeof objectPutter>;
  beforeAll(async () => {
    const via: Fetch = (url, init) => {
      direct.push(!("amz-sdk-invocation-id" in init.headers));
      return fetch(url, init);
    };
    opened = await openS3Client(real, DEFAULT_TIMEOUTS, via);
    putObject = objectPutter(opened);
    for (const Bucket of buckets) {
      await opened.client.send(new opened.sdk.CreateBucketCommand({ Bucket }));
      await putObject(object(Bucket, "first"));
    }
  });
  afterAll(async () => {
    for (const bucket of buckets) await dropBucket(opened, bucket);
  });

  async function back(Bucket: string, Key: string) {
    const got = await opened.client.send(new opened.sdk.GetObjectCommand({ Bucket, Key }));
    return [got.ContentType, Buffer.from(await got.Body!.transformToByteArray())];
  }

  test("keeps bytes and content type of any key, and creates it only once", async () => {
    const all = new Uint8Array(6000).map((_, i) => i % 251);
    for (const Key of ["plain/raw.bin", "a+b=c@d~e/50%25/x", "it's (1)!*/ü ß/漢字 &?#", `t/${"k".repeat(250)}`]) {
      for (const [i, Body] of [all, new Uint8Array(0)].entries()) {
        const one = { Bucket: buckets[0]!, Key: `${Key}${i}`, Body, ContentType: "text/plain; charset=utf-8" };
        direct.length = 0;
        expect(await putObject({ ...one, IfNoneMatch: "*" })).toBe(true);
        expect(await putObject({ ...one, Body: bytes("other"), IfNoneMatch: "*" })).toBe(false);
        expect(direct).toEqual([true, true]);
        expect(await back(one.Bucket, one.Key)).toEqual([one.ContentType, Buffer.from(Body)]);
      }
    }
  });

  test("gets 60 objects at once into two buckets, each with its own content", async () => {
    direct.length = 0;
    const made = Array.from({ length: 60 }, (_, i) => object(buckets[i % 2]!, `many/${i}`, `content ${i}`));
    await Promise.all(made.map(putObject));
    expect(direct).not.toContain(false);
    for (const { Bucket, Key, Body } of made) expect((await back(Bucket, Key))[1]).toEqual(Buffer.from(Body));
  }, 20_000);

  test("a bucket that went away is told as by the SDK", async () => {
    const Bucket = `sluice-test-gone-${crypto.randomUUID().slice(0, 8)}`;
    await opened.client.send(new opened.sdk.CreateBucketCommand({ Bucket }));
    await putObject(object(Bucket, "k"));
    await dropBucket(opened, Bucket);
    direct.length = 0;
    await expect(putObject(object(Bucket, "k"))).rejects.toMatchObject({ name: "NoSuchBucket" });
    expect(direct[0]).toBe(true);
  });
});
