/**
 * One request to an embeddings endpoint and the reading of its answer. Every way it can fail becomes an error that
 * states its fate; nothing the endpoint says is trusted: size, count, order, dimension and every number are checked.
 * The API key appears in no error, and credentials are never carried to another host by a redirect.
 */
import { SluiceError, SnoozeError, TransientError } from "../errors.ts";
import { meter } from "../metrics_meter.ts";

export interface Endpoint {
  url: URL;
  model: string;
  apiKey: string | null;
  /** Sent along and required of the answer, if set. */
  dimensions: number | null;
  timeoutMs: number;
}

/** The endpoint found fault with what was sent (400, 413, 422, or a 500 that a single text can cause). */
export class RefusedInput extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const REFUSALS = new Set([400, 413, 422, 500]);
const MAX_REDIRECTS = 2;
/** Longest wait that a Retry-After may impose. */
const MAX_WAIT_MS = 3_600_000;
/** 16,000 components of 22 characters each: the largest vector Postgres takes, written out in full. */
const MAX_VECTOR_BYTES = 352_000;
const MAX_ERROR_BYTES = 16_384;
const MAX_REASON_LENGTH = 200;

/** One request as `send` makes it, in the metrics: by its error code, or the status of a refusal. */
export async function postEmbeddings(...request: Parameters<typeof send>): Promise<(Float32Array | null)[]> {
  const startedAt = performance.now();
  let result = "ok";
  try {
    return await send(...request);
  } catch (error) {
    result = error instanceof SluiceError ? error.code : error instanceof RefusedInput ? "refused" : "aborted";
    throw error;
  } finally {
    meter.observe("sluice_embeddings_request_duration_seconds", (performance.now() - startedAt) / 1000, result);
    meter.count("sluice_embeddings_texts_total", request[1].length);
  }
}

/**
 * Vectors in the order of `texts`; null for a vector with a component that is not a finite number.
 * @param dimensions what earlier answers had, or null
 * @throws RefusedInput, TransientError, SnoozeError; the signal's reason if the caller aborted
 */
async function send(
  endpoint: Endpoint,
  texts: string[],
  dimensions: number | null,
  signal?: AbortSignal,
): Promise<(Float32Array | null)[]> {
  const timeout = AbortSignal.timeout(endpoint.timeoutMs);
  try {
    const response = await post(endpoint, texts, signal ? AbortSignal.any([signal, timeout]) : timeout);
    if (!response.ok) throw await failureOf(response, endpoint);
    const body = await readBounded(response, 1_000_000 + texts.length * MAX_VECTOR_BYTES);
    return readVectors(body, texts.length, dimensions);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RefusedInput || error instanceof TransientError || error instanceof SnoozeError) throw error;
    const reason = timeout.aborted
      ? `did not answer within ${endpoint.timeoutMs} ms`
      : `cannot be reached (${networkReason(error)})`;
    throw new TransientError(
      "embeddings.unavailable",
      `the embeddings endpoint ${endpoint.url.host} ${reason}`,
      {},
      { cause: error },
    );
  }
}

async function post(endpoint: Endpoint, texts: string[], signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
  if (endpoint.apiKey) headers.authorization = `Bearer ${endpoint.apiKey}`;
  const body = JSON.stringify({
    model: endpoint.model,
    input: texts,
    encoding_format: "float",
    ...(endpoint.dimensions ? { dimensions: endpoint.dimensions } : {}),
  });
  let url = endpoint.url;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url.href, { method: "POST", headers, body, signal, redirect: "manual" });
    if (response.status < 300 || response.status > 399) return response;
    await response.body?.cancel();
    const target = response.headers.get("location");
    const next = target && URL.canParse(target, url.href) ? new URL(target, url.href) : null;
    if (!next || next.origin !== url.origin || redirects >= MAX_REDIRECTS)
      throw new TransientError(
        "embeddings.rejected",
        `the embeddings endpoint ${url.host} redirects elsewhere: set EMBEDDINGS_URL to the final address`,
        {
          status: response.status,
        },
      );
    url = next;
  }
}

