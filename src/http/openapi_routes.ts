/** The API description, for programs (`/openapi.json`) and for people (`/docs`); both are public and say the same. */
import * as v from "valibot";
import { VERSION } from "../version.ts";
import { DOCS_CSP, docsPage } from "./docs_page.ts";
import { describeApi } from "./openapi.ts";
import { jsonRoute, plainRoute, type Route } from "./route.ts";

/** Describes `routes` and itself. */
export function descriptionRoutes(routes: readonly Route[]): Route[] {
  let made: ReturnType<typeof describeApi> | undefined;
  let page: string | undefined;
  const describe = () => (made ??= describeApi([...routes, ...own], VERSION.version));
  const own: Route[] = [
    jsonRoute({
      method: "get",
      path: "/openapi.json",
      summary: "This description",
      tag: "Operation",
      access: "public",
      answer: v.looseObject({ openapi: v.string() }),
      handle: async () => describe(),
    }),
    plainRoute({
      method: "get",
      path: "/docs",
      summary: "This description as a page",
      tag: "Operation",
      access: "public",
      mediaType: "text/html",
      handle: async () =>
        new Response((page ??= await docsPage(describe())), {
          headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": DOCS_CSP },
        }),
    }),
  ];
  return own;
}
