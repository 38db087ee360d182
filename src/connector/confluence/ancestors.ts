/**
 * The path of a page: what stands above it, from the top. Listings know it as a rule. What they leave out is asked for
 * here and kept for a while: on Cloud, pages also lie in folders and below whiteboards, which no list of pages gives.
 */
import { SluiceError } from "../../errors.ts";
import type { Ancestor } from "./content.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { idOf, isObject, type Json, objectAt, textOf } from "./json.ts";
import { rowsOf } from "./paging.ts";
import { type Site, v2, withQuery } from "./site.ts";

const DEPTH_MAX = 50;
const KEPT_MS = 10 * 60_000;
const KEPT_MAX = 20_000;
/** Of parents that are no pages. */
const PATHS: Readonly<Record<string, string>> = {
  folder: "/folders",
  whiteboard: "/whiteboards",
  database: "/databases",
  embed: "/embeds",
};

interface Node {
  title: string;
  parentId: string | null;
  parentType: string;
}

/** What the listing knew, unless the page was moved since. */
export function listedAncestors(value: unknown, parentId: string | null): Ancestor[] | null {
  if (!Array.isArray(value)) return null;
  const ancestors = value.flatMap((one) => {
    const id = isObject(one) ? idOf(one.id) : undefined;
    return id === undefined ? [] : [{ id, title: textOf(objectAt(one).title) ?? id }];
  });
  return (ancestors.at(-1)?.id ?? null) === parentId ? ancestors : null;
}

export class PageTree {
  private readonly known = new Map<string, { node: Node | null; until: number }>();

  /** From the top down to the parent. What this user may not see ends the path. */
  async above(
    parentId: string | null,
    parentType: string,
    site: Site,
    http: ConfluenceHttp,
    options: RequestOptions,
  ): Promise<Ancestor[]> {
    const path: Ancestor[] = [];
    for (let [id, type] = [parentId, parentType]; id !== null && path.length < DEPTH_MAX; ) {
      const node = await this.node(id, type, site, http, options);
      if (node === null) break;
      path.unshift({ id, title: node.title });
      [id, type] = [node.parentId, node.parentType];
    }
    return path;
  }

  private async node(
    id: string,
    type: string,
    site: Site,
    http: ConfluenceHttp,
    options: RequestOptions,
  ): Promise<Node | null> {
    const before = this.known.get(id);
    if (before !== undefined && before.until > Date.now()) return before.node;
    const node = nodeOf(await rowOf(id, type, site, http, options));
    if (this.known.size >= KEPT_MAX) this.known.clear();
    this.known.set(id, { node, until: Date.now() + KEPT_MS });
    return node;
  }
}

/** A page is looked for in a list, which is empty instead of an error where it cannot be seen. */
async function rowOf(
  id: string,
  type: string,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<Json | undefined> {
  const path = PATHS[type];
  if (path === undefined)
    return rowsOf((await http.json(withQuery(v2(site, "/pages"), { id, limit: 1 }), options)).body)[0];
  try {
    return objectAt((await http.json(v2(site, `${path}/${id}`), options)).body);
  } catch (error) {
    // Folders have a scope of their own; a page is not lost for want of its path.
    if (error instanceof SluiceError && error.fate === "permanent") return undefined;
    throw error;
  }
}

function nodeOf(row: Json | undefined): Node | null {
  const title = textOf(row?.title);
  if (title === undefined) return null;
  return { title, parentId: idOf(row?.parentId) ?? null, parentType: textOf(row?.parentType) ?? "page" };
}
