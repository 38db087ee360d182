/**
 * Lists a Cloud site through v2. Lists carry version numbers and no bodies, 250 rows a request, so that a full listing
 * costs a request for 250 pages and shows every change as well as every deletion. Status is asked for and checked again:
 * the lists of spaces give archived pages unless told otherwise (simstudioai/sim#5880). Rows name their parent only, so
 * that a page whose ancestors come later in the list is held back until they have come.
 */
import type { ConfluenceSettings } from "./config.ts";
import type { Ancestor, ListedAttachment, ListedPage, ListedSpace } from "./content.ts";
import { arrayAt, idOf, instantOf, type Json, numberOf, objectAt, textOf } from "./json.ts";
import {
  type Holders,
  holderFault,
  isWanted,
  type ListedComment,
  type Lister,
  type PageBatch,
  spaceFailure,
} from "./lister.ts";
import { cursorPages, type Reader } from "./paging.ts";
import { type Site, v2, webUrl } from "./site.ts";

const LIMIT = 250;
/** Spaces named in one request, where all of a site are wanted. */
const SPACES_MAX = 100;
/** Up to so many spaces are listed one by one, so that the fault of one is known as its own. */
const SINGLE_SPACES_MAX = 20;
const TREE_DEPTH_MAX = 50;

/** A page that was seen in the list. */
interface TreeNode {
  title: string;
  parentId: string | null;
  /** `page`, or what no list of pages gives: `folder`, `whiteboard`, `database`, `embed`. */
  parentType: string;
}

type ContentType = ListedPage["type"];
const PATHS: Record<ContentType, string> = { page: "/pages", blogpost: "/blogposts" };

export class CloudLister implements Lister {
  private readonly tree = new Map<string, TreeNode>();

  constructor(
    private readonly reader: Reader,
    private readonly site: Site,
    private readonly settings: ConfluenceSettings,
    private readonly spaces: ListedSpace[],
  ) {}

  async *pages(): AsyncGenerator<PageBatch> {
    const types: ContentType[] = this.settings.blogPosts ? ["page", "blogpost"] : ["page"];
    for (const type of types) {
      for (const group of this.groups()) yield* this.pagesOf(type, group);
    }
  }

  private groups(): ListedSpace[][] {
    const size = this.spaces.length <= SINGLE_SPACES_MAX ? 1 : SPACES_MAX;
    return Array.from({ length: Math.ceil(this.spaces.length / size) }, (_, i) =>
      this.spaces.slice(i * size, (i + 1) * size),
    );
  }

  private async *pagesOf(type: ContentType, group: ListedSpace[]): AsyncGenerator<PageBatch> {
    const [only] = group;
    const single = group.length === 1;
    const url = v2(this.site, single ? `/spaces/${only!.id}${PATHS[type]}` : PATHS[type]);
    const status = this.settings.archived && type === "page" ? ["current", "archived"] : ["current"];
    const query = { status, sort: "id", ...(single ? {} : { "space-id": group.map(({ id }) => id) }) };
    const byId = new Map(group.map((space) => [space.id, space]));
    const what = single ? `the ${type}s of ${only!.key}` : `the ${type}s of ${group.length} spaces`;
    const held: ListedPage[] = [];
    try {
      for await (const rows of cursorPages(this.reader, { url, query, limit: LIMIT, what })) {
        const batch = this.batch(rows, type, (row) => byId.get(idOf(row.spaceId) ?? "") ?? (single ? only : undefined));
        const [ready, early] = this.placed(batch.pages);
        held.push(...early);
        yield { ...batch, pages: ready };
      }
      yield this.released(held);
    } catch (error) {
      if (single) {
        const failure = spaceFailure(error, this.reader, this.settings.siteName, only!);
        yield { ...this.released(held), failures: [failure] };
        return;
      }
      // One of many spaces may be the reason; what is given twice is counted once.
      spaceFaultOnly(error);
      for (const space of group) yield* this.pagesOf(type, [space]);
    }
  }

  private batch(rows: Json[], type: ContentType, spaceOf: (row: Json) => ListedSpace | undefined): PageBatch {
    const batch: PageBatch = { pages: [], failures: [], ignored: 0 };
    for (const row of rows) {
      const id = idOf(row.id);
      const space = spaceOf(row);
      if (id === undefined || space === undefined) {
        this.reader.proof.doubt(`Confluence listed a ${type} without ${id === undefined ? "an id" : "a known space"}`);
        continue;
      }
      const title = textOf(row.title) ?? id;
      this.tree.set(id, { title, parentId: idOf(row.parentId) ?? null, parentType: textOf(row.parentType) ?? "page" });
      const status = textOf(row.status) ?? "current";
      if (!isWanted(status, this.settings.archived)) batch.ignored++;
      else batch.pages.push(this.page(row, { id, type, status, title, space }));
    }
    return batch;
  }

  private page(row: Json, known: Pick<ListedPage, "id" | "type" | "status" | "title" | "space">): ListedPage {
    const version = objectAt(row, "version");
    return {
      ...known,
      version: numberOf(version.number) ?? null,
      modifiedAt: instantOf(version.createdAt) ?? instantOf(row.createdAt),
      parentId: idOf(row.parentId) ?? null,
      ancestors: null,
      lineage: [],
      labels: [],
      url: webUrl(this.site, textOf(objectAt(row, "_links").webui), known.id),
    };
  }

