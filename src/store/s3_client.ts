/**
 * One way to make an S3 client, for the object store and for the bucket connector. Its requests go through Bun's own
 * fetch instead of the SDK's node:https handler, whose body streams stalled under many concurrent GetObjects
 * (oven-sh/bun#27557), and every wait has an end: for the answer's headers and for each piece of its body. Checksums
 * beyond the signature are sent only where S3 demands them, since other vendors refuse them (aws-sdk-js-v3#6810).
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { SluiceError } from "../errors.ts";
import { meter } from "../metrics_meter.ts";
import { statusOf } from "./s3_errors.ts";

export interface S3Access {
  /** None means AWS. */
  endpoint?: string | null | undefined;
  region: string;
  /** None means the SDK's own search: environment, profile, instance role. */
  accessKeyId?: string | null | undefined;
  secretAccessKey?: string | null | undefined;
  /** Default: true with an endpoint, false on AWS. */
  forcePathStyle?: boolean | undefined;
}

export interface S3Timeouts {
  /** Until the answer's headers are there, beside the time that the request's body takes. */
  answerMs: number;
  /** Between two pieces of an answer's body. */
  idleMs: number;
}

export type Fetch = (url: string, init: RequestInit & { headers: Record<string, string> }) => Promise<Response>;

export type S3Sdk = typeof import("@aws-sdk/client-s3");

export const DEFAULT_TIMEOUTS: S3Timeouts = { answerMs: 30_000, idleMs: 30_000 };
/** Slowest upload that is still waited for. */
const UPLOAD_BYTES_PER_MS = 128;
/** With buffers as bodies the SDK can send a request again by itself. */
const ATTEMPTS = 4;

/** In a request's context: when its caller began, if that was before the SDK did. */
export const STARTED_AT = "sluiceStartedAt";

export interface S3Opened {
  client: S3Client;
  sdk: S3Sdk;
  /** What the client's requests go through, with the same limits of time. */
  send: (request: SdkRequest, options?: SdkOptions) => Promise<{ response: SdkResponse }>;
}

/** Loads the SDK (about 170 ms, once) and makes a client. */
export async function openS3Client(
  access: S3Access,
  timeouts: S3Timeouts = DEFAULT_TIMEOUTS,
  /** For endpoints that may not be reached at any address. */
  via: Fetch = fetch,
): Promise<S3Opened> {
  const sdk = await import("@aws-sdk/client-s3");
  const { endpoint, accessKeyId, secretAccessKey } = access;
  const sendWithin: S3Opened["send"] = (request, options) => send(request, options, timeouts, via);
  const client = new sdk.S3Client({
    region: access.region,
    forcePathStyle: access.forcePathStyle ?? Boolean(endpoint),
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: ATTEMPTS,
    requestHandler: { handle: sendWithin },
    ...(endpoint ? { endpoint } : {}),
    ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
  });
  client.middlewareStack.add(
    (next, context) => (args) => {
      const startedAt = context[STARTED_AT] ?? performance.now();
      return measured(String(context["commandName"]).replace(/Command$/, ""), startedAt, next(args));
    },
    { step: "initialize", name: "sluice" },
  );
  return { client, sdk, send: sendWithin };
}

/** Until the answer's headers; what the SDK tries again by itself counts as one request. */
async function measured<T>(operation: string, startedAt: number, request: Promise<T>): Promise<T> {
  let status = "ok";
  try {
    return await request;
  } catch (error) {
    status = String(statusOf(error) ?? "none");
    throw error;
  } finally {
    meter.observe("sluice_s3_duration_seconds", (performance.now() - startedAt) / 1000, operation, status);
  }
}

/** The SDK's body is the stream that our request handler made, with methods added. */
export function bodyOf(body: unknown): ReadableStream<Uint8Array> {
  if (body instanceof ReadableStream) return body;
  throw new Error("the S3 SDK gave a body that is no ReadableStream");
}

