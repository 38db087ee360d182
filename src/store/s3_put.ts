/**
 * PutObject of one buffer without the SDK's way through its middleware, which costs several times what the request
 * itself does, and an ingest pays it three times a document. The SDK stays the authority: it sends a bucket's first
 * request, which shows where and how the bucket is addressed and for which region it is signed. Whatever then is not a
 * plain success or "exists already" is done over by it, with its retries, redirects, clock correction and errors; after
 * that the bucket has to be learnt again, so that a store in trouble gets few more requests than from the SDK alone.
 */
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import { meter } from "../metrics_meter.ts";
import { collect, escapeUri, type S3Opened, type S3Sdk, type SdkRequest, STARTED_AT } from "./s3_client.ts";
import { putSigner } from "./s3_sign.ts";

export interface S3Put {
  Bucket: string;
  Key: string;
  Body: Uint8Array;
  ContentType: string;
  /** Refused when the key exists. */
  IfNoneMatch?: "*";
}

/** How a bucket is reached, as the SDK reached it. */
interface Route {
  address: Pick<SdkRequest, "protocol" | "hostname" | "port">;
  /** What stands before the key. */
  basePath: string;
  headers: { host: string; "user-agent": string };
  region: string;
}

/** With any other header a request means something that is not rebuilt here. */
const KNOWN_HEADERS = new Set([
  ...["amz-sdk-invocation-id", "amz-sdk-request", "authorization", "content-length", "content-type", "host"],
  ...["if-none-match", "user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent"],
]);
const SIGNED_FOR_S3 = /^AWS4-HMAC-SHA256 Credential=.+\/\d{8}\/([^/,]+)\/s3\/aws4_request, SignedHeaders=/;
/** Sent and signed as the same text. */
const PLAIN_VALUE = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;
const QUERY = { "x-id": "PutObject" };
/** An answer to PutObject is empty, or a short error. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** False: the key exists already. Throws what `client.send` throws. */
export type PutObject = (put: S3Put) => Promise<boolean>;

export function objectPutter(opened: S3Opened): PutObject {
  const routes = new Map<string, Route>();
  const direct = directly(opened);
  return async (put) => {
    const startedAt = performance.now();
    const route = PLAIN_VALUE.test(put.ContentType) ? routes.get(put.Bucket) : undefined;
    if (route !== undefined) {
      const status = await direct(put, route);
      const created = status >= 200 && status < 300;
      if (created || status === 412) {
        const seconds = (performance.now() - startedAt) / 1000;
        meter.observe("sluice_s3_duration_seconds", seconds, "PutObject", created ? "ok" : "412");
        return created;
      }
      // Only this one: another request may have learnt a better one meanwhile.
      if (routes.get(put.Bucket) === route) routes.delete(put.Bucket);
    }
    const seen = await throughSdk(opened.client, opened.sdk, put, startedAt);
    const learnt = seen && routeOf(seen, put.Key);
    if (learnt) routes.set(put.Bucket, learnt);
    return true;
  };
}

/** Gives the answer's status, 0 when no whole answer came: why, the SDK's own attempt will tell. */
function directly({ client, send }: S3Opened): (put: S3Put, route: Route) => Promise<number> {
  const sign = putSigner();
  return async ({ Key, Body, ContentType, IfNoneMatch }, route) => {
    const credentials = await client.config.credentials().catch(() => null);
    if (credentials === null) return 0;
    const path = route.basePath + escapePath(Key);
    const { host, "user-agent": userAgent } = route.headers;
    const toSign = { "content-length": String(Body.byteLength), "content-type": ContentType, host };
    const headers = IfNoneMatch ? { ...toSign, "if-none-match": IfNoneMatch } : toSign;
    // The SDK measures the offset of this machine's clock, and corrects it whenever S3 says that the time is wrong.
    const at = new Date(Date.now() + client.config.systemClockOffset);
    const query = `x-id=${QUERY["x-id"]}`;
    const signed = sign({ path, query, region: route.region, headers, body: Body, at }, credentials);
    const sent = { ...signed, "user-agent": userAgent };
    try {
      const body = Body as Uint8Array<ArrayBuffer>;
      const { response } = await send({ method: "PUT", ...route.address, path, query: QUERY, headers: sent, body });
      // Read to its end, so that the connection can be used again.
      await collect(response.body, ANSWER_BYTES_MAX, () => new Error("an answer to PutObject is too long"));
      return response.statusCode;
    } catch {
      return 0;
    }
  };
}

/** Gives the last request that the SDK made of it, which is the one that succeeded. */
async function throughSdk(client: S3Client, sdk: S3Sdk, put: S3Put, startedAt: number) {
  let seen: SdkRequest | undefined;
  const input: PutObjectCommandInput = { ...put, ContentLength: put.Body.byteLength };
  const command = new sdk.PutObjectCommand(input);
  command.middlewareStack.add(
    (next, context) => {
      context[STARTED_AT] = startedAt;
      return (args) => {
        seen = args.request as SdkRequest;
        return next(args);
      };
    },
    { step: "deserialize", priority: "low", name: "sluiceSeen" },
  );
  await client.send(command);
  return seen;
}

/** Null when the request is not of the kind that is rebuilt here: another service or algorithm, a header more. */
function routeOf(request: SdkRequest, key: string): Route | null {
  const { protocol, hostname, port, path, query, headers } = request;
  const { host, authorization = "", "user-agent": userAgent = "sluice" } = headers;
  const region = SIGNED_FOR_S3.exec(authorization)?.[1];
  const escaped = escapePath(key);
  const known =
    Object.keys(headers).every((name) => KNOWN_HEADERS.has(name)) &&
    /^[0-9a-f]{64}$/.test(headers["x-amz-content-sha256"] ?? "") &&
    Bun.deepEquals({ ...query }, QUERY) &&
    path.endsWith(`/${escaped}`);
  if (!known || region === undefined || host === undefined) return null;
  const basePath = path.slice(0, path.length - escaped.length);
  const address = { protocol, hostname, ...(port === undefined ? {} : { port }) };
  return { address, basePath, headers: { host, "user-agent": userAgent }, region };
}

function escapePath(key: string): string {
  return escapeUri(key).replaceAll("%2F", "/");
}
