/**
 * Lists through v1: a Data Center by its spaces, and either deployment by a query (CQL) where labels, page trees or a
 * query of the connection's own restrict it. The search pages by cursor on Cloud, where `start` is ignored, and by offset
 * on Data Center, which caps pages at 200 rows once anything is expanded.
 */
import { SluiceError } from "../../errors.ts";
import type { ConfluenceSettings } from "./config.ts";
import type { ListedAttachment, ListedPage, ListedSpace } from "./content.ts";
import { contentQuery, quoted } from "./cql.ts";
import { arrayAt, idOf, instantOf, isObject, type Json, numberOf, objectAt, textOf } from "./json.ts";
import { labelsOf } from "./list_cloud.ts";
import { groupsOf } from "./list_spaces.ts";
import {
  type Holders,
  holderFault,
  isWanted,
  type ListedComment,
  type Lister,
  type PageBatch,
  spaceFailure,
} from "./lister.ts";
import { cursorPages, offsetPages, type Reader } from "./paging.ts";
import { type Site, v1, webUrl } from "./site.ts";

const LIMIT = 200;
const SPACES_MAX = 50;
const EXPAND = "version,space,ancestors,metadata.labels";

export class V1Lister implements Lister {
  constructor(
    private readonly reader: Reader,
    private readonly site: Site,
    private readonly settings: ConfluenceSettings,
    /** Spaces to list; empty where a query chooses from all that can be seen. */
    private readonly spaces: ListedSpace[],
    /** Whether the connection is restricted by more than its spaces. */
    private readonly byQuery: boolean,
  ) {}

  async *pages(): AsyncGenerator<PageBatch> {
    if (this.byQuery) {
      for (const keys of this.keyGroups()) {
        const cql = contentQuery(this.settings, keys);
        for await (const rows of this.search(cql, EXPAND, "the pages")) yield this.batch(rows);
      }
      return;
    }
    const types = this.settings.blogPosts ? ["page", "blogpost"] : ["page"];
    for (const space of this.spaces) {
      for (const type of types) yield* this.pagesOf(space, type);
    }
  }

  private async *pagesOf(space: ListedSpace, type: string): AsyncGenerator<PageBatch> {
    const url = v1(this.site, "/content");
    const statuses = this.settings.archived && type === "page" ? ["current", "archived"] : ["current"];
    for (const status of statuses) {
      const query = { spaceKey: space.key, type, status, expand: EXPAND };
      try {
        for await (const rows of offsetPages(this.reader, {
          url,
          query,
          limit: LIMIT,
          what: `the ${type}s of ${space.key}`,
        })) {
          yield this.batch(rows, space);
        }
      } catch (error) {
        // Older servers know no archived pages.
        if (status === "archived" && error instanceof SluiceError && error.code === "connector.refused") continue;
        yield { pages: [], failures: [spaceFailure(error, this.reader, this.settings.siteName, space)], ignored: 0 };
        return;
      }
    }
  }

  private search(cql: string, expand: string, what: string): AsyncGenerator<Json[]> {
    const request = { url: v1(this.site, "/content/search"), query: { cql, expand }, limit: LIMIT, what };
    if (this.site.deployment === "cloud") return cursorPages(this.reader, request, { mayShrink: false });
    return offsetPages(this.reader, request);
  }

  private batch(rows: Json[], space?: ListedSpace): PageBatch {
    const batch: PageBatch = { pages: [], failures: [], ignored: 0 };
    for (const row of rows) {
      const page = v1Page(this.site, row, space);
      if (page === null) {
        this.reader.proof.doubt("Confluence listed content without an id, a type or a space");
        continue;
      }
      // The search knows no status, so that archived content of any kind may be among the rows.
      const hidden = textOf(objectAt(row, "space").status) === "archived" && !this.settings.archived;
      if (hidden || !isWanted(page.status, this.settings.archived)) batch.ignored++;
      else batch.pages.push(page);
    }
    return batch;
  }

  async *attachments(holders: Holders): AsyncGenerator<ListedAttachment[]> {
    try {
      for (const cql of this.restrict("type = attachment")) {
        for await (const rows of this.search(cql, "version,container", "the attachments")) {
          yield this.files(rows).filter((file) => holders.has(file.pageId));
        }
      }
    } catch (error) {
      // Old servers do not search, and some refuse to search for attachments.
      if (!(error instanceof SluiceError) || error.code !== "connector.refused") throw error;
      for (const id of holders.keys()) yield* this.attachmentsOf(id);
    }
  }

  private async *attachmentsOf(pageId: string): AsyncGenerator<ListedAttachment[]> {
    const url = v1(this.site, `/content/${pageId}/child/attachment`);
    const request = { url, query: { expand: "version,container" }, limit: LIMIT, what: `the attachments of ${pageId}` };
    try {
      for await (const rows of offsetPages(this.reader, request)) yield this.files(rows, pageId);
    } catch (error) {
      holderFault(error, this.reader, pageId);
    }
  }

