/** Which spaces a connection reads: those it names, or all that its user can see. */
import { errorToData, PermanentError } from "../../errors.ts";
import type { ListFailure } from "../connector.ts";
import type { ConfluenceSettings } from "./config.ts";
import type { ListedSpace } from "./content.ts";
import { idOf, type Json, textOf } from "./json.ts";
import { cursorPages, offsetPages, type Reader } from "./paging.ts";
import { spaceRef } from "./refs.ts";
import { type Site, v1, v2 } from "./site.ts";

/** Keys that go into one request. */
const KEYS_MAX = 50;

export interface Spaces {
  spaces: ListedSpace[];
  failures: ListFailure[];
}

/**
 * A space that is named but not seen becomes a failure: it is missing, archived, or this user may not read it, and
 * Confluence does not say which.
 */
export async function listSpaces(reader: Reader, site: Site, settings: ConfluenceSettings): Promise<Spaces> {
  const wanted = new Set(settings.spaces.map((key) => key.toUpperCase()));
  const found = new Map<string, ListedSpace>();
  for await (const row of spaceRows(reader, site, settings)) {
    const key = textOf(row.key);
    if (key === undefined) continue;
    if (
      wanted.size > 0 &&
      !wanted.has(key.toUpperCase()) &&
      !wanted.has((textOf(row.currentActiveAlias) ?? "").toUpperCase())
    )
      continue;
    if (textOf(row.status) === "archived" && !settings.archived) continue;
    found.set(key.toUpperCase(), { id: idOf(row.id) ?? "", key, name: textOf(row.name) ?? key });
  }
  const failures = settings.spaces
    .filter((key) => !found.has(key.toUpperCase()))
    .map((key): ListFailure => {
      const why = `the space ${key} is not there, is archived, or this user may not read it`;
      reader.proof.doubt(why);
      const error = errorToData(new PermanentError("connector.forbidden", why, { space: key }));
      return { externalRef: spaceRef(settings.siteName, key), name: `space ${key}`, error };
    });
  return { spaces: [...found.values()], failures };
}

async function* spaceRows(reader: Reader, site: Site, settings: ConfluenceSettings): AsyncGenerator<Json> {
  const keyGroups = settings.spaces.length > 0 ? groupsOf(settings.spaces, KEYS_MAX) : [undefined];
  const statuses = settings.archived ? ["current", "archived"] : ["current"];
  for (const keys of keyGroups) {
    for (const status of statuses) {
      const what = "the spaces";
      const pages =
        site.deployment === "cloud"
          ? cursorPages(reader, { url: v2(site, "/spaces"), query: { keys, status }, limit: 250, what })
          : offsetPages(reader, { url: `${v1(site, "/space")}${keyQuery(keys)}`, query: { status }, limit: 500, what });
      for await (const rows of pages) yield* rows;
    }
  }
}

/** v1 wants the parameter repeated. */
function keyQuery(keys: readonly string[] | undefined): string {
  if (keys === undefined) return "";
  return `?${keys.map((key) => `spaceKey=${encodeURIComponent(key)}`).join("&")}`;
}

export function groupsOf<T>(list: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let at = 0; at < list.length; at += size) groups.push(list.slice(at, at + size));
  return groups;
}
