/** A browser without a screen: signs in at the app of a fixture, keeps the cookie, and asks for pages as browsers do. */
import type { Fixture } from "../http/fixture.ts";

export interface Seen {
  status: number;
  headers: Headers;
  html: string;
  /** Where a redirect leads. */
  location: string | null;
}

export interface Visitor {
  cookie: string;
  look(path: string, headers?: Record<string, string>): Promise<Seen>;
  /** Sends a form from a page of the console. */
  send(path: string, fields: Record<string, string> | FormData, headers?: Record<string, string>): Promise<Seen>;
}

const ORIGIN = "http://localhost";

export async function ask(f: Fixture, path: string, init: RequestInit): Promise<Seen> {
  const answer = await f.app.request(`${ORIGIN}${path}`, init);
  const headers = new Headers([...answer.headers.entries()]);
  return { status: answer.status, headers, html: await answer.text(), location: headers.get("location") };
}

/** Signs in with the token. */
export async function visitor(f: Fixture, token: string): Promise<Visitor> {
  const sameOrigin = { origin: ORIGIN, "sec-fetch-site": "same-origin" };
  const entered = await ask(f, "/sign-in", {
    method: "POST",
    headers: sameOrigin,
    body: new URLSearchParams({ token }),
  });
  const cookie = entered.headers.get("set-cookie")?.split(";")[0] ?? "";
  if (entered.status !== 303) throw new Error(`no entry: ${entered.html}`);
  return {
    cookie,
    look: (path, headers = {}) => ask(f, path, { headers: { cookie, accept: "text/html", ...headers } }),
    send: (path, fields, headers = {}) =>
      ask(f, path, {
        method: "POST",
        headers: { cookie, ...sameOrigin, ...headers },
        body: fields instanceof FormData ? fields : new URLSearchParams(fields),
      }),
  };
}
