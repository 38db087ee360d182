/**
 * The HTTP app: routes, and around each of them what every request gets: a correlation id, the security headers, a line
 * in the access log, a place in the metrics, and errors in one envelope. It is tested by `app.request()` without a port.
 */
import { type Context, Hono } from "hono";
import { mountConsole } from "../console/mount.ts";
import { asSystem } from "../db/tenant_scope.ts";
import { InputError } from "../errors.ts";
import { createMetrics } from "../metrics.ts";
import { queueDepth } from "../queue/depth.ts";
import type { AppDeps, AppEnv, Deps } from "./app_deps.ts";
import { correlationIdOf } from "./correlation.ts";
import { Guesses } from "./guesses.ts";
import { Intake } from "./intake.ts";
import { descriptionRoutes } from "./openapi_routes.ts";
import { RequestPace } from "./request_pace.ts";
import { respondError } from "./respond_error.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** Answers are data: nothing in them may run, be framed, guessed at or kept by a cache unless a route says so. */
const HEADERS: Record<string, string> = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};
/** Asked for every few seconds by machines. */
const QUIET = new Set(["/healthz", "/readyz", "/metrics"]);

/** The app; everything it uses comes in, so that a test can call it alone. */
export function createApp(given: AppDeps): Hono<AppEnv> {
  const deps: Deps = {
    ...given,
    metrics: given.metrics ?? createMetrics(() => queueDepth(asSystem(given.sql))),
    guesses: new Guesses(),
    pace: new RequestPace(),
    intake: new Intake(given.config.intake, asSystem(given.sql)),
  };
  const routes = [...ROUTES, ...descriptionRoutes(ROUTES)];
  const app = new Hono<AppEnv>();
  app.use("*", (context, next) => observe(context, next, deps));
  for (const route of routes)
    app.on(route.method.toUpperCase(), honoPath(route), (context) => {
      context.set("route", route.path);
      return route.handle(context, deps);
    });
  for (const [path, methods] of allowedMethods(routes))
    app.all(path, (context) => {
      context.set("route", path);
      throw new InputError("request.method_not_allowed", `${context.req.method} is not possible here`, {
        allow: methods,
      });
    });
  mountConsole(app, deps);
  app.notFound(() => {
    throw new InputError("request.no_such_route", "There is no such route");
  });
  app.onError((error, context) => respondError(error, context.get("correlationId"), context.get("log")));
  return app;
}

const honoPath = (route: Route): string => route.path.replace(/\{(\w+)\}/g, ":$1");

/** Path → methods; HEAD is answered wherever GET is. */
function allowedMethods(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const known = methods.get(honoPath(route)) ?? [];
    methods.set(honoPath(route), [...known, route.method.toUpperCase(), ...(route.method === "get" ? ["HEAD"] : [])]);
  }
  return methods;
}

async function observe(context: Context<AppEnv>, next: () => Promise<void>, deps: Deps): Promise<void> {
  const startedAt = performance.now();
  const correlationId = correlationIdOf(context.req.raw.headers);
  const log = deps.log.child({ correlation_id: correlationId });
  context.set("correlationId", correlationId);
  context.set("log", log);
  let giveBack = () => {};
  try {
    if (!QUIET.has(context.req.path)) giveBack = deps.intake.takeRequest();
    await next();
  } catch (thrown) {
    // What Hono's onError does not see: an error of notFound, and a thrown value that is no Error.
    context.res = respondError(thrown, correlationId, log);
  } finally {
    giveBack();
  }
  const answer = context.res.headers;
  for (const [name, value] of Object.entries(HEADERS)) if (!answer.has(name)) answer.set(name, value);
  answer.set("x-correlation-id", correlationId);
  const route = context.get("route") ?? "none";
  const ms = performance.now() - startedAt;
  const { method } = context.req;
  deps.metrics.observeRequest(method, route, context.res.status, ms / 1000);
  log[QUIET.has(route) ? "debug" : "info"](
    {
      method,
      route,
      status: context.res.status,
      ms: Math.round(ms * 10) / 10,
      tenant_id: context.get("tenantId"),
      token_id: context.get("tokenId"),
    },
    "request",
  );
}
