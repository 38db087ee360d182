/** placeholder */
import type { Route } from "./route.ts";
export interface Example {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: Record<string, unknown>;
  answer?: unknown;
}
export const exampleOf = (_: Route): Example | undefined => undefined;
