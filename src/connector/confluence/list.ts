/**
 * The listing of a connection: pages and blog posts, then their attachments. Every sync reads the whole list without
 * bodies: version numbers show what changed, and what a complete list lacks is gone. A window of last changes (CQL) would
 * save little at 250 rows a request, cannot see deletions, moves or restrictions, and trusts an index that lags.
 * Comments have no part in a page's version, so their own versions go into the page's mark.
 */
import { PermanentError, SluiceError } from "../../errors.ts";
import type { DescriptorPage, ListContext, Listing, SourceType } from "../connector.ts";
import type { ConfluenceSettings } from "./config.ts";
import { confirmMissing } from "./confirm_missing.ts";
import { addComment, type CommentDigest, describeAttachment, describePage } from "./content.ts";
import { needsQuery } from "./cql.ts";
import type { ConfluenceHttp } from "./http.ts";
import { CloudLister } from "./list_cloud.ts";
import { listSpaces, type Spaces } from "./list_spaces.ts";
import { V1Lister } from "./list_v1.ts";
import type { Holder, Lister } from "./lister.ts";
import type { Reader } from "./paging.ts";
import { Proof } from "./proof.ts";
import type { Site } from "./site.ts";
import { whyExcluded } from "./wanted_files.ts";

/** Descriptors handed on at once, at most. */
const PAGE_SIZE = 250;

export interface ListDeps {
  http: ConfluenceHttp;
  settings: ConfluenceSettings;
  site(signal: AbortSignal): Promise<Site>;
}

/** `types`: the source types that are wanted. */
export function listConfluence(deps: ListDeps, context: ListContext, types: readonly SourceType[]): Listing {
  const proof = new Proof();
  const run = new ListingRun(deps, { http: deps.http, signal: context.signal, proof }, types);
  return {
    pages: sliced(run.pages(), context.pageSize ?? PAGE_SIZE, context.signal),
    outcome: () => proof.outcome(),
    confirmMissing: (missing, signal) => run.confirmMissing(missing, signal),
  };
}

class ListingRun {
  private readonly holders = new Map<string, Holder>();
  private readonly comments = new Map<string, CommentDigest>();
  private spaceKeys: ReadonlySet<string> | null = null;

  constructor(
    private readonly deps: ListDeps,
    private readonly reader: Reader,
    private readonly types: readonly SourceType[],
  ) {}

  async *pages(): AsyncGenerator<DescriptorPage> {
    const { settings } = this.deps;
    const { proof } = this.reader;
    const site = await this.deps.site(this.reader.signal);
    const byQuery = needsQuery(settings);
    const { spaces, failures } = await this.spacesFor(site, byQuery);
    if (failures.length > 0) yield { descriptors: [], failures, ignored: 0 };
    const cloud = site.deployment === "cloud" ? new CloudLister(this.reader, site, settings, spaces) : null;
    const v1 = new V1Lister(this.reader, site, settings, spaces, byQuery);
    // With all named spaces out of reach there is nothing to ask for; an empty list of spaces would mean all of them.
    const isBlind = settings.spaces.length > 0 && spaces.length === 0;
    if (!isBlind) {
      if (this.wants("CONFLUENCE_PAGE") && settings.comments) await this.readComments(cloud ?? v1);
      yield* this.readPages(byQuery || cloud === null ? v1 : cloud);
      this.comments.clear();
      if (this.wants("CONFLUENCE_ATTACHMENT")) yield* this.readAttachments(cloud ?? v1);
    }
    if (this.holders.size === 0) proof.doubt("no page can be seen: the credentials may have lost their rights");
    proof.end();
  }

  private wants(type: SourceType): boolean {
    return this.types.includes(type);
  }

  private async spacesFor(site: Site, byQuery: boolean): Promise<Spaces> {
    const { settings } = this.deps;
    if (byQuery && settings.spaces.length === 0) return { spaces: [], failures: [] };
    const found = await listSpaces(this.reader, site, settings);
    this.spaceKeys = new Set(found.spaces.map(({ key }) => key));
    if (found.spaces.length === 0 && settings.spaces.length === 0) {
      throw new PermanentError(
        "connector.forbidden",
        "no space can be seen; give the connection's user the right to view spaces",
      );
    }
    return found;
  }

  private async readComments(lister: Lister): Promise<void> {
    try {
      for await (const comments of lister.comments()) {
        for (const comment of comments)
          this.comments.set(comment.pageId, addComment(this.comments.get(comment.pageId), comment));
      }
    } catch (error) {
      if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
      // Going on without them would take the comments out of every page.
      throw new PermanentError(
        error.code,
        `${error.message}; comments cannot be listed: grant the right, or set comments to false`,
        error.details,
      );
    }
  }

  private async *readPages(lister: Lister): AsyncGenerator<DescriptorPage> {
    const { siteName } = this.deps.settings;
    for await (const batch of lister.pages()) {
      const page: DescriptorPage = { descriptors: [], failures: batch.failures, ignored: batch.ignored };
      for (const listed of batch.pages) {
        if (this.holders.has(listed.id)) continue;
        this.holders.set(listed.id, { type: listed.type, title: listed.title, spaceKey: listed.space.key });
        if (this.wants("CONFLUENCE_PAGE"))
          page.descriptors.push(describePage(siteName, listed, this.comments.get(listed.id)));
      }
      yield page;
    }
  }

  private async *readAttachments(lister: Lister): AsyncGenerator<DescriptorPage> {
    const { siteName, attachments } = this.deps.settings;
    const seen = new Set<string>();
    for await (const files of lister.attachments(this.holders)) {
      const page: DescriptorPage = { descriptors: [], failures: [], ignored: 0 };
      for (const file of files) {
        const holder = this.holders.get(file.pageId);
        if (holder === undefined || seen.has(file.id)) continue;
        seen.add(file.id);
        page.descriptors.push(describeAttachment(siteName, file, holder, whyExcluded(file, attachments)));
      }
      yield page;
    }
  }

  async confirmMissing(missing: readonly string[], signal: AbortSignal): Promise<Set<string>> {
    const { settings, http } = this.deps;
    const site = await this.deps.site(signal);
    return await confirmMissing(missing, {
      http,
      site,
      settings,
      signal,
      spaceKeys: this.spaceKeys,
      holders: this.holders,
    });
  }
}

/** Cuts batches down to the size that the caller wants; empty ones that count nothing are left out. */
async function* sliced(
  pages: AsyncGenerator<DescriptorPage>,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<DescriptorPage> {
  for await (const page of pages) {
    signal.throwIfAborted();
    const { descriptors, ...rest } = page;
    if (descriptors.length + rest.failures.length + rest.ignored === 0) continue;
    yield { descriptors: descriptors.slice(0, size), ...rest };
    for (let at = size; at < descriptors.length; at += size) {
      signal.throwIfAborted();
      yield { descriptors: descriptors.slice(at, at + size), failures: [], ignored: 0 };
    }
  }
}
