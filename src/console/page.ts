/**
 * What the console consists of: views, which are looked at and may go on changing, and acts, which change something and
 * lead on to a view.
 */
import type { JSX } from "hono/jsx/jsx-runtime";
import type { Section } from "./layout.tsx";
import type { Visit } from "./visit.ts";

export interface View {
  title: string;
  section: Section | null;
  body: JSX.Element;
  status?: number;
  /** Milliseconds until the view is worth another look; left out where it will not change by itself. */
  live?: number | undefined;
}

export interface ConsoleRoute {
  method: "get" | "post";
  /** As in the API: `/jobs/{id}`. */
  path: string;
  /** Answers a view to be rendered, or whatever else it likes. */
  handle(visit: Visit): Promise<View | Response>;
}

export const view = (path: string, handle: ConsoleRoute["handle"]): ConsoleRoute => ({ method: "get", path, handle });

export const act = (path: string, handle: ConsoleRoute["handle"]): ConsoleRoute => ({ method: "post", path, handle });

/** After an act: the browser looks there, and a reload repeats nothing. */
export const leadTo = (visit: Visit, path: string): Response => visit.context.redirect(path, 303);
