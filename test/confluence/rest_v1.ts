/**
 * REST v1: all of Data Center's reading API, and of Cloud what v2 has not replaced (CQL search, attachments of a
 * content, downloads, users, system information). Lists go by start and limit on Data Center, searches by cursor on Cloud.
 */
import { type Answer, type JsonObject, json, missingContent, missingV1, refusedV1 } from "./answer.ts";
import { type Call, canRead, latest, ownLinks, pathWith } from "./call.ts";
import type { Content, Page, Space } from "./contents.ts";
import { type Cut, capOf, cutByOffset, numberParameter } from "./paging.ts";
import {
  type ChildKind,
  childListsV1,
  childrenOf,
  contentV1,
  expandOf,
  labelsV1,
  spaceV1,
  userV1,
  versionV1,
} from "./render_v1.ts";
import { contentSearch, siteSearch } from "./search_v1.ts";

type Endpoint = (call: Call, parts: string[]) => Answer;

const ROUTES: [RegExp, Endpoint][] = [
  [/^\/search$/, (call) => siteSearch(call)],
  [/^\/content\/search$/, (call) => contentSearch(call)],
  [/^\/content$/, (call) => contentList(call)],
  [/^\/content\/((?:att)?\d+)$/, (call, [id]) => single(call, id!)],
  [/^\/content\/((?:att)?\d+)\/(child|descendant)$/, (call, [id, word]) => childLists(call, id!, word!)],
  [
    /^\/content\/((?:att)?\d+)\/child\/(page|attachment|comment)$/,
    (call, [id, kind]) => children(call, id!, kind as ChildKind),
  ],
  [
    /^\/content\/(\d+)\/descendant\/(page|attachment|comment)$/,
    (call, [id, kind]) => descendants(call, id!, kind as ChildKind),
  ],
  [
    /^\/content\/(\d+)\/child\/attachment\/(?:att)?(\d+)\/download$/,
    (call, [id, attachment]) => download(call, id!, attachment!),
  ],
  [/^\/content\/((?:att)?\d+)\/label$/, (call, [id]) => labels(call, id!)],
  [
    /^\/content\/((?:att)?\d+)\/history$/,
    (call, [id]) => json(contentV1(call, find(call, id!), ["history.lastUpdated"]).history!),
  ],
  [/^\/content\/((?:att)?\d+)\/version$/, (call, [id]) => versions(call, id!)],
  [/^\/space$/, (call) => spaces(call)],
  [
    /^\/space\/([^/]+)$/,
    (call, [key]) => json({ ...spaceV1(call, spaceOf(call, key!), expandOf(call.query)), ...ownLinks(call) }),
  ],
  [
    /^\/space\/([^/]+)\/content$/,
    (call, [key]) =>
      json({
        page: spaceContent(call, key!, "page"),
        blogpost: spaceContent(call, key!, "blogpost"),
        _links: { self: `${call.base}/rest/api${call.path}` },
      }),
  ],
  [
    /^\/space\/([^/]+)\/content\/(page|blogpost)$/,
    (call, [key, kind]) => json(spaceContent(call, key!, kind as Page["kind"])),
  ],
  [/^\/user$/, (call) => user(call)],
  [/^\/user\/current$/, (call) => currentUser(call)],
  [
    /^\/user\/anonymous$/,
    (call) =>
      json({
        type: "anonymous",
        displayName: "Anonymous",
        _expandable: {},
        _links: { self: `${call.base}/rest/api/user/anonymous` },
      }),
  ],
  [/^\/user\/bulk$/, (call) => userBulk(call)],
  [/^\/settings\/systemInfo$/, (call) => systemInfo(call)],
];

const REPLACED =
  /^\/content$|^\/content\/(att)?\d+$|\/child$|\/child\/(page|comment)$|\/label$|\/history$|\/version$|^\/space(\/|$)/;
const CLOUD_ONLY = /\/download$|^\/user\/bulk$|^\/settings\/systemInfo$|\/version$/;

/** Null for a path that the API does not know. */
export function restV1(call: Call): Answer | null {
  if (call.deployment === "datacenter" && CLOUD_ONLY.test(call.path)) return null;
  for (const [pattern, endpoint] of ROUTES) {
    const match = pattern.exec(call.path);
    if (!match) continue;
    if (call.deployment === "cloud" && call.quirks.v1Removed && REPLACED.test(call.path))
      throw refusedV1(
        410,
        "com.atlassian.confluence.api.service.exceptions.GoneException: This deprecated endpoint has been removed.",
      );
    return endpoint(call, match.slice(1).map(decodeURIComponent));
  }
  return null;
}

