/**
 * Puts the console into the app, beside the API: its pages at their addresses, each behind a session, and every form
 * behind the check of where it comes from.
 */
import type { Context, Hono } from "hono";
import type { AppEnv, Deps } from "../http/app_deps.ts";
import { ICON, respondAsset, SCRIPT, STYLE } from "./assets.ts";
import { connectionPages } from "./connections.tsx";
import { documentPages } from "./document.tsx";
import { documentListPages } from "./documents.tsx";
import { jobPages } from "./job.tsx";
import { jobListPages } from "./jobs.tsx";
import { overviewPages } from "./overview.tsx";
import type { ConsoleRoute } from "./page.ts";
import { respond } from "./render.tsx";
import { searchPages } from "./search.tsx";
import { refuseForeignForm, sessionSecret } from "./session.ts";
import { settingsPages } from "./settings.tsx";
import { sendToSignIn, showSignIn, signIn, signOut } from "./sign_in.tsx";
import { uploadPages } from "./upload.tsx";
import { visitOf } from "./visit.ts";

const PAGES: readonly ConsoleRoute[] = [
  ...overviewPages,
  ...searchPages,
  ...documentListPages,
  ...documentPages,
  ...jobListPages,
  ...jobPages,
  ...connectionPages,
  ...uploadPages,
  ...settingsPages,
];

/** Adds the routes of the console to the app. */
export function mountConsole(app: Hono<AppEnv>, deps: Deps): void {
  const mount = (
    method: "get" | "post",
    path: string,
    handle: (context: Context<AppEnv>) => Response | Promise<Response>,
  ) =>
    app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ":$1"), (context) => {
      context.set("route", path);
      return handle(context);
    });
  for (const asset of [STYLE, SCRIPT, ICON]) mount("get", asset.path, () => respondAsset(asset));
  mount("get", "/sign-in", showSignIn);
  mount("post", "/sign-in", (context) => signIn(context, deps));
  mount("post", "/sign-out", (context) => signOut(context, deps));
  for (const page of PAGES) mount(page.method, page.path, (context) => visit(context, deps, page));
}

async function visit(context: Context<AppEnv>, deps: Deps, page: ConsoleRoute): Promise<Response> {
  if (page.method === "post") refuseForeignForm(context.req.raw);
  const secret = sessionSecret(context);
  const visitor = secret && (await visitOf(context, deps, secret));
  return visitor ? respond(page, visitor) : sendToSignIn(context);
}
