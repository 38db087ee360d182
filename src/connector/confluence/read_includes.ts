/**
 * Reads the pages that a page includes, and those that they include. Each is read once, however often it is shown; a
 * circle ends by itself. A page that is missing or forbidden stays a placeholder. Nothing is kept beyond the request
 * itself: what is shown here must be the page as it is now, or a change of it would pass unseen.
 */

import type { PagePayload } from "../../convert/confluence/page_payload.ts";
import { SluiceError } from "../../errors.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { findPage, findSpace, type ReadPage, readPage } from "./read_page.ts";
import { type IncludeName, includedPages } from "./scan_storage.ts";
import type { Site } from "./site.ts";

const PAGES_MAX = 60;
/** More than for a page of its own: a page that goes without an include is not read again soon. */
const TRIES = 5;
const CHARS_MAX = 8 * 1024 * 1024;

export type Included = PagePayload["includes"][number];

export class Includes {
  /** Requests under way: a template is often part of many pages that are read at the same time. */
  private readonly running = new Map<string, Promise<Outcome>>();
  /** They never change. */
  private readonly spaceIds = new Map<string, Promise<string | null>>();

  constructor(private readonly http: ConfluenceHttp) {}

  /** In the order in which they are met; `unread` are ids of those that are there but could not be read now. */
  async of(
    page: ReadPage,
    spaceKey: string,
    site: Site,
    options: RequestOptions,
  ): Promise<{ pages: Included[]; unread: string[] }> {
    const found = new Map<string, Included>();
    const unread = new Set<string>();
    const queue = namesOf(page.storage, spaceKey, spaceKey);
    let chars = 0;
    for (const name of queue) {
      if (found.size >= PAGES_MAX || chars > CHARS_MAX) break;
      const included = await this.page(name, page, site, { ...options, tries: TRIES });
      if (included === null) continue;
      if (typeof included === "string") {
        unread.add(included);
        continue;
      }
      if (included.id === page.id || found.has(included.id)) continue;
      const key = included.space.key || name.spaceKey;
      chars += included.storage.length;
      const { id, title, url, version, storage } = included;
      found.set(id, { id, space_key: key, title, url, version, storage });
      queue.push(...namesOf(storage, key, spaceKey));
    }
    return { pages: [...found.values()], unread: [...unread] };
  }

  private page(name: Named, from: ReadPage, site: Site, options: RequestOptions): Promise<Outcome> {
    const key = JSON.stringify([name.id, name.spaceKey, name.title]);
    const running = this.running.get(key);
    if (running !== undefined) return running;
    const page = this.read(name, from, site, options).finally(() => this.running.delete(key));
    this.running.set(key, page);
    return page;
  }

  private spaceId(key: string, site: Site, options: RequestOptions): Promise<string | null> {
    const before = this.spaceIds.get(key);
    if (before !== undefined) return before;
    const id = findSpace(key, site, this.http, options);
    this.spaceIds.set(key, id);
    const forget = () => this.spaceIds.delete(key);
    id.then((found) => found ?? forget(), forget);
    return id;
  }

  private async read(name: Named, from: ReadPage, site: Site, options: RequestOptions): Promise<Outcome> {
    let id = name.id;
    try {
      const own = name.isOwnSpace && from.space.id !== "" ? Promise.resolve(from.space.id) : undefined;
      const spaceId = () => own ?? this.spaceId(name.spaceKey, site, options);
      id ??= await findPage({ spaceKey: name.spaceKey, title: name.title! }, spaceId, site, this.http, options);
      return id === null ? null : await readPage(id, "page", site, this.http, options);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.fate === "snooze") throw error;
      // What cannot be read is not the fault of the page that shows it; when it can be read again, both are.
      return error.fate === "permanent" && error.code !== "connector.refused" ? null : id;
    }
  }
}

/** A page, the id of one that could not be read now, or null for one that is not there. */
type Outcome = ReadPage | string | null;

type Named = IncludeName & { spaceKey: string; isOwnSpace: boolean };

/** `spaceKey`: of the page that holds the markup; `ownKey`: of the page that all this is for. */
function namesOf(storage: string, spaceKey: string, ownKey: string): Named[] {
  return includedPages(storage).map((name) => {
    const key = name.spaceKey ?? spaceKey;
    return { ...name, spaceKey: key, isOwnSpace: key === ownKey };
  });
}
