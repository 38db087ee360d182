/**
 * Lists a Cloud site through v2. Lists carry version numbers and no bodies, 250 rows a request, so that a full listing
 * costs a request for 250 pages and shows every change as well as every deletion. Status is asked for and checked again:
 * the lists of spaces give archived pages unless told otherwise (simstudioai/sim#5880). Rows name their parent only, so
 * that a page whose ancestors come later in the list is held back until they have come.
 */
import type { ConfluenceSettings } from "./config.ts";
import type { ListedAttachment, ListedPage, ListedSpace } from "./content.ts";
import { arrayAt, idOf, instantOf, type Json, numberOf, objectAt, textOf } from "./json.ts";
import { groupsOf } from "./list_spaces.ts";
import { ListedTree } from "./listed_tree.ts";
import {
  type Holders,
  holderFault,
  isWanted,
  type ListedComment,
  type Lister,
  type PageBatch,
  spaceFailure,
} from "./lister.ts";
import { cursorPages, listingOptions, type Reader, rowsOf } from "./paging.ts";
import { type Site, v2, webUrl, withQuery } from "./site.ts";

const LIMIT = 250;
/** Spaces named in one request, where all of a site are wanted. */
const SPACES_MAX = 100;
/** Up to so many spaces are listed one by one, so that the fault of one is known as its own. */
const SINGLE_SPACES_MAX = 20;
/** Pages that are asked for at once. */
const IDS_MAX = 100;

type ContentType = ListedPage["type"];
const PATHS: Record<ContentType, string> = { page: "/pages", blogpost: "/blogposts" };

export class CloudLister implements Lister {
  private readonly tree = new ListedTree();

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
        const [ready, early] = this.tree.place(batch.pages);
        held.push(...early);
        yield { ...batch, pages: ready };
      }
      yield { pages: await this.released(held), failures: [], ignored: 0 };
    } catch (error) {
      if (single) {
        const failure = spaceFailure(error, this.reader, this.settings.siteName, only!);
        yield { pages: this.tree.placeAll(held), failures: [failure], ignored: 0 };
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
      this.tree.add(id, row);
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

  /**
   * At the end of the list. What stands above a page and did not come (archived, or lost by the list) is asked for by its
   * id, so that a page's path does not depend on what the list happened to give.
   */
  private async released(held: ListedPage[]): Promise<ListedPage[]> {
    const asked = new Set<string>();
    for (;;) {
      const ids = [...this.tree.missingAbove(held)].filter((id) => !asked.has(id));
      if (ids.length === 0) return this.tree.placeAll(held);
      for (const group of groupsOf(ids, IDS_MAX)) {
        const query = { id: group, status: ["current", "archived"], limit: group.length };
        const { body } = await this.reader.http.json(
          withQuery(v2(this.site, "/pages"), query),
          listingOptions(this.reader.signal),
        );
        for (const row of rowsOf(body)) this.tree.add(idOf(row.id) ?? "", row);
        for (const id of group) asked.add(id);
      }
    }
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