  private files(rows: Json[], holder?: string): ListedAttachment[] {
    return rows.flatMap((row) => {
      const file = v1Attachment(this.site, row, holder);
      return file !== null && file.status === "current" ? [file] : [];
    });
  }

  /** Labels of pages and blog posts by their ids, of those that have any. */
  async *labels(): AsyncGenerator<[pageId: string, labels: string[]][]> {
    for (const cql of this.restrict("type in (page, blogpost)")) {
      for await (const rows of this.search(cql, "metadata.labels", "the labels")) {
        yield rows.flatMap((row): [string, string[]][] => {
          const id = idOf(row.id);
          const labels = v1Labels(row);
          return id === undefined || labels.length === 0 ? [] : [[id, labels]];
        });
      }
    }
  }

  async *comments(): AsyncGenerator<ListedComment[]> {
    for (const cql of this.restrict("type = comment")) {
      for await (const rows of this.search(cql, "version,container,extensions.resolution", "the comments")) {
        yield rows.flatMap((row): ListedComment[] => {
          const id = idOf(row.id);
          const pageId = idOf(objectAt(row, "container").id);
          if (id === undefined || pageId === undefined) return [];
          const extensions = objectAt(row, "extensions");
          const state = textOf(objectAt(extensions, "resolution").status) ?? "";
          const version = `${numberOf(objectAt(row, "version").number) ?? ""}${state}`;
          return [{ id, pageId, version, isInline: extensions.location === "inline" }];
        });
      }
    }
  }

  private restrict(condition: string): string[] {
    return this.keyGroups().map((keys) =>
      keys.length === 0 ? condition : `${condition} and space in (${keys.map(quoted).join(",")})`,
    );
  }

  /** Keys that go into one query, since addresses have a length; one empty group where no spaces are named. */
  private keyGroups(): string[][] {
    const keys = this.spaces.map(({ key }) => key);
    return keys.length === 0 ? [[]] : groupsOf(keys, SPACES_MAX);
  }
}

/** A page as v1 gives it; null for what is none. */
export function v1Page(site: Site, row: Json, listedIn?: ListedSpace): ListedPage | null {
  const id = idOf(row.id);
  const type = row.type === "blogpost" ? "blogpost" : row.type === "page" || row.type === undefined ? "page" : null;
  const spaceRow = objectAt(row, "space");
  const key =
    textOf(spaceRow.key) ??
    listedIn?.key ??
    /\/space\/([^/]+)$/.exec(textOf(objectAt(row, "_expandable").space) ?? "")?.[1];
  if (id === undefined || type === null || key === undefined) return null;
  const version = objectAt(row, "version");
  const ancestors = Array.isArray(row.ancestors)
    ? arrayAt(row, "ancestors").flatMap((one) =>
        isObject(one) && idOf(one.id) ? [{ id: idOf(one.id)!, title: textOf(one.title) ?? idOf(one.id)! }] : [],
      )
    : null;
  return {
    id,
    type,
    status: textOf(row.status) ?? "current",
    title: textOf(row.title) ?? id,
    version: numberOf(version.number) ?? null,
    modifiedAt: instantOf(version.when),
    parentId: ancestors?.at(-1)?.id ?? null,
    lineage: (ancestors ?? []).map((one) => one.id),
    labels: v1Labels(row),
    space: { id: idOf(spaceRow.id) ?? listedIn?.id ?? "", key, name: textOf(spaceRow.name) ?? listedIn?.name ?? key },
    ancestors,
    url: webUrl(site, textOf(objectAt(row, "_links").webui), id),
  };
}

export const v1Labels = (row: Json): string[] => labelsOf(objectAt(row, "metadata", "labels"));

export function v1Attachment(site: Site, row: Json, holder?: string): ListedAttachment | null {
  const id = idOf(row.id);
  const pageId =
    idOf(objectAt(row, "container").id) ??
    holder ??
    /\/content\/(\d+)$/.exec(textOf(objectAt(row, "_expandable").container) ?? "")?.[1];
  if (id === undefined || pageId === undefined) return null;
  const version = objectAt(row, "version");
  const extensions = objectAt(row, "extensions");
  const links = objectAt(row, "_links");
  return {
    id,
    pageId,
    status: textOf(row.status) ?? "current",
    name: textOf(row.title) ?? id,
    version: numberOf(version.number) ?? null,
    modifiedAt: instantOf(version.when),
    size: numberOf(extensions.fileSize) ?? null,
    mediaType: textOf(extensions.mediaType) ?? textOf(objectAt(row, "metadata").mediaType) ?? null,
    url: webUrl(site, textOf(links.webui), pageId),
    download: textOf(links.download) ?? null,
  };
}
