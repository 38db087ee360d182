/**
 * What goes wrong, by script or by seeded chance, in the ways that were recorded from live sites and proxies. Chance
 * depends on the seed, the URL and how often that URL was asked for, never on the order of requests, so that a run
 * with many connections meets the same faults again.
 */
import { type Answer, html, type Json, type JsonObject, json, LOGIN_PAGE } from "./answer.ts";
import { captcha } from "./auth.ts";

export type Fault =
  /** 429; without `retryAfter` (seconds) it does not say for how long. `form: "date"` gives an HTTP date. */
  | { kind: "rate_limited"; retryAfter?: number; form?: "seconds" | "date" }
  /** Data Center's other way to say slow down: a 403 that is about load, not about rights. */
  | { kind: "throttled_403"; retryAfter?: number }
  | { kind: "unavailable"; retryAfter?: number; form?: "seconds" | "date" }
  | { kind: "server_error" }
  /** 504 with an HTML page, unless the request asks for no more rows than this. */
  | { kind: "gateway_timeout"; unlessLimit?: number }
  /** A login form with status 200. */
  | { kind: "login_page" }
  | { kind: "captcha" }
  /** The right answer with a Retry-After that means nothing. */
  | { kind: "retry_after_on_success"; retryAfter: number }
  /** The connection breaks in the middle of the right answer. */
  | { kind: "reset" }
  /** The right list with half of its rows, which calls itself the end. */
  | { kind: "cut_list" }
  /** JSON that ends in the middle, with a Content-Length that agrees. */
  | { kind: "truncated" }
  /** The right answer in small pieces. */
  | { kind: "drip"; pieceBytes: number; pauseMs: number }
  /** No answer until the client gives up or this much time has passed; then the right one. */
  | { kind: "stall"; ms: number }
  | { kind: "status"; status: number; body?: Json; headers?: Record<string, string> };

export interface Asked {
  method: string;
  /** With the context, e.g. `/wiki/api/v2/pages`. */
  path: string;
  query: URLSearchParams;
  /** How often this URL was asked for before. */
  before: number;
}

export interface Rule {
  /** Of path and query; every request when left out. */
  match?: RegExp | ((asked: Asked) => boolean);
  /** Lets so many matching requests pass first. */
  skip?: number;
  /** How many to spoil; all when left out. */
  times?: number;
  fault: Fault;
}

export interface Chance {
  seed: number;
  /** Share of requests, 0 to 1. */
  rate: number;
  /** The recorded ones that may pass by themselves when left out. */
  faults?: Fault[];
  /** How often one URL may fail before it is left alone; 2 when left out. */
  perUrl?: number;
  match?: RegExp;
}

/** Faults that a patient client survives, as fast as a test wants them. */
export const passing = (deployment: "cloud" | "datacenter"): Fault[] => [
  { kind: "rate_limited", retryAfter: 0 },
  { kind: "rate_limited", retryAfter: 0, form: "date" },
  { kind: "rate_limited" },
  { kind: "unavailable" },
  { kind: "unavailable", retryAfter: 0 },
  { kind: "server_error" },
  { kind: "gateway_timeout" },
  { kind: "login_page" },
  { kind: "retry_after_on_success", retryAfter: 30 },
  { kind: "reset" },
  { kind: "truncated" },
  { kind: "drip", pieceBytes: 4096, pauseMs: 1 },
  ...(deployment === "datacenter" ? [{ kind: "throttled_403", retryAfter: 0 } as const] : []),
];

export interface Scripted {
  readonly rule: Rule;
  /** How many answers it has spoilt. */
  hits: number;
  remove(): void;
}

export class Faults {
  /** Contents whose body always answers 500, alone and in every list that holds it. */
  readonly brokenPages = new Set<string>();
  readonly #scripts: (Scripted & { seen: number })[] = [];
  readonly #asked = new Map<string, number>();
  #chance: (Chance & { faults: Fault[]; perUrl: number; spoilt: Map<string, number> }) | null = null;

  constructor(readonly deployment: "cloud" | "datacenter") {}

  add(rule: Rule): Scripted {
    const script = {
      rule,
      hits: 0,
      seen: 0,
      remove: () => void this.#scripts.splice(this.#scripts.indexOf(script), 1),
    };
    this.#scripts.push(script);
    return script;
  }

