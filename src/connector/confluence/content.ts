/** One row of a listing as the rest of the connector knows it, whichever interface it came from. */
import { createHash } from "node:crypto";
import { PAGE_MEDIA_TYPE } from "../../convert/confluence/page_payload.ts";
import type { Descriptor, JsonObject } from "../connector.ts";
import { attachmentRef, bareId, pageRef } from "./refs.ts";

export interface Ancestor {
  id: string;
  title: string;
}

export interface ListedPage {
  id: string;
  type: "page" | "blogpost";
  status: string;
  title: string;
  /** Null where the listing leaves it out. */
  version: number | null;
  modifiedAt: string | null;
  parentId: string | null;
  space: ListedSpace;
  /** From the top; null where the listing does not know all of them. */
  ancestors: Ancestor[] | null;
  /** Ids of the ancestors, as far up as the listing knows them: a move of any of them is a change of the page's path. */
  lineage: string[];
  /** Empty where the listing leaves them out. */
  labels: string[];
  url: string;
}

export interface ListedSpace {
  /** Empty where the listing leaves it out. */
  id: string;
  key: string;
  name: string;
}

export interface ListedAttachment {
  id: string;
  /** The page or blog post that holds it. */
  pageId: string;
  status: string;
  name: string;
  version: number | null;
  modifiedAt: string | null;
  size: number | null;
  mediaType: string | null;
  url: string;
  /** Path of the download with its query, relative to the site; Data Center needs it. */
  download: string | null;
}

/** The comments of a page in short; whatever changes in one of them changes the digest. */
export interface CommentDigest {
  count: number;
  /** How many of them are about a passage. */
  inline: number;
  sum: bigint;
}

/** Comments, labels and the page's place are none of its versions, so they are part of the mark. */
export function describePage(siteName: string, page: ListedPage, comments: CommentDigest | undefined): Descriptor {
  const mark = page.version === null ? `?${page.modifiedAt ?? Date.now()}` : String(page.version);
  const place = hashOf(page.title, page.lineage.join("/"), page.space.key, page.status);
  const labelled = page.labels.length > 0 ? `:l${hashOf(...[...page.labels].sort())}` : "";
  const said = comments && comments.count > 0 ? `:c${comments.count}.${comments.sum.toString(36)}` : "";
  return {
    sourceType: "CONFLUENCE_PAGE",
    externalRef: pageRef(siteName, page.id),
    fingerprint: `v${mark}:${place}${labelled}${said}`,
    modifiedAt: page.modifiedAt,
    size: null,
    name: page.title.normalize("NFC"),
    title: page.title,
    url: page.url,
    mediaType: PAGE_MEDIA_TYPE,
    locator: {
      id: page.id,
      type: page.type,
      space_id: page.space.id,
      space_key: page.space.key,
      space_name: page.space.name,
      comments: comments?.count ?? 0,
      inline_comments: comments?.inline ?? 0,
      ...(page.status === "current" ? {} : { status: page.status }),
      ...(page.ancestors === null
        ? {}
        : { ancestors: page.ancestors.map(({ id, title }): JsonObject => ({ id, title })) }),
    },
  };
}

/** `holder`: what is known of the page that holds it. */
export function describeAttachment(
  siteName: string,
  file: ListedAttachment,
  holder: { title: string; spaceKey: string },
  excluded: string | null,
): Descriptor {
  const name = file.name.normalize("NFC");
  const version = file.version === null ? `?${file.modifiedAt ?? Date.now()}` : String(file.version);
  return {
    sourceType: "CONFLUENCE_ATTACHMENT",
    externalRef: attachmentRef(siteName, file.id),
    fingerprint: `v${version}:${file.size ?? "?"}:${hashOf(name, file.pageId, excluded ?? "")}`,
    modifiedAt: file.modifiedAt,
    // Of what is left out, nothing is ever read.
    size: excluded === null ? file.size : null,
    name,
    title: null,
    url: file.url,
    mediaType: file.mediaType,
    locator: {
      id: bareId(file.id),
      page_id: file.pageId,
      page_title: holder.title,
      space_key: holder.spaceKey,
      version: file.version,
      ...(file.download === null ? {} : { download: file.download }),
      ...(excluded === null ? {} : { excluded }),
    },
  };
}

/** Short and without order of its own: equal parts give equal marks. */
export function hashOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("base64url").slice(0, 11);
}

const MASK = (1n << 64n) - 1n;

/** Adds a comment; the order in which comments are listed does not matter. */
export function addComment(
  digest: CommentDigest | undefined,
  { id, version, isInline }: { id: string; version: number | string; isInline: boolean },
): CommentDigest {
  const hash = createHash("sha256").update(`${id}\0${version}`).digest().readBigUInt64LE(0);
  return {
    count: (digest?.count ?? 0) + 1,
    inline: (digest?.inline ?? 0) + (isInline ? 1 : 0),
    sum: ((digest?.sum ?? 0n) + hash) & MASK,
  };
}
