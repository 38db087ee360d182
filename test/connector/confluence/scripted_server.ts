/** A server that answers by script, for one quirk at a time, and a way to Confluence that does not wait for long. */
import { AddressGuard } from "../../../src/connector/address_guard.ts";
import { ConfluenceHttp } from "../../../src/connector/confluence/http.ts";
import { LocalRateLimits, Pace } from "../../../src/connector/confluence/rate_limit.ts";

export interface Scripted {
  url: string;
  /** What came in, oldest first. */
  requests: { url: string; headers: Headers }[];
  stop(): Promise<void>;
}

/** `answer` gets the request, its URL and how many came before. */
export function serve(answer: (request: Request, url: URL, before: number) => Response | Promise<Response>): Scripted {
  const requests: Scripted["requests"] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 30,
    fetch(request) {
      // A request's own headers are gone once it is answered.
      requests.push({ url: request.url, headers: new Headers(request.headers) });
      return answer(request, new URL(request.url), requests.length - 1);
    },
  });
  return { url: server.url.href.replace(/\/$/, ""), requests, stop: () => server.stop(true) };
}

/** Answers in turn; the last one stays. */
export const inTurn = (...answers: (() => Response)[]): Scripted =>
  serve((_request, _url, before) => answers[Math.min(before, answers.length - 1)]!());

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

export const html = (body: string, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(body, { status, headers: { "content-type": "text/html;charset=UTF-8", ...headers } });

export function httpTo(
  options: { authorization?: string | null; deadlineMs?: number; limits?: LocalRateLimits; guard?: AddressGuard } = {},
): ConfluenceHttp {
  const { authorization = "Basic c2VjcmV0OnNlY3JldA==", deadlineMs, limits = new LocalRateLimits() } = options;
  const guard = options.guard ?? new AddressGuard(true);
  const settings = {
    authorization,
    backoffMs: { first: 2, max: 10 },
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  return new ConfluenceHttp(settings, new Pace(limits, "test", 10_000), guard);
}

export const signal = new AbortController().signal;
