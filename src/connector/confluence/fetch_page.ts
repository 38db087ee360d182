/**
 * Fetches a page with what its Markdown needs: labels, ancestors, names, comments, included pages. All of it becomes one
 * payload, so that the raw version alone is enough to convert the page again. A page costs one request; more are made
 * only for what it really has.
 */
import { PAGE_MEDIA_TYPE, type PagePayload, payloadBytes } from "../../convert/confluence/page_payload.ts";
import { InputError, PermanentError, SluiceError, SnoozeError, TransientError } from "../../errors.ts";
import type { Descriptor, FetchContext, Fetched } from "../connector.ts";
import { listedAncestors, type PageTree } from "./ancestors.ts";
import type { ConfluenceSettings } from "./config.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { idOf, textOf } from "./json.ts";
import type { Names } from "./names.ts";
import { type Comment, readComments } from "./read_comments.ts";
import type { Included, Includes } from "./read_includes.ts";
import { type ReadPage, readPage } from "./read_page.ts";
import { pageRef, titleAlias } from "./refs.ts";
import { mentionedUsers } from "./scan_storage.ts";
import type { Site } from "./site.ts";

export interface PageDeps {
  http: ConfluenceHttp;
  settings: ConfluenceSettings;
  names: Names;
  includes: Includes;
  tree: PageTree;
}

export async function fetchPage(
  descriptor: Descriptor,
  context: FetchContext,
  site: Site,
  deps: PageDeps,
): Promise<Fetched> {
  const { locator } = descriptor;
  const id = idOf(locator.id);
  if (id === undefined || descriptor.externalRef !== pageRef(deps.settings.siteName, id)) {
    throw new PermanentError("connector.gone", `${descriptor.externalRef} does not belong to this connection`);
  }
  const options: RequestOptions = { signal: context.signal };
  const type = locator.type === "blogpost" ? "blogpost" : "page";
  try {
    const page = await readPage(id, type, site, deps.http, options, textOf(locator.status));
    if (page.status === "trashed" || page.status === "deleted") {
      throw new PermanentError("connector.gone", `page ${id} is in the trash`);
    }
    return await fetched(page, descriptor, context, site, deps, options);
  } catch (error) {
    throw namedFault(error, descriptor, id, `page ${id}`);
  }
}

async function fetched(
  page: ReadPage,
  descriptor: Descriptor,
  context: FetchContext,
  site: Site,
  deps: PageDeps,
  options: RequestOptions,
): Promise<Fetched> {
  const { settings, names } = deps;
  const { locator } = descriptor;
  const space = {
    key: page.space.key || (textOf(locator.space_key) ?? ""),
    name: page.space.name || (textOf(locator.space_name) ?? ""),
  };
  for (const [user, name] of page.names) names.learn(user, name);
  const kinds = settings.comments ? commentKinds(locator) : [];
  const comments =
    kinds.length > 0
      ? await readComments({ id: page.id, type: page.type, kinds }, site, deps.http, names, options)
      : [];
  const { pages: includes, unread } = await deps.includes.of(page, space.key, site, options);
  const users = await names.of(peopleOf(page, comments, includes), site, options);
  const ancestors =
    page.ancestors ??
    listedAncestors(locator.ancestors, page.parentId) ??
    (await deps.tree.above(page.parentId, page.parentType, site, deps.http, options));
  const payload: PagePayload = {
    sluice: "confluence-page/1",
    id: page.id,
    type: page.type,
    title: page.title,
    status: page.status,
    url: page.url,
    base_url: site.webBase,
    space,
    version: { number: page.version, created_at: page.modifiedAt, author: page.modifiedBy },
    created: { created_at: page.createdAt, author: page.createdBy },
    ancestors,
    labels: page.labels,
    storage: page.storage,
    comments,
    users,
    includes,
  };
  const bytes = payloadBytes(payload);
  if (bytes.byteLength > context.maxBytes) {
    throw new PermanentError("connector.too_large", `page ${page.id} is larger than ${context.maxBytes} bytes`, {
      maxBytes: context.maxBytes,
    });
  }
  return {
    bytes,
    name: page.title.normalize("NFC"),
    mediaType: PAGE_MEDIA_TYPE,
    format: "confluence_page",
    title: page.title,
    url: page.url,
    modifiedAt: page.modifiedAt ?? descriptor.modifiedAt,
    // Blog posts may share their title with a page, which is what links by title mean.
    aliases: space.key === "" || page.type === "blogpost" ? [] : [titleAlias(settings.siteName, space.key, page.title)],
    dependsOn: [...includes.map((included) => included.id), ...unread].map((part) => pageRef(settings.siteName, part)),
  };
}

/** Which lists of comments hold any, as the listing found. */
function commentKinds({ comments, inline_comments: inline }: Descriptor["locator"]): string[] {
  const all = typeof comments === "number" ? comments : 0;
  const passages = typeof inline === "number" ? inline : 0;
  return [...(all > passages ? ["footer"] : []), ...(passages > 0 ? ["inline"] : [])];
}

/** Everybody whose name the page needs. */
function peopleOf(page: ReadPage, comments: Comment[], includes: Included[]): string[] {
  const people = new Set<string>(mentionedUsers(page.storage));
  for (const author of [page.createdBy, page.modifiedBy]) if (author !== null) people.add(author);
  for (const comment of comments) {
    if (comment.author !== null) people.add(comment.author);
    for (const user of mentionedUsers(comment.storage)) people.add(user);
  }
  for (const { storage } of includes) for (const user of mentionedUsers(storage)) people.add(user);
  return [...people];
}

/** The same error with the page's id and address, so that somebody can look for himself. */
export function namedFault(error: unknown, descriptor: Descriptor, id: string, what: string): unknown {
  if (!(error instanceof SluiceError) || error instanceof InputError) return error;
  const message = `${what} (${descriptor.url ?? descriptor.externalRef}): ${error.message}`;
  const details = { ...error.details, page_id: id };
  if (error instanceof SnoozeError) return new SnoozeError(error.code, message, error.until, details, { cause: error });
  const Kind = error instanceof TransientError ? TransientError : PermanentError;
  return new Kind(error.code, message, details, { cause: error });
}
