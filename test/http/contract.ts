/** Holds answers to the API description: what any test gets from the app must be what the description promises. */
import * as v from "valibot";
import { CODES } from "../../src/errors.ts";
import { ANYWHERE, errorsOf } from "../../src/http/openapi_errors.ts";
import type { Route } from "../../src/http/route.ts";
import { ROUTES } from "../../src/http/routes.ts";

const patterns = ROUTES.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
}));

/** The route that a request leads to; undefined for what is no route of the API. */
export function routeFor(method: string, path: string): Route | undefined {
  const { pathname } = new URL(path, "http://app.test");
  return patterns.find(({ route, pattern }) => route.method === method.toLowerCase() && pattern.test(pathname))?.route;
}

/** What the description does not tell of an answer, in words; null when all is told. */
export function untold(method: string, path: string, status: number, json: unknown): string | null {
  const route = routeFor(method, path);
  if (!route) return null;
  const name = `${method} ${route.path}`;
  const code = (json as { error?: { code?: string } } | null)?.error?.code;
  if (code !== undefined) {
    // What no caller brings about needs no description: faults of what stands behind the service.
    if (status >= 500 || [...ANYWHERE, ...errorsOf(route)].some((one) => one === code && CODES[one].status === status))
      return null;
    return `${name} answers ${status} ${code}, which is not in its errors`;
  }
  if (![route.status, ...route.otherStatuses, ...(route.etag ? [304] : [])].includes(status))
    return `${name} answers ${status} instead of ${route.status}`;
  if (!route.produces || !("schema" in route.produces)) return null;
  const issues = v
    .safeParse(route.produces.schema, json)
    .issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
  return issues ? `${name} answers what its schema does not say: ${issues.join("; ")}` : null;
}
