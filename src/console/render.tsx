/**
 * Views into answers: one page, or, to whoever asks for an event stream, the page's content again whenever it changed.
 * A stream ends after a minute and the browser opens the next one, so that it never outlives its session for long.
 */
/** @jsxImportSource hono/jsx */
import { setTimeout as pause } from "node:timers/promises";
import type { JSX } from "hono/jsx/jsx-runtime";
import { streamSSE } from "hono/streaming";
import { respondError } from "../http/respond_error.ts";
import { Document, Mark, Shell } from "./layout.tsx";
import type { ConsoleRoute, View } from "./page.ts";
import type { Visit } from "./visit.ts";

const STREAM_MS = 60_000;
/** A slow view is not looked at again before so many times its own duration has passed: looking must not be the load. */
const REST_FACTOR = 10;

/** Nothing that is not the console's own may run, load, frame or be sent to. Only then may documents be shown in it. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  // With no-referrer browsers would not say from which origin a form comes.
  "referrer-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  vary: "accept, cookie",
};

/** Awaited twice: a component may be a promise, and so may the text of one that holds such. */
const textOf = async (body: JSX.Element): Promise<string> => (await body).toString();

/** A whole page. */
export async function respondPage(page: JSX.Element, status = 200): Promise<Response> {
  return new Response(`<!doctype html>\n${await textOf(page)}`, { status, headers: HEADERS });
}

const respondView = (visit: Visit, { title, section, body, live, status }: View): Promise<Response> =>
  respondPage(
    <Shell visit={visit} section={section} title={title} live={live !== undefined}>
      {body}
    </Shell>,
    status,
  );

/** Handles a visit: a view becomes a page or a stream, an error a page that says what to do. */
export async function respond(route: ConsoleRoute, visit: Visit): Promise<Response> {
  try {
    const answer = await route.handle(visit);
    if (answer instanceof Response) return answer;
    const streamed = visit.context.req.header("accept") === "text/event-stream";
    return streamed ? stream(route, visit, answer) : await respondView(visit, answer);
  } catch (thrown) {
    return respondFault(visit, thrown);
  }
}

interface Envelope {
  error: { code: string; message: string; details: { help: string }; correlation_id: string };
}

/** What the API would answer, for people. */
async function respondFault(visit: Visit, thrown: unknown): Promise<Response> {
  const answer = respondError(thrown, visit.context.get("correlationId"), visit.context.get("log"));
  const { error } = (await answer.json()) as Envelope;
  const title = answer.status === 404 ? "Not found" : answer.status >= 500 ? "Something went wrong" : "Not possible";
  const body = (
    <>
      <h1>{title}</h1>
      <div class="notice bad" role="alert">
        <p>
          <strong>{error.message}.</strong> {error.details.help}
        </p>
        <p class="muted">
          <code>{error.code}</code> · correlation id <code>{error.correlation_id}</code>
        </p>
      </div>
    </>
  );
  return respondView(visit, { title, section: null, body, status: answer.status });
}

function stream(route: ConsoleRoute, visit: Visit, first: View): Response {
  const { closing = NEVER } = visit.deps;
  const over = AbortSignal.any([AbortSignal.timeout(STREAM_MS), visit.context.req.raw.signal, closing]);
  return streamSSE(
    visit.context,
    async (out) => {
      let shown = "";
      let lookedAt = performance.now();
      for (let view: View | Response = first; !(view instanceof Response); view = await route.handle(visit)) {
        const html = await textOf(view.body);
        if (html !== shown) await out.writeSSE({ event: view.live === undefined ? "last" : "look", data: html });
        shown = html;
        if (view.live === undefined) return;
        const rest = Math.max(view.live, (performance.now() - lookedAt) * REST_FACTOR);
        if (!(await pause(rest, true, { signal: over }).catch(() => false))) return;
        lookedAt = performance.now();
      }
    },
    async (error) => void respondError(error, visit.context.get("correlationId"), visit.context.get("log")),
  );
}

const NEVER = new AbortController().signal;

/** A page without navigation, for whoever is not signed in. */
export const Bare = ({ title, children }: { title: string; children: JSX.Element }) => (
  <Document title={title}>
    <main id="main" class="bare">
      <p class="brand">
        <Mark />
        Sluice
      </p>
      {children}
    </main>
  </Document>
);
