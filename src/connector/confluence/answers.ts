/**
 * Judges an answer of Confluence: usable, to be asked again, or a refusal for good, and in whose words. Four envelopes
 * of errors exist besides HTML and XML pages; none of them may break the reading of the error itself.
 */
import { PermanentError, type SluiceError, TransientError } from "../../errors.ts";
import type { Deployment } from "./config.ts";
import { isSpent, retryAfterMs } from "./retry_after.ts";

const WORDS_MAX = 300;

/** What to do with an answer. */
export type Verdict =
  | { kind: "use" }
  /** Throttled: wait `ms`, or as long as the caller's own backoff says. */
  | { kind: "wait"; ms: number | null; why: string }
  /** May pass by itself; `error` when it does not. `tries` at most, where more would do harm. */
  | { kind: "again"; error: SluiceError; tries: number }
  | { kind: "stop"; error: SluiceError };

export interface Answer {
  status: number;
  headers: Headers;
  /** The body's text; for downloads only of failures. */
  text: string;
}

/** `what`: the request as messages may show it. `expectsJson`: false for downloads. */
export function judge(answer: Answer, what: string, deployment: Deployment | null, expectsJson: boolean): Verdict {
  const { status, headers } = answer;
  const waitMs = retryAfterMs(headers, Date.now());
  const words = wordsOf(answer);
  const why = `${what}: ${status}${words ? ` (${words})` : ""}`;
  if (status >= 200 && status < 300) return judgeSuccess(answer, what, expectsJson);
  if (status === 429) return { kind: "wait", ms: waitMs, why };
  if (status === 503 && waitMs !== null) return { kind: "wait", ms: waitMs, why };
  if (status === 403 && isThrottling(answer)) return { kind: "wait", ms: waitMs, why };
  if (status >= 500 || status === 408 || status === 425) {
    return { kind: "again", error: new TransientError("connector.unavailable", why), tries: Number.POSITIVE_INFINITY };
  }
  if (status === 401 || status === 403) return judgeRefusal(answer, why, deployment);
  if (status === 404 || status === 410) return { kind: "stop", error: new PermanentError("connector.gone", why) };
  if (status >= 300 && status < 400) return { kind: "again", error: loginError(what), tries: 2 };
  return { kind: "stop", error: new PermanentError("connector.refused", why, { status }) };
}

function judgeSuccess(answer: Answer, what: string, expectsJson: boolean): Verdict {
  if (expectsJson && !isJson(answer)) {
    // A proxy or the login page of a single sign-on answers 200 with HTML.
    if (looksLikeLogin(answer.text)) return { kind: "again", error: loginError(what), tries: 4 };
    const type = answer.headers.get("content-type") ?? "nothing";
    const message = `${what}: the answer is ${type} instead of JSON`;
    const error = new TransientError("connector.unavailable", message, { not_json: true });
    return { kind: "again", error, tries: Number.POSITIVE_INFINITY };
  }
  return { kind: "use" };
}

/**
 * How long the whole connection should rest after a good answer, in milliseconds. Retry-After alone says nothing there:
 * a proxy that puts it on every answer would slow a sync to a crawl
 * (https://github.com/sphinx-contrib/confluencebuilder/issues/615); together with a spent budget it is meant.
 */
export function restAfterSuccess(headers: Headers): number {
  return isSpent(headers) ? Math.min(retryAfterMs(headers, Date.now()) ?? 0, 60_000) : 0;
}

/** Data Center throttles with 403 as well (onyx-dot-app/onyx, confluence utils). */
function isThrottling({ headers, text }: Answer): boolean {
  return (
    headers.has("retry-after") || isSpent(headers) || /rate.?limit|too many requests|thrott/i.test(text.slice(0, 2000))
  );
}

function judgeRefusal({ headers, status }: Answer, why: string, deployment: Deployment | null): Verdict {
  const forbidden = (message: string) => new PermanentError("connector.forbidden", message, { status });
  // More attempts with the same credentials prolong the lock-out.
  if (/CAPTCHA/i.test(headers.get("x-authentication-denied-reason") ?? "")) {
    const message = `${why}: the account is locked until somebody logs in with a browser and solves the CAPTCHA`;
    return { kind: "stop", error: forbidden(message) };
  }
  if (/SCOPE/i.test(headers.get("x-failure-category") ?? "")) {
    return { kind: "stop", error: forbidden(`${why}: the token lacks a scope that this request needs`) };
  }
  // A gateway's hiccup looks the same, and on Data Center throttling may, so one answer alone is not believed.
  return { kind: "again", error: forbidden(why), tries: deployment === "datacenter" && status === 403 ? 3 : 2 };
}

const loginError = (what: string): PermanentError =>
  new PermanentError(
    "connector.forbidden",
    `${what}: Confluence shows its login page; the credentials are not accepted`,
  );

function isJson({ headers, text }: Answer): boolean {
  return /\bjson\b/i.test(headers.get("content-type") ?? "") || /^\s*[[{]/.test(text.slice(0, 100));
}

function looksLikeLogin(text: string): boolean {
  return /os_username|login\.action|id\.atlassian\.com|name=["']?password|<title>[^<]*log\s?in|single sign|saml/i.test(
    text.slice(0, 20_000),
  );
}

/** What the body says in its own words, on one line, without markup. */
export function wordsOf({ headers, text }: Answer): string {
  const said = wordsOfJson(text) ?? wordsOfMarkup(text, headers.get("content-type") ?? "");
  return said.replace(/\s+/g, " ").trim().slice(0, WORDS_MAX);
}

function wordsOfJson(text: string): string | null {
  if (!/^\s*\{/.test(text)) return null;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof body !== "object" || body === null) return null;
  const { message, errors } = body as { message?: unknown; errors?: unknown };
  if (typeof message === "string") return withoutClass(message);
  if (!Array.isArray(errors)) return null;
  return errors
    .map((error: { title?: unknown; detail?: unknown } | null) =>
      [error?.title, error?.detail].filter((part) => typeof part === "string").join(": "),
    )
    .join("; ");
}

/** Java puts the class of the exception in front. */
function withoutClass(message: string): string {
  return message.replace(/^(?:[a-z][\w]*\.)+[A-Z]\w*(?:Exception|Error)\w*:\s*/, "");
}

function wordsOfMarkup(text: string, type: string): string {
  const title = /<title>([^<]*)<\/title>/i.exec(text)?.[1] ?? /<message>([^<]*)<\/message>/i.exec(text)?.[1];
  if (title !== undefined) return title;
  return /html|xml/i.test(type) ? "" : text.slice(0, WORDS_MAX).replace(/<[^>]*>/g, " ");
}
