/**
 * Reads the comments of a page with their replies, in the order of their threads. They are read only where the listing
 * said that there are any.
 */

import type { PagePayload } from "../../convert/confluence/page_payload.ts";
import { SluiceError } from "../../errors.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { arrayAt, idOf, instantOf, type Json, objectAt, textOf } from "./json.ts";
import { displayName, type Names } from "./names.ts";
import { cursorPages, offsetPages, type Reader } from "./paging.ts";
import { Proof } from "./proof.ts";
import { userId } from "./read_page.ts";
import { type Site, v1, v2 } from "./site.ts";

const COMMENTS_MAX = 2000;
const DEPTH_MAX = 20;

export type Comment = PagePayload["comments"][number];

/** A page and the kinds of comments that it has: `footer`, `inline`. */
export interface Commented {
  id: string;
  type: string;
  kinds: string[];
}

export async function readComments(
  page: Commented,
  site: Site,
  http: ConfluenceHttp,
  names: Names,
  options: RequestOptions,
): Promise<Comment[]> {
  const reader: Reader = { http, signal: options.signal, proof: new Proof() };
  const comments =
    site.deployment === "cloud" ? await onCloud(page, site, reader) : await onDataCenter(page.id, site, reader, names);
  return comments.slice(0, COMMENTS_MAX);
}

async function onCloud(page: Commented, site: Site, reader: Reader): Promise<Comment[]> {
  const holder = page.type === "blogpost" ? "blogposts" : "pages";
  const comments: Comment[] = [];
  const read = async (path: string, kind: string, parent: string | null, depth: number): Promise<void> => {
    const request = { url: v2(site, path), query: { "body-format": "storage" }, limit: 100, what: "comments" };
    for await (const rows of cursorPages(reader, request)) {
      for (const row of rows) {
        const id = idOf(row.id);
        if (id === undefined || comments.length >= COMMENTS_MAX) continue;
        comments.push(fromV2(row, id, parent));
        // The list of a page has the first comment of each thread only.
        if (depth < DEPTH_MAX) await read(`/${kind}-comments/${id}/children`, kind, id, depth + 1).catch(ignoreGone);
      }
    }
  };
  for (const kind of page.kinds) await read(`/${holder}/${page.id}/${kind}-comments`, kind, null, 0);
  return comments;
}

/** A comment that was deleted since the list came takes its replies with it. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof SluiceError) || error.code !== "connector.gone") throw error;
}

function fromV2(row: Json, id: string, parent: string | null): Comment {
  const version = objectAt(row, "version");
  const properties = objectAt(row, "properties");
  return {
    id,
    reply_to: parent ?? idOf(row.parentCommentId) ?? null,
    author: textOf(version.authorId) ?? null,
    created_at: instantOf(version.createdAt),
    resolved: row.resolutionStatus === "resolved",
    selection: textOf(properties.inlineOriginalSelection) ?? textOf(properties["inline-original-selection"]) ?? null,
    storage: textOf(objectAt(row, "body", "storage").value) ?? "",
  };
}

async function onDataCenter(pageId: string, site: Site, reader: Reader, names: Names): Promise<Comment[]> {
  const expand = "body.storage,version,history,ancestors,extensions.inlineProperties,extensions.resolution";
  const request = {
    url: v1(site, `/content/${pageId}/child/comment`),
    query: { expand, depth: "all" },
    limit: 50,
    what: "comments",
  };
  const comments: Comment[] = [];
  for await (const rows of offsetPages(reader, request)) {
    for (const row of rows) {
      const id = idOf(row.id);
      if (id !== undefined) comments.push(fromV1(row, id, names));
    }
  }
  return threaded(comments);
}

function fromV1(row: Json, id: string, names: Names): Comment {
  const history = objectAt(row, "history");
  const by =
    Object.keys(objectAt(history, "createdBy")).length > 0
      ? objectAt(history, "createdBy")
      : objectAt(row, "version", "by");
  const extensions = objectAt(row, "extensions");
  names.learn(userId(by) ?? undefined, displayName(by));
  return {
    id,
    reply_to: idOf(objectAt(arrayAt(row, "ancestors").at(-1)).id) ?? null,
    author: userId(by),
    created_at: instantOf(history.createdDate) ?? instantOf(objectAt(row, "version").when),
    resolved: objectAt(extensions, "resolution").status === "resolved",
    selection: textOf(objectAt(extensions, "inlineProperties").originalSelection) ?? null,
    storage: textOf(objectAt(row, "body", "storage").value) ?? "",
  };
}

/** Replies after what they reply to; the list gives them by age. */
function threaded(comments: Comment[]): Comment[] {
  const byParent = new Map<string | null, Comment[]>();
  const ids = new Set(comments.map(({ id }) => id));
  for (const comment of comments) {
    const parent = comment.reply_to !== null && ids.has(comment.reply_to) ? comment.reply_to : null;
    byParent.set(parent, [...(byParent.get(parent) ?? []), comment]);
  }
  const ordered: Comment[] = [];
  const take = (parent: string | null): void => {
    for (const comment of byParent.get(parent) ?? []) {
      byParent.delete(parent);
      ordered.push(comment);
      take(comment.id);
    }
  };
  take(null);
  return ordered;
}