  /** Pages with their place in the tree, and those of which an ancestor is still to come. */
  private placed(pages: ListedPage[]): [ready: ListedPage[], early: ListedPage[]] {
    const [ready, early]: [ListedPage[], ListedPage[]] = [[], []];
    for (const page of pages) {
      const { ancestors, missing } = this.pathTo(page.id);
      const lineage = ancestors.map(({ id }) => id);
      if (missing === null) ready.push({ ...page, ancestors, lineage });
      else if (missing.type === "page") early.push(page);
      else ready.push({ ...page, lineage: [missing.id, ...lineage] });
    }
    return [ready, early];
  }

  /** At the end of the list: what has not come by now cannot be seen. */
  private released(held: ListedPage[]): PageBatch {
    const [ready, orphaned] = this.placed(held);
    const rest = orphaned.map((page) => {
      const { ancestors, missing } = this.pathTo(page.id);
      return { ...page, lineage: [missing?.id ?? "", ...ancestors.map(({ id }) => id)] };
    });
    return { pages: [...ready, ...rest], failures: [], ignored: 0 };
  }

  /** Ancestors from the top, and the first one upwards that was not listed; null where the path is whole. */
  private pathTo(pageId: string): { ancestors: Ancestor[]; missing: { id: string; type: string } | null } {
    const ancestors: Ancestor[] = [];
    for (let node = this.tree.get(pageId); node !== undefined && node.parentId !== null; ) {
      const { parentId: id, parentType: type } = node;
      node = this.tree.get(id);
      if (node === undefined || ancestors.length > TREE_DEPTH_MAX) return { ancestors, missing: { id, type } };
      ancestors.unshift({ id, title: node.title });
    }
    return { ancestors, missing: null };
  }

  /**
   * All attachments of the site in one list, or those of each page: what costs fewer requests, found out by trying. v2
   * has no list by space, and the search index is no proof of anything.
   */
  async *attachments(holders: Holders): AsyncGenerator<ListedAttachment[]> {
    let requests = 0;
    const request = {
      url: v2(this.site, "/attachments"),
      query: { status: "current", sort: "created-date" },
      limit: LIMIT,
      what: "the attachments",
    };
    for await (const rows of cursorPages(this.reader, request)) {
      yield this.files(rows).filter((file) => holders.has(file.pageId));
      if (rows.length > 0 && ++requests > Math.max(20, holders.size)) {
        yield* this.attachmentsByPage(holders);
        return;
      }
    }
  }

  private async *attachmentsByPage(holders: Holders): AsyncGenerator<ListedAttachment[]> {
    for (const [id, { type }] of holders) {
      const url = v2(this.site, `${PATHS[type]}/${id}/attachments`);
      const request = { url, query: { status: "current" }, limit: LIMIT, what: `the attachments of ${id}` };
      try {
        for await (const rows of cursorPages(this.reader, request)) yield this.files(rows, id);
      } catch (error) {
        holderFault(error, this.reader, id);
      }
    }
  }

  private files(rows: Json[], holder?: string): ListedAttachment[] {
    return rows.flatMap((row) => {
      const id = idOf(row.id);
      const pageId = idOf(row.pageId) ?? idOf(row.blogPostId) ?? holder;
      // Those of whiteboards, databases and other custom content have no page.
      if (id === undefined || pageId === undefined || (textOf(row.status) ?? "current") !== "current") return [];
      return [cloudAttachment(this.site, row, id, pageId)];
    });
  }

  async *comments(): AsyncGenerator<ListedComment[]> {
    for (const path of ["/footer-comments", "/inline-comments"]) {
      for await (const rows of cursorPages(this.reader, {
        url: v2(this.site, path),
        query: {},
        limit: LIMIT,
        what: "the comments",
      })) {
        yield rows.flatMap((row): ListedComment[] => {
          const id = idOf(row.id);
          const pageId = idOf(row.pageId) ?? idOf(row.blogPostId);
          if (id === undefined || pageId === undefined) return [];
          const state = textOf(row.resolutionStatus) ?? "";
          const version = `${numberOf(objectAt(row, "version").number) ?? ""}${state}`;
          return [{ id, pageId, version, isInline: path === "/inline-comments" }];
        });
      }
    }
  }
}

function spaceFaultOnly(error: unknown): void {
  const isPermanent = error instanceof Error && "fate" in error && error.fate === "permanent";
  if (!isPermanent) throw error;
}

export function cloudAttachment(site: Site, row: Json, id: string, pageId: string): ListedAttachment {
  const version = objectAt(row, "version");
  return {
    id,
    pageId,
    status: textOf(row.status) ?? "current",
    name: textOf(row.title) ?? id,
    version: numberOf(version.number) ?? null,
    modifiedAt: instantOf(version.createdAt) ?? instantOf(row.createdAt),
    size: numberOf(row.fileSize) ?? null,
    mediaType: textOf(row.mediaType) ?? null,
    url: webUrl(site, textOf(objectAt(row, "_links").webui) ?? textOf(row.webuiLink), pageId),
    download: null,
  };
}

/** Labels in an answer that carries them. */
export function labelsOf(list: unknown): string[] {
  return arrayAt(list, "results").flatMap((label) => textOf(objectAt(label).name) ?? []);
}
