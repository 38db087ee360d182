/**
 * The one way to Confluence. A request takes its turn at the connection's shared pace, has a deadline, is tried again
 * where that can help, and fails with an error that names it. Credentials go to the connection's own host and nowhere
 * else; bodies are bounded by what is really read. Only GET and one read-only POST are ever sent.
 */
import { messageOf, PermanentError, SluiceError, SnoozeError, TransientError } from "../../errors.ts";
import type { AddressGuard } from "../address_guard.ts";
import { type Answer, judge, restAfterSuccess, type Verdict } from "./answers.ts";
import type { Deployment } from "./config.ts";
import { withoutCredentials } from "./credentials_in_text.ts";
import { type Pace, sleep } from "./rate_limit.ts";
import { readBounded } from "./read_bounded.ts";

const JSON_BYTES_MAX = 64 * 1024 * 1024;
const ERROR_BYTES_MAX = 64 * 1024;
const REDIRECTS_MAX = 5;
const DEADLINE_MS = 60_000;
const DOWNLOAD_DEADLINE_MS = 240_000;
/** Well within the deadline of an item, which would cost an attempt. */
export const PATIENCE_MS = 100_000;
const BACKOFF_MS = { first: 400, max: 20_000 };

export interface RequestOptions {
  signal: AbortSignal;
  /** Attempts at passing faults. */
  tries?: number;
  /** Longest wait in all for a site that throttles; past it the caller is told when to come back. */
  patienceMs?: number;
  /** Sent as JSON with POST. */
  post?: unknown;
}

export interface JsonAnswer {
  body: unknown;
  headers: Headers;
}

export interface Download {
  bytes: Uint8Array;
  mediaType: string | null;
}

export interface HttpSettings {
  authorization: string | null;
  /** Attempts wait so long at most between each other; tests shorten it. */
  backoffMs?: { first: number; max: number };
  deadlineMs?: number;
}

type Read<T> = (response: Response) => Promise<{ value: T; text: string }>;

export class ConfluenceHttp {
  /** Known once the site was looked at. */
  deployment: Deployment | null = null;

  constructor(
    private readonly settings: HttpSettings,
    private readonly pace: Pace,
    private readonly guard: AddressGuard,
  ) {}

  /**
   * GETs (or POSTs) JSON. Throws PermanentError `connector.gone` (404), `connector.forbidden`, `connector.refused`,
   * `connector.address_refused`; TransientError `connector.unavailable`; SnoozeError `connector.rate_limited`.
   */
  async json(url: string, options: RequestOptions): Promise<JsonAnswer> {
    const what = `${options.post === undefined ? "GET" : "POST"} ${shown(url)}`;
    const read: Read<string> = async (response) => {
      const text = new TextDecoder().decode(
        await readBounded(response, JSON_BYTES_MAX, () => tooLarge(what, JSON_BYTES_MAX)),
      );
      return { value: text, text };
    };
    return await this.attempts(what, options, async (signal) => {
      const { answer } = await this.send(url, options, signal, read, DEADLINE_MS, {
        accept: "application/json",
        credentialsLeave: false,
      });
      const verdict = judge(answer, what, this.deployment, true);
      if (verdict.kind !== "use") return { verdict };
      try {
        return { verdict, value: { body: JSON.parse(answer.text), headers: answer.headers }, headers: answer.headers };
      } catch {
        const error = new TransientError("connector.unavailable", `${what}: the answer is cut off or no JSON`);
        return { verdict: { kind: "again", error, tries: Number.POSITIVE_INFINITY } };
      }
    });
  }

  /** GETs bytes, following redirects to other hosts without the credentials. Throws `connector.too_large` besides. */
  async download(url: string, maxBytes: number, options: RequestOptions): Promise<Download> {
    const what = `GET ${shown(url)}`;
    const read: Read<Uint8Array> = async (response) => {
      if (!response.ok) return { value: new Uint8Array(), text: await errorText(response) };
      const declared = Number(response.headers.get("content-length") ?? 0);
      if (declared > maxBytes && !response.headers.has("content-encoding")) {
        await response.body?.cancel();
        throw tooLarge(what, maxBytes);
      }
      return { value: await readBounded(response, maxBytes, () => tooLarge(what, maxBytes)), text: "" };
    };
    return await this.attempts(what, options, async (signal) => {
      const accept = "*/*";
      const { answer, value } = await this.send(url, options, signal, read, DOWNLOAD_DEADLINE_MS, {
        accept,
        credentialsLeave: true,
      });
      const verdict = judge(answer, what, this.deployment, false);
      if (verdict.kind !== "use") return { verdict };
      const mediaType = answer.headers.get("content-type")?.split(";")[0]?.trim() || null;
      return { verdict, value: { bytes: value, mediaType }, headers: answer.headers };
    });
  }

