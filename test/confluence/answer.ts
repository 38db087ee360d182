/**
 * What the stand-in says: answers before they meet the socket (so that faults can still bend them), and the error
 * bodies of Confluence in their four envelopes, worded as they were recorded from live sites.
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

/** Ends a request with this answer from wherever it is thrown. */
export class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super(`${answer.status}`);
  }
}

export const json = (body: Json, status = 200, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(body),
});

export const html = (body: string, status: number, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "Content-Type": "text/html;charset=UTF-8", ...headers },
  body,
});

export const NOT_FOUND_PAGE =
  "<!DOCTYPE html><html><head><title>Not Found</title></head><body><p>This page could not be found.</p></body></html>";

export const LOGIN_PAGE =
  '<!DOCTYPE html><html><head><title>Log In - Confluence</title></head><body id="com-atlassian-confluence" class="login">' +
  '<form name="loginform" method="POST" action="/dologin.action"><label for="os_username">Username</label>' +
  '<input name="os_username" id="os_username"><input type="password" name="os_password"></form></body></html>';

/** `{statusCode, message}`, with `data` as service exceptions have it ("successful": true inside a 400 included). */
export function refusedV1(status: number, message: string, withData = false): Refusal {
  const data = { authorized: true, valid: true, errors: [], successful: true };
  return new Refusal(json(withData ? { statusCode: status, data, message } : { statusCode: status, message }, status));
}

/** The same for what is missing and what the caller may not see. */
export function missingV1(message: string): Refusal {
  const data = { authorized: false, valid: true, allowedInReadOnlyMode: true, errors: [], successful: false };
  return new Refusal(json({ statusCode: 404, data, message, reason: "Not Found" }, 404));
}

export const missingContent = (id: string): Refusal => missingV1(`No content found with id: ContentId{id=${id}}`);

/** `{errors: [{status, code, title, detail}]}`. */
export function refusedV2(status: number, code: string, title: string, detail: string | null = null): Refusal {
  return new Refusal(json({ errors: [{ status, code, title, detail }] }, status));
}

export const missingV2 = (): Refusal => refusedV2(404, "NOT_FOUND", "Not Found");

/** Unknown REST paths answer XML unless JSON is asked for, with "status-code" as the key. */
export function unknownPath(url: string, accept: string): Answer {
  const message = `null for uri: ${url}`;
  if (/\bapplication\/json\b/.test(accept)) return json({ message, "status-code": 404 }, 404);
  const body = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><status><status-code>404</status-code><message>${message}</message></status>`;
  return { status: 404, headers: { "Content-Type": "application/xml" }, body };
}
