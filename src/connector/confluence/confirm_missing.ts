/**
 * Asks for each source that a complete listing lacks whether it is really gone. Lists of a living site lose rows: a page
 * deleted while an offset list is read moves the next one out of sight, and search indexes lag. So nothing is deleted on
 * the word of a list alone; what answers by its id and still belongs to the connection stays.
 */
import { SluiceError } from "../../errors.ts";
import type { ConfluenceSettings } from "./config.ts";
import { contentQuery, needsQuery } from "./cql.ts";
import type { ConfluenceHttp } from "./http.ts";
import { idOf, type Json, objectAt, textOf } from "./json.ts";
import { groupsOf } from "./list_spaces.ts";
import { type Holders, isWanted } from "./lister.ts";
import { listingOptions, rowsOf } from "./paging.ts";
import { parseRef } from "./refs.ts";
import { type Site, v1, v2, withQuery } from "./site.ts";

const IDS_MAX = 100;
const AT_ONCE = 8;

export interface ConfirmDeps {
  http: ConfluenceHttp;
  site: Site;
  settings: ConfluenceSettings;
  signal: AbortSignal;
  /** Keys of the spaces that were listed; null where a query chooses from all. */
  spaceKeys: ReadonlySet<string> | null;
  holders: Holders;
}

/** The refs among `missing` that still exist and belong to the connection. */
export async function confirmMissing(missing: readonly string[], deps: ConfirmDeps): Promise<Set<string>> {
  const pages = new Map<string, string>();
  const files = new Map<string, string>();
  for (const ref of missing) {
    const parsed = parseRef(ref);
    if (parsed?.siteName !== deps.settings.siteName) continue;
    if (parsed.kind === "page") pages.set(parsed.id, ref);
    if (parsed.kind === "attachment") files.set(parsed.id, ref);
  }
  const found = new Set<string>();
  const ids = [...pages.keys()];
  const living = needsQuery(deps.settings)
    ? await byQuery(ids, deps)
    : deps.site.deployment === "cloud"
      ? await onCloud(ids, deps)
      : await oneByOne(ids, deps);
  for (const id of living) found.add(pages.get(id)!);
  await inParallel([...files.keys()], async (id) => {
    if (await hasFile(id, living, deps)) found.add(files.get(id)!);
  });
  return found;
}

async function byQuery(ids: string[], deps: ConfirmDeps): Promise<Set<string>> {
  const living = new Set<string>();
  for (const group of groupsOf(ids, IDS_MAX)) {
    const cql = `${contentQuery(deps.settings, [...(deps.spaceKeys ?? [])])} and id in (${group.join(",")})`;
    const url = withQuery(v1(deps.site, "/content/search"), { cql, limit: group.length });
    addWanted(living, rowsOf((await deps.http.json(url, listingOptions(deps.signal))).body), deps);
  }
  return living;
}

async function onCloud(ids: string[], deps: ConfirmDeps): Promise<Set<string>> {
  const living = new Set<string>();
  const status = deps.settings.archived ? ["current", "archived"] : ["current"];
  for (const group of groupsOf(ids, IDS_MAX)) {
    const spaces = new Map<string, boolean>();
    for (const path of deps.settings.blogPosts ? ["/pages", "/blogposts"] : ["/pages"]) {
      const query = { id: group, limit: group.length, status: path === "/pages" ? status : ["current"] };
      const rows = rowsOf(
        (await deps.http.json(withQuery(v2(deps.site, path), query), listingOptions(deps.signal))).body,
      );
      for (const row of rows) if (await isInSpaces(row, spaces, deps)) addWanted(living, [row], deps);
    }
  }
  return living;
}

/** Pages that were moved to another space answer as well. */
async function isInSpaces(row: Json, known: Map<string, boolean>, deps: ConfirmDeps): Promise<boolean> {
  const id = idOf(row.spaceId);
  if (id === undefined || deps.spaceKeys === null) return true;
  const before = known.get(id);
  if (before !== undefined) return before;
  const space = await exists(v2(deps.site, `/spaces/${id}`), deps);
  const isListed = space !== null && deps.spaceKeys.has(textOf(space.key) ?? "");
  known.set(id, isListed);
  return isListed;
}

async function oneByOne(ids: string[], deps: ConfirmDeps): Promise<Set<string>> {
  const living = new Set<string>();
  await inParallel(ids, async (id) => {
    const row = await exists(withQuery(v1(deps.site, `/content/${id}`), { expand: "space" }), deps);
    const key = textOf(objectAt(row, "space").key);
    if (row !== null && (deps.spaceKeys === null || key === undefined || deps.spaceKeys.has(key)))
      addWanted(living, [row], deps);
  });
  return living;
}

function addWanted(living: Set<string>, rows: Json[], { settings }: ConfirmDeps): void {
  for (const row of rows) {
    const id = idOf(row.id);
    if (id !== undefined && isWanted(textOf(row.status) ?? "current", settings.archived)) living.add(id);
  }
}

async function hasFile(id: string, living: ReadonlySet<string>, deps: ConfirmDeps): Promise<boolean> {
  if (!deps.settings.attachments.enabled) return false;
  const isCloud = deps.site.deployment === "cloud";
  const url = isCloud
    ? v2(deps.site, `/attachments/att${id}`)
    : withQuery(v1(deps.site, `/content/${await v1FileId(id, deps)}`), { expand: "container" });
  const row = await exists(url, deps);
  if (row === null || (textOf(row.status) ?? "current") !== "current") return false;
  const holder = idOf(row.pageId) ?? idOf(row.blogPostId) ?? idOf(objectAt(row, "container").id);
  return holder !== undefined && (deps.holders.has(holder) || living.has(holder));
}

/** Data Center gives ids of attachments with and without `att`, by version. */
async function v1FileId(id: string, deps: ConfirmDeps): Promise<string> {
  return (await exists(v1(deps.site, `/content/${id}`), deps)) === null ? `att${id}` : id;
}

/** The row, or null where Confluence says that it is not there or not for this user. */
async function exists(url: string, { http, signal }: ConfirmDeps): Promise<Json | null> {
  try {
    return objectAt((await http.json(url, listingOptions(signal))).body);
  } catch (error) {
    if (error instanceof SluiceError && (error.code === "connector.gone" || error.code === "connector.forbidden"))
      return null;
    throw error;
  }
}

async function inParallel<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const queue = list.values();
  const lane = async () => {
    for (const one of queue) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
