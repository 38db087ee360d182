/** Asking a stand-in in its own tests: by hand, so that no client's habits stand between the question and the answer. */
import type { Json, JsonObject } from "./answer.ts";
import { authorization, type StandIn } from "./server.ts";

export interface Told {
  status: number;
  headers: Headers;
  /** Null when the body is no JSON. */
  json: JsonObject | null;
  text: string;
  results: JsonObject[];
  next: string | null;
}

/** GET of a path behind the base URL, or of a whole URL, with the usual credentials unless others are given. */
export async function ask(standIn: StandIn, path: string, header: string | null = usual(standIn)): Promise<Told> {
  const url = path.startsWith("http") ? path : standIn.url + path;
  const headers: Record<string, string> = { Accept: "application/json", ...(header ? { Authorization: header } : {}) };
  const response = await fetch(url, { headers, redirect: "manual" });
  const text = await response.text();
  const json = parsed(text);
  const links = json?._links as JsonObject | undefined;
  return {
    status: response.status,
    headers: response.headers,
    json,
    text,
    results: (json?.results as JsonObject[] | undefined) ?? [],
    next: (links?.next as string | undefined) ?? null,
  };
}

const usual = (standIn: StandIn): string => authorization(standIn.url.endsWith("/wiki") ? "api-token" : "password");

function parsed(text: string): JsonObject | null {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return null;
  }
}

/** Every page of a listing by its next links; v2 links have the context in them, v1 links lack it. */
export async function askAll(standIn: StandIn, path: string): Promise<Told[]> {
  const pages: Told[] = [];
  for (let next: string | null = path; next !== null && pages.length < 500; next = pages.at(-1)!.next) {
    const at: string = next.startsWith("/wiki/") ? next.slice("/wiki".length) : next;
    pages.push(await ask(standIn, at));
  }
  return pages;
}

export const ids = (told: Told[]): string[] => told.flatMap(({ results }) => results.map((row) => String(row.id)));

/** A value by path, e.g. `version.by.displayName`; undefined when it is not there. */
export const at = (json: Json | undefined | null, path: string): Json | undefined =>
  path
    .split(".")
    .reduce<Json | undefined>(
      (value, name) => (value !== null && typeof value === "object" ? (value as JsonObject)[name] : undefined),
      json ?? undefined,
    );