  private async attempts<T>(
    what: string,
    options: RequestOptions,
    attempt: (signal: AbortSignal) => Promise<{ verdict: Verdict; value?: T; headers?: Headers }>,
  ): Promise<T> {
    const { signal, tries = 4, patienceMs = PATIENCE_MS } = options;
    const backoff = this.settings.backoffMs ?? BACKOFF_MS;
    let waited = 0;
    for (let tried = 1, throttled = 0; ; ) {
      await this.pace.turn(signal, patienceMs);
      const { verdict, value, headers } = await attempt(signal).catch((error: unknown) => ({
        verdict: this.fault(error, what, signal),
        value: undefined,
        headers: undefined,
      }));
      if (verdict.kind === "use") {
        const rest = headers ? restAfterSuccess(headers) : 0;
        if (rest > 0) await this.pace.pause(rest);
        return value as T;
      }
      if (verdict.kind === "stop") throw verdict.error;
      if (verdict.kind === "again") {
        if (tried >= Math.min(tries, verdict.tries)) throw verdict.error;
        await sleep(jittered(backoff, tried++), signal);
        continue;
      }
      const ms = verdict.ms ?? jittered({ first: backoff.first * 2, max: backoff.max * 3 }, ++throttled);
      await this.pace.pause(ms);
      waited += ms;
      if (waited > patienceMs) throw new SnoozeError("connector.rate_limited", verdict.why, new Date(Date.now() + ms));
    }
  }

  /** What a request that got no whole answer means. Throws the reason of the caller's own signal. */
  private fault(error: unknown, what: string, signal: AbortSignal): Verdict {
    signal.throwIfAborted();
    if (error instanceof SluiceError) {
      return error.fate === "permanent"
        ? { kind: "stop", error }
        : { kind: "again", error, tries: Number.POSITIVE_INFINITY };
    }
    const late = error instanceof Error && error.name === "TimeoutError";
    const message = `${what}: ${late ? "no answer within the deadline" : messageOf(error)}`;
    return {
      kind: "again",
      error: new TransientError("connector.unavailable", message),
      tries: Number.POSITIVE_INFINITY,
    };
  }

  private async send<T>(
    first: string,
    options: RequestOptions,
    signal: AbortSignal,
    read: Read<T>,
    deadlineMs: number,
    how: { accept: string; credentialsLeave: boolean },
  ): Promise<{ answer: Answer; value: T }> {
    const origin = new URL(first).origin;
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.settings.deadlineMs ?? deadlineMs)]);
    let url = new URL(first);
    for (let hop = 0; ; hop++) {
      const headers = this.headersOf(url.origin === origin, how.accept, options.post !== undefined);
      const method = options.post === undefined ? "GET" : "POST";
      const body = options.post === undefined ? {} : { body: JSON.stringify(options.post) };
      const response = await this.guard.fetch(url, { method, headers, redirect: "manual", signal: within, ...body });
      const target = hop < REDIRECTS_MAX ? redirectOf(response, url) : null;
      // API calls stay where they are: a redirect of theirs leads to a login page.
      const follow = target !== null && (how.credentialsLeave || isSamePlace(target, url));
      if (!follow) {
        const { value, text: said } = await read(response);
        const text = response.ok ? said : withoutCredentials(said, this.settings.authorization);
        return { answer: { status: response.status, headers: response.headers, text }, value };
      }
      await response.body?.cancel();
      url = target;
    }
  }

  private headersOf(own: boolean, accept: string, post: boolean): Record<string, string> {
    const headers: Record<string, string> = { accept, "user-agent": "sluice" };
    if (post) headers["content-type"] = "application/json";
    // Without it, Data Center refuses requests that look like a browser's (XSRF check).
    headers["x-atlassian-token"] = "no-check";
    if (own && this.settings.authorization !== null) headers.authorization = this.settings.authorization;
    return headers;
  }
}

function redirectOf(response: Response, from: URL): URL | null {
  const location = response.headers.get("location");
  if (response.status < 301 || response.status > 308 || response.status === 304 || location === null) return null;
  return URL.canParse(location, from.href) ? new URL(location, from.href) : null;
}

/** The same path on the same host: from http to https, or with another port in front of it. */
function isSamePlace(target: URL, from: URL): boolean {
  return target.origin === from.origin && target.pathname === from.pathname && target.href !== from.href;
}

/** As messages may show it: without a query, which holds tokens on hosts of media. */
function shown(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${decodeURI(pathname)}`;
}

async function errorText(response: Response): Promise<string> {
  const bytes = await readBounded(response, ERROR_BYTES_MAX, null);
  return new TextDecoder().decode(bytes);
}

/** Exponential, from half of it to all of it. */
function jittered({ first, max }: { first: number; max: number }, attempt: number): number {
  return Math.min(max, first * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
}

function tooLarge(what: string, maxBytes: number): PermanentError {
  return new PermanentError("connector.too_large", `${what}: larger than ${maxBytes} bytes`, { maxBytes });
}
