/** Reads one page with its body through either interface, into the same form. One request a page, as a rule. */
import { PermanentError, SluiceError } from "../../errors.ts";
import type { Ancestor, ListedSpace } from "./content.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { idOf, instantOf, isObject, type Json, numberOf, objectAt, textOf } from "./json.ts";
import { labelsOf } from "./list_cloud.ts";
import { v1Page } from "./list_v1.ts";
import { displayName } from "./names.ts";
import { cursorPages, rowsOf } from "./paging.ts";
import { Proof } from "./proof.ts";
import { type Site, v1, v2, webUrl, withQuery } from "./site.ts";

export interface ReadPage {
  id: string;
  type: "page" | "blogpost";
  status: string;
  title: string;
  /** Key and name may be empty where only the listing knows them. */
  space: ListedSpace;
  version: number | null;
  modifiedAt: string | null;
  modifiedBy: string | null;
  createdAt: string | null;
  createdBy: string | null;
  parentId: string | null;
  /** Cloud has parents that are no pages: `folder`, `whiteboard`, `database`, `embed`. */
  parentType: string;
  ancestors: Ancestor[] | null;
  labels: string[];
  url: string;
  storage: string;
  /** Names that the answer told by the way. */
  names: [user: string, name: string][];
}

/** Throws PermanentError `connector.gone`, `connector.forbidden` and what requests throw. */
export async function readPage(
  id: string,
  type: string,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
  /** As listed; Data Center gives archived pages only when asked for. */
  status?: string,
): Promise<ReadPage> {
  if (site.deployment === "datacenter") return await readV1(id, status, site, http, options);
  const path = type === "blogpost" ? "/blogposts" : "/pages";
  const url = withQuery(v2(site, `${path}/${id}`), { "body-format": "storage", "include-labels": "true" });
  const { body } = await http.json(url, options);
  const row = objectAt(body);
  const version = objectAt(row, "version");
  return {
    id,
    type: path === "/blogposts" ? "blogpost" : "page",
    status: textOf(row.status) ?? "current",
    title: textOf(row.title) ?? id,
    space: { id: idOf(row.spaceId) ?? "", key: "", name: "" },
    version: numberOf(version.number) ?? null,
    modifiedAt: instantOf(version.createdAt),
    modifiedBy: textOf(version.authorId) ?? null,
    createdAt: instantOf(row.createdAt),
    createdBy: textOf(row.authorId) ?? null,
    parentId: idOf(row.parentId) ?? null,
    parentType: textOf(row.parentType) ?? "page",
    ancestors: null,
    labels: await allLabels(row, v2(site, `${path}/${id}/labels`), http, options),
    url: webUrl(site, textOf(objectAt(row, "_links").webui), id),
    storage: storageOf(row, id),
    names: [],
  };
}

/** The page's own answer carries no more than 50. */
async function allLabels(row: Json, url: string, http: ConfluenceHttp, options: RequestOptions): Promise<string[]> {
  const labels = labelsOf(row.labels);
  const isWhole =
    objectAt(row, "labels", "meta").hasMore !== true && textOf(objectAt(row, "labels", "_links").next) === undefined;
  if (isObject(row.labels) && isWhole) return labels.sort();
  try {
    const all: string[] = [];
    const request = { url, query: {}, limit: 250, what: "labels" };
    for await (const rows of cursorPages({ http, signal: options.signal, proof: new Proof() }, request))
      all.push(...labelsOf({ results: rows }));
    return all.sort();
  } catch (error) {
    // Labels may need a scope of their own; a page is not lost for want of them.
    if (error instanceof SluiceError && error.fate === "permanent") return labels.sort();
    throw error;
  }
}

async function readV1(
  id: string,
  status: string | undefined,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<ReadPage> {
  const expand = "body.storage,version,history,space,ancestors,metadata.labels";
  const url = withQuery(v1(site, `/content/${id}`), { expand, status });
  const { body } = await http.json(url, options);
  const row = objectAt(body);
  const page = v1Page(site, row, { id: "", key: "", name: "" });
  if (page === null) throw new PermanentError("connector.refused", `the answer for ${id} is no page`);
  const editor = objectAt(row, "version", "by");
  const creator = objectAt(row, "history", "createdBy");
  return {
    ...page,
    parentType: "page",
    modifiedBy: userId(editor),
    createdAt: instantOf(objectAt(row, "history").createdDate),
    createdBy: userId(creator),
    labels: page.labels.sort(),
    storage: storageOf(row, id),
    names: [editor, creator].flatMap((user): [string, string][] => {
      const key = userId(user);
      const name = displayName(user);
      return key !== null && name !== undefined ? [[key, name]] : [];
    }),
  };
}

/** The id by which mentions would name this person. */
export function userId(user: Json): string | null {
  return textOf(user.accountId) ?? textOf(user.userKey) ?? textOf(user.username) ?? null;
}

/** A body that is missing is not an empty page: an answer without it is not believed. */
export function storageOf(row: Json, id: string): string {
  const { value } = objectAt(row, "body", "storage");
  if (typeof value === "string") return value;
  throw new PermanentError("connector.refused", `Confluence gave ${id} without its storage format`);
}

/** Id of the current page of a title in a space; null where there is none that can be seen. */
export async function findPage(
  name: { spaceKey: string; title: string },
  spaceId: () => Promise<string | null>,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<string | null> {
  const { title, spaceKey } = name;
  if (site.deployment === "datacenter") {
    const url = withQuery(v1(site, "/content"), { spaceKey, title, limit: 2 });
    return idOf(rowsOf((await http.json(url, options)).body)[0]?.id) ?? null;
  }
  const inSpace = await spaceId();
  if (inSpace === null) return null;
  const url = withQuery(v2(site, "/pages"), { title, "space-id": inSpace, status: "current", limit: 2 });
  return idOf(rowsOf((await http.json(url, options)).body)[0]?.id) ?? null;
}

/** The id of a space on Cloud; null where it cannot be seen. */
export async function findSpace(
  key: string,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<string | null> {
  const rows = rowsOf((await http.json(withQuery(v2(site, "/spaces"), { keys: key, limit: 1 }), options)).body);
  return idOf(rows[0]?.id) ?? null;
}
