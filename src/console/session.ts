/**
 * How a browser is known: by a cookie that no script can read and no other site can send. Forms are only taken from the
 * console's own pages; the browser itself says where a request comes from (Sec-Fetch-Site, or Origin where it does not
 * trust the connection enough to send that), so that no form needs a token of its own.
 */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { InputError } from "../errors.ts";
import type { AppEnv } from "../http/app_deps.ts";

const COOKIE = "sluice_session";
/** The database ends sessions; this is only how long a browser keeps the cookie. */
const KEPT_SECONDS = 30 * 86_400;

/** The session's secret as the browser sent it. */
export const sessionSecret = (context: Context<AppEnv>): string | null => getCookie(context, COOKIE) || null;

/** Hands the secret to the browser. */
export function keepSession(context: Context<AppEnv>, secret: string): void {
  setCookie(context, COOKIE, secret, { ...attributes(context), maxAge: KEPT_SECONDS });
}

/** Takes it away again. */
export function dropSession(context: Context<AppEnv>): void {
  deleteCookie(context, COOKIE, attributes(context));
}

/** Secure wherever the browser speaks TLS, be it with a proxy in front; plain HTTP is for localhost. */
function attributes(context: Context<AppEnv>) {
  const protocol = context.req.header("x-forwarded-proto") ?? new URL(context.req.url).protocol;
  return { httpOnly: true, sameSite: "Strict", path: "/", secure: protocol.startsWith("https") } as const;
}

/** Whether a link on another site led here: the browser holds a strict cookie back then. */
export const cameFromElsewhere = (request: Request): boolean => {
  const site = request.headers.get("sec-fetch-site");
  return site === "cross-site" || site === "same-site";
};

/** Throws InputError `auth.cross_site` unless the request comes from a page of this very origin. */
export function refuseForeignForm(request: Request): void {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const host = request.headers.get("x-forwarded-host") ?? request.headers.get("host") ?? new URL(request.url).host;
  if (site !== null ? site === "same-origin" : URL.canParse(origin ?? "") && new URL(origin!).host === host) return;
  throw new InputError("auth.cross_site", "The form does not come from this console");
}
