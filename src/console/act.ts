/**
 * What a visitor does, as opposed to looks at: every button is a route of the API, called with the session's caller. So
 * the console may do nothing that the API would refuse, and both check the same things in the same words.
 */
import { readCounted } from "../http/read_json.ts";
import type { Method, Route } from "../http/route.ts";
import { ROUTES } from "../http/routes.ts";
import type { Visit } from "./visit.ts";

/** Forms of the console are short; files do not pass through here. */
const FORM_BYTES_MAX = 64 * 1024;

/** The API's route; a wrong name is found when the console is mounted. */
export function apiRoute(method: Method, path: string): Route {
  const route = ROUTES.find((one) => one.method === method && one.path === path);
  if (!route) throw new Error(`the API has no route ${method} ${path}`);
  return route;
}

/** Calls the route with the parameters of the visited path and, where it takes JSON, with `body`. Throws as it does. */
export function callApi(visit: Visit, route: Route, body?: unknown): Promise<Response> {
  visit.context.set("instead", { caller: visit.caller, body });
  return route.handle(visit.context, visit.deps);
}

/** The fields of an urlencoded form. Throws InputError `request.too_large`. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  return new URLSearchParams(new TextDecoder().decode(await readCounted(request, FORM_BYTES_MAX)));
}