function find(call: Call, id: string, statuses: readonly string[] = ["current", "archived"]): Content {
  const content = call.site.content(id);
  if (!content || !canRead(call)(content) || !(statuses.includes(content.status) || statuses.includes("any")))
    throw missingContent(id);
  if (call.site.ownerOf(content).status === "trashed" && content.kind !== "page" && content.kind !== "blogpost")
    throw missingContent(id);
  return content;
}

function spaceOf(call: Call, key: string): Space {
  const space = call.site.spaceByKey(key);
  if (!space || !call.site.canReadSpace(call.viewer, space)) throw missingV1(`No space with key : ${key}`);
  return space;
}

/** A list by start and limit; `next` is relative to the base and lacks its context. */
function listed<T>(call: Call, cut: Cut<T>, requested: number, render: (row: T) => JsonObject): JsonObject {
  const at = `/rest/api${call.path}`;
  const limit = call.deployment === "datacenter" ? requested : cut.limit;
  const next: JsonObject = cut.next === null ? {} : { next: pathWith(at, { limit, start: cut.next }, call.query) };
  const results = cut.rows.map(render);
  return {
    results,
    start: cut.start,
    limit: cut.limit,
    size: results.length,
    _links: { ...ownLinks(call), ...next, self: `${call.base}${at}` },
  };
}

interface ListOptions {
  usualLimit?: number;
  mayPassEnd?: boolean;
}

function list(call: Call, all: readonly Content[], options: ListOptions = {}): JsonObject {
  const expand = expandOf(call.query);
  const requested = numberParameter(call.query, "limit", options.usualLimit ?? 25);
  const start = numberParameter(call.query, "start", 0);
  if (call.deployment === "cloud" && call.path === "/content" && start > 100_000)
    throw refusedV1(
      400,
      "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: Start of this size is no longer supported. If you need to fetch this amount of content, please use either the search endpoint or get the content by a space at a time.",
      true,
    );
  const cut = cutByOffset(all, {
    start,
    requested,
    cap: capOf(expand),
    quirks: call.quirks,
    visible: canRead(call),
    mayPassEnd: options.mayPassEnd ?? false,
  });
  return listed(call, cut, requested, (row) => contentV1(call, row, expand));
}

/** Statuses of a v1 listing: current when nothing is asked for; Data Center does not know archived pages. */
function withStatus(call: Call, pages: readonly Page[]): Page[] {
  const asked = call.query.getAll("status").flatMap((value) => value.split(","));
  const statuses = asked.length > 0 ? asked : ["current"];
  return pages.filter(
    (page) => statuses.includes(page.status) || (statuses.includes("any") && page.status !== "archived"),
  );
}

function contentList(call: Call): Answer {
  const kind = call.query.get("type") ?? "page";
  const title = call.query.get("title");
  const key = call.query.get("spaceKey");
  if (kind !== "page" && kind !== "blogpost")
    throw refusedV1(
      400,
      `com.atlassian.confluence.api.service.exceptions.BadRequestException: Unsupported content type: ${kind}`,
    );
  const pages = (key === null ? [...call.site.spaces.values()] : [spaceOf(call, key)]).flatMap((space) =>
    call.site.pagesOf(space.id),
  );
  return json(
    list(
      call,
      withStatus(call, pages).filter((page) => page.kind === kind && (title === null || page.title === title)),
    ),
  );
}

function spaceContent(call: Call, key: string, kind: Page["kind"]): JsonObject {
  const rootOnly = call.query.get("depth") === "root";
  const pages = withStatus(call, call.site.pagesOf(spaceOf(call, key).id)).filter(
    (page) => page.kind === kind && !(rootOnly && page.parentId !== null),
  );
  return list(call, pages);
}

function single(call: Call, id: string): Answer {
  const statuses = call.query.getAll("status").flatMap((value) => value.split(","));
  const number = call.query.get("version");
  const content = find(
    call,
    id,
    statuses.length > 0 ? statuses.map((status) => (status === "historical" ? "current" : status)) : undefined,
  );
  const version = number === null ? latest(content) : content.versions.find((one) => one.number === Number(number));
  if (!version) throw missingContent(id);
  const shown = contentV1(call, content, expandOf(call.query), version);
  const links = shown._links as JsonObject;
  return json({ ...shown, _links: { ...links, collection: "/rest/api/content", ...ownLinks(call) } });
}

const childLists = (call: Call, id: string, word: string): Answer =>
  json(childListsV1(call, find(call, id), expandOf(call.query), word as "child" | "descendant"));

