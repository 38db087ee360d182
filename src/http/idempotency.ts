/**
 * `Idempotency-Key`: a POST that carries one is made once, however often it is sent; the same request gets the same
 * answer, another request under the same key is refused. What is kept of request and answer can be read only with the
 * caller's own token, since an answer may hold a secret that is shown once, and a request a password.
 * (draft-ietf-httpapi-idempotency-key-header)
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { Sql } from "postgres";
import { InputError } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  beginRequest,
  type EarlierRequest,
  forgetRequest,
  type KeyedRequest,
  keepAnswer,
  renewRequest,
} from "../store/idempotency.ts";
import type { Caller } from "./authenticate.ts";

const LEASE_SECONDS = 30;
const RENEW_MS = 10_000;
/** A request that is sent while the first one runs waits so long for its answer. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 100;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Makes the request, or gives the answer that it got before. `said`: what makes it the same request besides method and
 * path; plain data. Throws InputError `request.idempotency_key_reused`, `request.in_progress`, and what `work` throws.
 */
export type Once = <T>(said: unknown, work: () => Promise<T>) => Promise<T>;

interface Calling {
  request: Request;
  caller: Caller;
  sql: Sql;
  log: Log;
  /** Called when the answer is one that was given before. */
  onReplay(): void;
}

/** Without the header every request is made. Throws InputError `request.bad_idempotency_key`. */
export function onceFor(calling: Calling): Once {
  const { request, caller, sql } = calling;
  const key = request.headers.get("idempotency-key");
  const token = request.headers.get("authorization");
  if (key === null || token === null) return (_said, work) => work();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new InputError("request.bad_idempotency_key", "The Idempotency-Key is not 1 to 255 visible ASCII characters");
  const keys = keysOf(token.replace(/^\S+ +/, ""), key);
  const keyed: KeyedRequest = { tenantId: caller.tenantId, key, runId: Bun.randomUUIDv7() };
  return async <T>(said: unknown, work: () => Promise<T>): Promise<T> => {
    const { pathname, search } = new URL(request.url);
    const fingerprint = createHmac("sha256", keys.fingerprint)
      .update(JSON.stringify([request.method, pathname, search, said]))
      .digest();
    const begin = () => beginRequest(sql, keyed, fingerprint, LEASE_SECONDS);
    const earlier = await answered(begin, fingerprint, request.signal);
    if (earlier === "begun") return make(work, keyed, keys.answer, calling);
    calling.onReplay();
    return open(keys.answer, earlier) as T;
  };
}

/** Waits for the request that runs under the key. */
async function answered(
  begin: () => Promise<"begun" | EarlierRequest>,
  fingerprint: Uint8Array,
  signal: AbortSignal,
): Promise<"begun" | Uint8Array> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const state = await begin();
    if (state === "begun") return state;
    if (!timingSafeEqual(state.fingerprint, fingerprint))
      throw new InputError("request.idempotency_key_reused", "The Idempotency-Key was used for another request");
    if (state.answer !== null) return state.answer;
    signal.throwIfAborted();
    if (Date.now() > until)
      throw new InputError("request.in_progress", "The request of this Idempotency-Key is still under way");
    await Bun.sleep(LOOK_MS);
  }
}

async function make<T>(
  work: () => Promise<T>,
  keyed: KeyedRequest,
  sealKey: Uint8Array,
  { sql, log }: Calling,
): Promise<T> {
  const unkept = (error: unknown) => log.warn({ err: error }, "the state of an idempotency key could not be kept");
  const beat = setInterval(() => void renewRequest(sql, keyed, LEASE_SECONDS).catch(unkept), RENEW_MS);
  try {
    const answer = await work();
    // The request is made: that its answer cannot be kept is no failure of it.
    await keepAnswer(sql, keyed, seal(sealKey, answer)).catch(unkept);
    return answer;
  } catch (error) {
    await forgetRequest(sql, keyed).catch(unkept);
    throw error;
  } finally {
    clearInterval(beat);
  }
}

/** Tokens are 32 random bytes, so a fast derivation will do. */
function keysOf(token: string, key: string): { fingerprint: Uint8Array; answer: Uint8Array } {
  const bytes = new Uint8Array(hkdfSync("sha256", token, key, "sluice idempotency 1", 64));
  return { fingerprint: bytes.subarray(0, 32), answer: bytes.subarray(32) };
}

function seal(key: Uint8Array, answer: unknown): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(JSON.stringify(answer)), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, sealed: Uint8Array): unknown {
  const bytes = Buffer.from(sealed);
  const tagAt = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(tagAt));
  return JSON.parse(
    Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]).toString("utf8"),
  );
}