  random(chance: Chance): void {
    this.#chance = {
      ...chance,
      faults: chance.faults ?? passing(this.deployment),
      perUrl: chance.perUrl ?? 2,
      spoilt: new Map(),
    };
  }

  breakPages(ids: Iterable<string>): void {
    for (const id of ids) this.brokenPages.add(id);
  }

  /** Lists with bodies time out unless they ask for no more rows than this. */
  timeOutLargeBodies(unlessLimit: number): Scripted {
    const match = ({ path, query }: Asked) =>
      (query.has("body-format") || /\bbody\b/.test(query.get("expand") ?? "")) && !/\/\d+$/.test(path);
    return this.add({ match, fault: { kind: "gateway_timeout", unlessLimit } });
  }

  /** No more faults; broken pages stay broken unless `all`. */
  clear(all = false): void {
    this.#scripts.length = 0;
    this.#chance = null;
    this.#asked.clear();
    if (all) this.brokenPages.clear();
  }

  /** The fault of this request, scripts before chance. */
  for(method: string, path: string, query: URLSearchParams): Fault | null {
    if (this.#scripts.length === 0 && !this.#chance) return null;
    const url = `${method} ${path}?${[...query]
      .filter(([name]) => name !== "token")
      .map((pair) => pair.join("="))
      .sort()
      .join("&")}`;
    const before = this.#asked.get(url) ?? 0;
    this.#asked.set(url, before + 1);
    const asked: Asked = { method, path, query, before };
    for (const script of this.#scripts) {
      const { match, skip = 0, times = Number.POSITIVE_INFINITY, fault } = script.rule;
      if (match instanceof RegExp ? !match.test(`${path}?${query}`) : match && !match(asked)) continue;
      if (
        fault.kind === "gateway_timeout" &&
        fault.unlessLimit !== undefined &&
        Number(query.get("limit") ?? 25) <= fault.unlessLimit
      )
        continue;
      if (++script.seen <= skip || script.hits >= times) continue;
      script.hits++;
      return fault;
    }
    return this.#byChance(url, path, query, before);
  }

  #byChance(url: string, path: string, query: URLSearchParams, before: number): Fault | null {
    const chance = this.#chance;
    if (!chance || (chance.match && !chance.match.test(`${path}?${query}`))) return null;
    const spoilt = chance.spoilt.get(url) ?? 0;
    if (spoilt >= chance.perUrl) return null;
    const draw = (what: string) => Number(Bun.hash(`${chance.seed} ${what} ${before} ${url}`) & 0xffffffffn) / 2 ** 32;
    if (draw("whether") >= chance.rate) return null;
    chance.spoilt.set(url, spoilt + 1);
    return chance.faults[Math.floor(draw("which") * chance.faults.length)] ?? null;
  }
}

const waitHeader = (fault: { retryAfter?: number; form?: "seconds" | "date" }): Record<string, string> => {
  if (fault.retryAfter === undefined) return {};
  // A date names a second: round up, or the client comes back too early.
  const date = () => new Date(Math.ceil(Date.now() / 1000) * 1000 + fault.retryAfter! * 1000).toUTCString();
  return { "Retry-After": fault.form === "date" ? date() : String(fault.retryAfter) };
};

export function tooMany(deployment: "cloud" | "datacenter", wait: Record<string, string>): Answer {
  if (deployment === "datacenter")
    return json({ message: "Rate limit exceeded." }, 429, {
      "X-RateLimit-Limit": "10",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-FillRate": "2",
      "X-RateLimit-Interval-Seconds": "5",
      ...wait,
    });
  const reset = `${new Date(Date.now() + 1000).toISOString().slice(0, 16)}Z`;
  return {
    status: 429,
    headers: {
      "X-RateLimit-Limit": "100",
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-NearLimit": "true",
      "X-RateLimit-Reset": reset,
      ...wait,
    },
    body: "",
  };
}

/** The answer that a fault gives instead of the right one; null for faults that bend the right one. */
export function answerOf(fault: Fault, deployment: "cloud" | "datacenter", siteUrl: string): Answer | null {
  switch (fault.kind) {
    case "rate_limited":
      return tooMany(deployment, waitHeader(fault));
    case "throttled_403":
      return json({ message: "Rate limit exceeded." }, 403, waitHeader(fault));
    case "unavailable":
      return html(
        "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>",
        503,
        waitHeader(fault),
      );
    case "server_error":
      return json({ statusCode: 500, message: "Internal Server Error" }, 500);
    case "gateway_timeout":
      return html("<html><head><title>504 Gateway Time-out</title></head><body></body></html>", 504);
    case "login_page":
      return html(LOGIN_PAGE, 200);
    case "captcha":
      return captcha(siteUrl);
    case "status":
      return json(fault.body ?? "", fault.status, fault.headers);
    default:
      return null;
  }
}

/** The response to an answer, bent by the fault. */
export function responseOf(answer: Answer, fault: Fault | null): Response {
  const headers = new Headers(answer.headers);
  const init = { status: answer.status, headers };
  const bytes = () => (typeof answer.body === "string" ? new TextEncoder().encode(answer.body) : answer.body);
  switch (fault?.kind) {
    case "retry_after_on_success":
      headers.set("Retry-After", String(fault.retryAfter));
      return new Response(answer.body as string | Uint8Array<ArrayBuffer>, init);
    case "truncated": {
      const whole = bytes();
      return new Response(whole.slice(0, Math.floor(whole.byteLength / 2)), init);
    }
    case "cut_list":
      return new Response(cutList(answer), init);
    case "reset":
      return new Response(brokenStream(bytes()), init);
    case "drip":
      return new Response(drippingStream(bytes(), fault.pieceBytes, fault.pauseMs), init);
    default:
      return new Response(answer.body as string | Uint8Array<ArrayBuffer>, init);
  }
}

function cutList(answer: Answer): string {
  const { results, _links, ...rest } = JSON.parse(String(answer.body)) as { results: Json[]; _links: JsonObject };
  const { next: _, ...links } = _links;
  return JSON.stringify({ ...rest, results: results.slice(0, Math.ceil(results.length / 2)), _links: links });
}

const brokenStream = (bytes: Uint8Array): ReadableStream<Uint8Array> => {
  let pulls = 0;
  return new ReadableStream({
    async pull(controller) {
      if (pulls++ === 0) return controller.enqueue(bytes.subarray(0, Math.ceil(bytes.byteLength / 2)));
      await Bun.sleep(2);
      controller.error(new Error("reset by the stand-in"));
    },
  });
};

const drippingStream = (bytes: Uint8Array, pieceBytes: number, pauseMs: number): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at > 0) await Bun.sleep(pauseMs);
      controller.enqueue(bytes.subarray(at, (at += pieceBytes)));
      if (at >= bytes.byteLength) controller.close();
    },
  });
};