async function failureOf(response: Response, endpoint: Endpoint): Promise<Error> {
  const { status } = response;
  const details = { status, model: endpoint.model };
  if (status === 401 || status === 403) {
    // Its body often repeats part of the key.
    await response.body?.cancel();
    return new TransientError(
      "embeddings.unauthorized",
      `the embeddings endpoint ${endpoint.url.host} refused the credentials (${status})`,
      details,
    );
  }
  const reason = reasonOf(await readBounded(response, MAX_ERROR_BYTES).catch(() => ""), endpoint.apiKey);
  if (REFUSALS.has(status)) return new RefusedInput(status, `status ${status}${reason}`);
  const message = `the embeddings endpoint ${endpoint.url.host} answered ${status}${reason}`;
  if (status === 429 || status === 503) {
    const until = retryTime(response.headers.get("retry-after"), Date.now());
    const code = status === 429 ? "embeddings.rate_limited" : "embeddings.unavailable";
    return until ? new SnoozeError(code, message, until, details) : new TransientError(code, message, details);
  }
  return new TransientError(status >= 500 ? "embeddings.unavailable" : "embeddings.rejected", message, details);
}

/** The time a Retry-After header names, in seconds or as a date; null if there is none or it is nonsense. */
export function retryTime(header: string | null, now: number): Date | null {
  if (!header) return null;
  const wait = /^\s*\d+(\.\d+)?\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? new Date(now + Math.min(Math.max(wait, 0), MAX_WAIT_MS)) : null;
}

/** What the endpoint says of its refusal, shortened; only plain messages, since structured details quote the input. */
function reasonOf(body: string, apiKey: string | null): string {
  let said: unknown;
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown } | string; message?: unknown; detail?: unknown };
    said = typeof parsed.error === "object" ? parsed.error?.message : (parsed.error ?? parsed.message ?? parsed.detail);
  } catch {
    return "";
  }
  if (typeof said !== "string" || said === "") return "";
  const safe = apiKey ? said.replaceAll(apiKey, "[key]") : said;
  return `: ${safe.replace(/\s+/g, " ").slice(0, MAX_REASON_LENGTH)}`;
}

async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  if (!response.body) return text;
  for await (const part of response.body) {
    bytes += part.byteLength;
    // Leaving the loop cancels the stream.
    if (bytes > maxBytes)
      throw new TransientError(
        "embeddings.bad_answer",
        `the embeddings endpoint answered with more than ${maxBytes} bytes`,
      );
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

function readVectors(body: string, wanted: number, dimensions: number | null): (Float32Array | null)[] {
  const vectors = new Array<Float32Array | null | undefined>(wanted).fill(undefined);
  let size = dimensions;
  for (const [position, item] of dataOf(body, wanted).entries()) {
    const index = item.index ?? position;
    if (!Number.isInteger(index) || index < 0 || index >= wanted || vectors[index] !== undefined)
      throw badAnswer(`its answer has a wrong or repeated index`);
    const vector = vectorOf(item.embedding);
    size ??= vector.length;
    if (vector.length !== size)
      throw badAnswer(`it answered with ${vector.length} dimensions where ${size} are expected`);
    vectors[index] = vector.every(Number.isFinite) ? vector : null;
  }
  return vectors as (Float32Array | null)[];
}

function dataOf(body: string, wanted: number): { index?: number; embedding?: unknown }[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw badAnswer("its answer is not JSON");
  }
  const { data, usage } = (parsed ?? {}) as { data?: unknown; usage?: { total_tokens?: unknown } | null };
  if (!Array.isArray(data)) throw badAnswer("its answer has no list named data");
  if (data.length !== wanted) throw badAnswer(`it answered with ${data.length} vectors for ${wanted} texts`);
  if (typeof usage?.total_tokens === "number") meter.count("sluice_embeddings_tokens_total", usage.total_tokens);
  return data.map((item) => (item ?? {}) as { index?: number; embedding?: unknown });
}

/** Numbers, or base64 of little-endian 32-bit floats. */
function vectorOf(embedding: unknown): Float32Array {
  if (typeof embedding === "string") {
    const bytes = Buffer.from(embedding, "base64");
    if (bytes.length === 0 || bytes.length % 4 !== 0) throw badAnswer("its answer has a vector in broken base64");
    return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
  }
  if (!Array.isArray(embedding) || embedding.length === 0) throw badAnswer("its answer has an entry without a vector");
  return Float32Array.from(embedding, (component) => (typeof component === "number" ? component : Number.NaN));
}

function badAnswer(what: string): TransientError {
  return new TransientError("embeddings.bad_answer", `the embeddings endpoint cannot be used: ${what}`);
}

/** Bun's network errors carry a code such as ConnectionRefused. */
function networkReason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : error instanceof Error ? error.name : "unknown";
}