function children(call: Call, id: string, kind: ChildKind): Answer {
  const content = find(call, id);
  const name = call.query.get("filename");
  const media = call.query.get("mediaType");
  let all = childrenOf(call, content, kind);
  if (kind === "comment" && call.query.get("depth") === "all" && content.kind !== "comment")
    all = call.site.commentsOf(content.id).filter((one) => one.status === "current");
  if (kind === "comment") {
    const locations = call.query.getAll("location").flatMap((value) => value.split(","));
    all = all.filter((one) => one.kind !== "comment" || locations.length === 0 || locations.includes(one.location));
  }
  const rows = all.filter(
    (one) =>
      one.kind !== "attachment" ||
      ((name === null || one.title === name) && (media === null || one.mediaType === media)),
  );
  return json(list(call, rows, { usualLimit: kind === "attachment" ? 50 : 25, mayPassEnd: true }));
}

function descendants(call: Call, id: string, kind: ChildKind): Answer {
  const content = find(call, id);
  if (kind === "comment")
    return json(
      list(
        call,
        call.site.commentsOf(content.id).filter((one) => one.status === "current"),
      ),
    );
  const pages =
    content.kind === "page" ? call.site.descendantsOf(content).filter((page) => page.status === "current") : [];
  return json(list(call, kind === "page" ? pages : childrenOf(call, content, kind), { mayPassEnd: true }));
}

function labels(call: Call, id: string): Answer {
  const content = find(call, id);
  const requested = numberParameter(call.query, "limit", 200);
  if (requested === 0) throw refusedV1(400, "java.lang.IllegalArgumentException: null");
  const cut = cutByOffset(labelsV1(content.labels), {
    start: numberParameter(call.query, "start", 0),
    requested,
    cap: 200,
    quirks: call.quirks,
    visible: () => true,
  });
  return json(listed(call, cut, requested, (row) => row));
}

function versions(call: Call, id: string): Answer {
  const content = find(call, id);
  const requested = numberParameter(call.query, "limit", 200);
  const all = content.versions.toReversed();
  const cut = cutByOffset(all, {
    start: numberParameter(call.query, "start", 0),
    requested,
    cap: 200,
    quirks: call.quirks,
    visible: () => true,
  });
  return json(listed(call, cut, requested, (row) => versionV1(call, content, row)));
}

function spaces(call: Call): Answer {
  const keys = call.query.getAll("spaceKey").flatMap((value) => value.split(","));
  const type = call.query.get("type");
  const status = call.query.get("status");
  const all = [...call.site.spaces.values()].filter(
    (space) =>
      (keys.length === 0 || keys.includes(space.key)) &&
      (type === null || space.type === type) &&
      (status === null || space.status === status),
  );
  const requested = numberParameter(call.query, "limit", 25);
  const cut = cutByOffset(all, {
    start: numberParameter(call.query, "start", 0),
    requested,
    cap: 1000,
    quirks: call.quirks,
    visible: (space) => call.site.canReadSpace(call.viewer, space),
  });
  return json(listed(call, cut, requested, (space) => spaceV1(call, space, expandOf(call.query))));
}

function user(call: Call): Answer {
  const { users } = call.site;
  const id = call.query.get("accountId") ?? call.query.get("key");
  const name = call.query.get("username");
  if (id === null && name === null)
    throw refusedV1(
      400,
      "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: accountId is required",
      true,
    );
  const found = id === null ? [...users.values()].find((one) => one.username === name) : users.get(id);
  if (!found) throw missingV1(`No user found with ${id === null ? `username : ${name}` : `key : ${id}`}`);
  return json(userV1(call, found.id));
}

/** Only oneself is told one's time zone, and only on Cloud. */
const currentUser = (call: Call): Answer =>
  json({
    ...userV1(call, call.viewer),
    ...(call.deployment === "cloud" ? { timeZone: call.site.timeZone } : {}),
  });

function userBulk(call: Call): Answer {
  const ids = call.query
    .getAll("accountId")
    .flatMap((value) => value.split(","))
    .slice(0, 100);
  const results = ids.filter((id) => call.site.users.has(id)).map((id) => userV1(call, id));
  return json({
    results,
    start: 0,
    limit: 100,
    size: results.length,
    _links: { ...ownLinks(call), self: `${call.base}/rest/api/user/bulk` },
  });
}

const systemInfo = (call: Call): Answer =>
  json({
    cloudId: CLOUD_ID,
    commitHash: "0000000",
    baseUrl: call.base,
    edition: "STANDARD",
    siteTitle: "Stand-in",
    defaultLocale: "en_US",
    defaultTimeZone: call.site.timeZone,
  });

export const CLOUD_ID = "11111111-2222-4333-8444-555555555555";

function download(call: Call, id: string, attachmentNumber: string): Answer {
  const attachment = call.site.content(`att${attachmentNumber}`);
  if (
    attachment?.kind !== "attachment" ||
    attachment.containerId !== id ||
    attachment.status !== "current" ||
    !canRead(call)(attachment)
  )
    throw missingContent(id);
  return { status: 302, headers: { Location: call.mediaUrl(attachment.id) }, body: "" };
}
