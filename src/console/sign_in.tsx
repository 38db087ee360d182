/** Signing in with a token and signing out. The token goes over once; from then on the browser holds a session. */
/** @jsxImportSource hono/jsx */
import type { Context } from "hono";
import { InputError, SnoozeError } from "../errors.ts";
import type { AppEnv, Deps } from "../http/app_deps.ts";
import { authenticate } from "../http/authenticate.ts";
import { closeSession, openSession } from "../store/console_sessions.ts";
import { readForm } from "./act.ts";
import { Bare, respondPage } from "./render.tsx";
import { cameFromElsewhere, dropSession, keepSession, refuseForeignForm, sessionSecret } from "./session.ts";

/** Only a path of this console: whoever made up the link must not send people elsewhere. */
function pathWithin(next: string | null | undefined): string {
  const here = "http://console.invalid";
  if (!next?.startsWith("/") || !URL.canParse(next, here)) return "/";
  const { origin, pathname, search } = new URL(next, here);
  // `/.//host` is a path until it is normalised, and `//host` another server.
  return origin === here && !pathname.startsWith("//") ? pathname + search : "/";
}

const SignIn = ({ next, fault }: { next: string; fault: string | null }) => (
  <Bare title="Sign in">
    <form method="post" action="/sign-in" class="stack">
      <h1>Sign in</h1>
      {fault && (
        <p class="notice bad" role="alert" id="fault">
          {fault}
        </p>
      )}
      <input type="hidden" name="next" value={next} />
      <label for="token">Token</label>
      <input
        id="token"
        name="token"
        type="password"
        autocomplete="current-password"
        required
        autofocus
        spellcheck={false}
        aria-describedby={fault ? "fault help" : "help"}
      />
      <button type="submit" class="primary">
        Sign in
      </button>
      <p class="muted" id="help">
        <code>sluice token create</code> makes one. With the embedded database, <code>token.json</code> in{" "}
        <code>DATA_DIR</code> holds one already.
      </p>
    </form>
  </Bare>
);

export const showSignIn = (context: Context<AppEnv>): Promise<Response> =>
  respondPage(<SignIn next={pathWithin(context.req.query("next"))} fault={null} />);

/** Checks the token as the API would, and opens a session of it. */
export async function signIn(context: Context<AppEnv>, deps: Deps): Promise<Response> {
  const form = await readForm(context.req.raw);
  const next = pathWithin(form.get("next"));
  try {
    refuseForeignForm(context.req.raw);
    const token = form.get("token")?.trim() ?? "";
    const caller = await authenticate(new Headers({ authorization: `Bearer ${token}` }), deps, context.env?.address);
    context.set("tokenId", caller.tokenId);
    context.set("tenantId", caller.tenantId);
    keepSession(context, await openSession(deps.sql, caller.tokenId));
    return context.redirect(next, 303);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof SnoozeError)) throw error;
    return respondPage(<SignIn next={next} fault={`${error.message}.`} />, error.status);
  }
}

export async function signOut(context: Context<AppEnv>, deps: Deps): Promise<Response> {
  refuseForeignForm(context.req.raw);
  const secret = sessionSecret(context);
  if (secret !== null) await closeSession(deps.sql, secret);
  dropSession(context);
  return context.redirect("/sign-in", 303);
}

/** For whoever has no session, or none that the browser would show after a link from elsewhere: then it asks once more. */
export function sendToSignIn(context: Context<AppEnv>): Response | Promise<Response> {
  const { pathname, search } = new URL(context.req.url);
  const path = pathWithin(pathname + search);
  if (context.req.method !== "GET") return context.redirect("/sign-in", 303);
  if (!cameFromElsewhere(context.req.raw)) return context.redirect(`/sign-in?next=${encodeURIComponent(path)}`, 303);
  return respondPage(
    <html lang="en">
      <head>
        <title>Sluice</title>
        <meta http-equiv="refresh" content={`0;url=${path}`} />
      </head>
      <body>
        <a href={path}>Go on</a>
      </body>
    </html>,
  );
}
