/**
 * The listing of a connection: pages and blog posts, then their attachments. Every sync reads the whole list without
 * bodies: version numbers show what changed, and what a complete list lacks is gone. A window of last changes (CQL) is
 * not sound beside it: `lastmodified` has minutes in a time zone that is not told, follows an index that lags, and does
 * not move with labels, comments, moves or restrictions; deletions need the full list anyway. Nor would it save much:
 * 250 rows a request make 40,000 pages 160 requests.
 * Comments and labels have no part in a page's version, so they go into the page's mark.
 */
import { PermanentError, SluiceError } from "../../errors.ts";
import type { DescriptorPage, ListContext, Listing, SourceType } from "../connector.ts";
import type { ConfluenceSettings } from "./config.ts";
import { confirmMissing } from "./confirm_missing.ts";
import { addComment, type CommentDigest, describeAttachment, describePage, type ListedSpace } from "./content.ts";
import { needsQuery } from "./cql.ts";
import type { ConfluenceHttp } from "./http.ts";
import { objectAt } from "./json.ts";
import { CloudLister } from "./list_cloud.ts";
import { listSpaces, type Spaces } from "./list_spaces.ts";
import { V1Lister } from "./list_v1.ts";
import type { Holder, Lister } from "./lister.ts";
import { listingOptions, type Reader } from "./paging.ts";
import { Proof } from "./proof.ts";
import { type Site, v1 } from "./site.ts";
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
  /** Labels that the list of pages leaves out. */
  private readonly labels = new Map<string, string[]>();
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
    const byV1 = new V1Lister(this.reader, site, settings, spaces, byQuery);
    // With all named spaces out of reach there is nothing to ask for; an empty list of spaces would mean all of them.
    const isBlind = settings.spaces.length > 0 && spaces.length === 0;
    if (!isBlind) {
      if (this.wants("CONFLUENCE_PAGE") && settings.comments) await this.readComments(cloud ?? byV1);
      if (this.wants("CONFLUENCE_PAGE") && cloud !== null && !byQuery) await this.readLabels(site, spaces);
      yield* this.readPages(byQuery || cloud === null ? byV1 : cloud);
      this.comments.clear();
      this.labels.clear();
      if (this.wants("CONFLUENCE_ATTACHMENT")) yield* this.readAttachments(cloud ?? byV1);
    }
    if (this.holders.size === 0) proof.doubt("no page can be seen: the credentials may have lost their rights");
    await this.doubtAnonymous(site);
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

  /**
   * v2's lists of pages carry no labels, so the search gives them. Its index is no proof of anything, but a label that is
   * missed for once costs no more than another look at the page.
   */
  private async readLabels(site: Site, spaces: ListedSpace[]): Promise<void> {
    const { settings } = this.deps;
    const named = settings.spaces.length > 0 ? spaces : [];
    const lister = new V1Lister({ ...this.reader, proof: new Proof() }, site, settings, named, true);
    try {
      for await (const found of lister.labels()) for (const [id, labels] of found) this.labels.set(id, labels);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
      // A token without the right to search: changed labels are seen with the next edit.
      this.labels.clear();
    }
  }

  /** A token that has ended may be taken for nobody's instead of being refused, and nobody sees less than it did. */
  private async doubtAnonymous(site: Site): Promise<void> {
    const { settings, http } = this.deps;
    if (settings.anonymous) return;
    try {
      const { body } = await http.json(v1(site, "/user/current"), listingOptions(this.reader.signal));
      if (objectAt(body).type === "anonymous")
        this.reader.proof.doubt(
          "Confluence takes the requests as anonymous: the credentials are not accepted any more",
        );
    } catch (error) {
      // Scoped tokens may lack the right to ask.
      if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
    }
  }

  private async *readPages(lister: Lister): AsyncGenerator<DescriptorPage> {
    const { siteName } = this.deps.settings;
    for await (const batch of lister.pages()) {
      const page: DescriptorPage = { descriptors: [], failures: batch.failures, ignored: batch.ignored };
      for (const listed of batch.pages) {
        if (this.holders.has(listed.id)) continue;
        this.holders.set(listed.id, { type: listed.type, title: listed.title, spaceKey: listed.space.key });
        const labels = this.labels.get(listed.id) ?? listed.labels;
        if (this.wants("CONFLUENCE_PAGE"))
          page.descriptors.push(describePage(siteName, { ...listed, labels }, this.comments.get(listed.id)));
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