/** Reads a body to its end; beyond `maxBytes` it is cancelled and `overflow()` is thrown. */
export async function collect(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  overflow: () => Error,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream, which closes the socket.
    if (size > maxBytes) throw overflow();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size);
}

/** What the SDK hands to a request handler; only what is used here. */
export interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

interface SdkOptions {
  abortSignal?: AbortSignal;
}

interface SdkResponse {
  statusCode: number;
  reason: string;
  headers: Record<string, string>;
  body: ReadableStream<Uint8Array>;
}

async function send(
  request: SdkRequest,
  options: SdkOptions | undefined,
  timeouts: S3Timeouts,
  via: Fetch,
): Promise<{ response: SdkResponse }> {
  const stop = new AbortController();
  const outer = options?.abortSignal;
  const onAbort = () => stop.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  const detach = () => outer?.removeEventListener("abort", onAbort);

  const bodyBytes = request.body?.length ?? 0;
  const patience = timeouts.answerMs + bodyBytes / UPLOAD_BYTES_PER_MS;
  const timer = setTimeout(() => stop.abort(timeout("no answer", patience)), patience);
  const hasBody = request.method !== "GET" && request.method !== "HEAD" && bodyBytes > 0;
  try {
    const answer = await via(urlOf(request), {
      method: request.method,
      headers: request.headers,
      redirect: "manual",
      signal: stop.signal,
      ...(hasBody ? { body: request.body! } : {}),
    });
    return {
      response: {
        statusCode: answer.status,
        reason: answer.statusText,
        headers: Object.fromEntries(answer.headers.entries()),
        body: watched(answer.body, stop, timeouts.idleMs, detach),
      },
    };
  } catch (error) {
    detach();
    if (stop.signal.aborted) throw stop.signal.reason;
    throw error instanceof SluiceError ? error : networkError(error);
  } finally {
    clearTimeout(timer);
  }
}

function urlOf(request: SdkRequest): string {
  const query: string[] = [];
  for (const [name, value] of Object.entries(request.query ?? {}).sort()) {
    const key = escapeUri(name);
    if (Array.isArray(value)) for (const one of value) query.push(`${key}=${escapeUri(one)}`);
    else query.push(value === null ? key : `${key}=${escapeUri(value)}`);
  }
  const port = request.port ? `:${request.port}` : "";
  return `${request.protocol}//${request.hostname}${port}${request.path}${query.length > 0 ? `?${query.join("&")}` : ""}`;
}

/** The signature counts these characters as escaped, encodeURIComponent leaves them. */
export function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The answer's body; a peer that goes silent ends it, and whoever cancels it closes the socket. */
function watched(
  body: ReadableStream<Uint8Array> | null,
  stop: AbortController,
  idleMs: number,
  detach: () => void,
): ReadableStream<Uint8Array> {
  const reader = body?.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (reader === undefined) {
          detach();
          return controller.close();
        }
        const timer = setTimeout(() => stop.abort(timeout("the body stopped", idleMs)), idleMs);
        try {
          const { done, value } = await abortable(reader.read(), stop.signal);
          if (!done) return controller.enqueue(value);
          detach();
          controller.close();
        } catch (error) {
          detach();
          controller.error(stop.signal.aborted ? stop.signal.reason : networkError(error));
        } finally {
          clearTimeout(timer);
        }
      },
      async cancel(reason) {
        detach();
        stop.abort(reason);
        await reader?.cancel(reason).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** The SDK retries errors of this name. */
function timeout(what: string, ms: number): Error {
  return Object.assign(new Error(`${what} within ${Math.round(ms)} ms`), { name: "TimeoutError" });
}

/** The SDK retries by Node's error codes; fetch has names of its own for the same events. */
function networkError(error: unknown): Error {
  const cause = error instanceof Error ? error : new Error(String(error));
  return Object.assign(new Error(cause.message, { cause }), { name: "NetworkError", code: "ECONNRESET" });
}
