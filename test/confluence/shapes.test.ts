/**
 * Holds the stand-in's answers to the published description of the API: the fields of each schema, copied by hand, with
 * their types. A field that is not published must be one that live sites were seen to send.
 */
import { afterAll, expect, test } from "bun:test";
import type { Json, JsonObject } from "./answer.ts";
import { ask, at } from "./ask.ts";
import { generateSite } from "./generate_site.ts";
import { startStandIn } from "./server.ts";

/** `?` = may be null; `!` = required; `+` = seen on live sites, not published. */
type Shape = Record<
  string,
  | "string"
  | "integer"
  | "boolean"
  | "object"
  | "array"
  | `${"string" | "integer" | "boolean" | "object" | "array" | "number"}${"?" | "!" | "+" | "+?"}`
>;

const VERSION: Shape = {
  createdAt: "string",
  message: "string?",
  number: "integer",
  minorEdit: "boolean",
  authorId: "string",
  ncsStepVersion: "string+",
};
const PAGE_LINKS: Shape = { webui: "string", editui: "string", tinyui: "string", edituiv2: "string+", base: "string" };
const PAGE: Shape = {
  id: "string",
  status: "string",
  title: "string",
  spaceId: "string",
  parentId: "string?",
  parentType: "string?",
  position: "integer?",
  authorId: "string",
  ownerId: "string?",
  lastOwnerId: "string?",
  createdAt: "string",
  version: "object",
  body: "object",
  labels: "object",
  _links: "object",
};
const BLOG_POST: Shape = {
  id: "string",
  status: "string",
  title: "string",
  spaceId: "string",
  authorId: "string",
  createdAt: "string",
  version: "object",
  body: "object",
  _links: "object",
};
const ATTACHMENT: Shape = {
  id: "string",
  status: "string",
  title: "string",
  createdAt: "string",
  pageId: "string",
  blogPostId: "string",
  mediaType: "string",
  mediaTypeDescription: "string",
  comment: "string",
  fileId: "string",
  fileSize: "integer",
  webuiLink: "string",
  downloadLink: "string",
  version: "object",
  _links: "object",
};
const SPACE: Shape = {
  id: "string",
  key: "string",
  name: "string",
  type: "string",
  status: "string",
  authorId: "string",
  currentActiveAlias: "string",
  createdAt: "string",
  homepageId: "string?",
  description: "object?",
  icon: "object?",
  _links: "object",
};
const COMMENT: Shape = {
  id: "string",
  status: "string",
  title: "string",
  pageId: "string",
  blogPostId: "string",
  parentCommentId: "string",
  version: "object",
  body: "object",
  resolutionStatus: "string",
  properties: "object",
  _links: "object",
};
const CHILD: Shape = {
  id: "string",
  status: "string",
  title: "string",
  spaceId: "string",
  childPosition: "integer?",
  type: "string",
};
const LABEL: Shape = { id: "string", name: "string", prefix: "string" };
const BODY: Shape = { representation: "string", value: "string" };
const LIST_V1: Shape = { results: "array!", start: "integer", limit: "integer", size: "integer!", _links: "object!" };
const CONTENT: Shape = {
  id: "string",
  type: "string!",
  status: "string!",
  title: "string",
  space: "object",
  history: "object",
  version: "object",
  ancestors: "array",
  children: "object",
  descendants: "object",
  container: "object",
  body: "object",
  restrictions: "object",
  metadata: "object",
  macroRenderedOutput: "object",
  extensions: "object",
  _expandable: "object",
  _links: "object",
};
const VERSION_V1: Shape = {
  by: "object",
  when: "string!",
  friendlyWhen: "string?",
  message: "string?",
  number: "integer!",
  minorEdit: "boolean!",
  contentTypeModified: "boolean",
  confRev: "string?",
  _expandable: "object",
  _links: "object",
  hidden: "boolean+",
};
const USER_V1: Shape = {
  type: "string!",
  username: "string",
  userKey: "string",
  accountId: "string",
  accountType: "string",
  email: "string?",
  publicName: "string",
  profilePicture: "object",
  displayName: "string?",
  isExternalCollaborator: "boolean",
  isGuest: "boolean",
  locale: "string+",
  accountStatus: "string+",
  _expandable: "object",
  _links: "object",
};
const SPACE_V1: Shape = {
  id: "integer",
  key: "string!",
  alias: "string",
  name: "string!",
  type: "string!",
  status: "string!",
  description: "object",
  homepage: "object?",
  _expandable: "object!",
  _links: "object!",
};
const SEARCH: Shape = {
  ...LIST_V1,
  start: "integer!",
  limit: "integer!",
  totalSize: "integer!",
  cqlQuery: "string!",
  searchDuration: "integer!",
};
const HIT: Shape = {
  content: "object",
  title: "string!",
  excerpt: "string!",
  url: "string!",
  resultGlobalContainer: "object",
  breadcrumbs: "array!",
  entityType: "string!",
  iconCssClass: "string!",
  lastModified: "string!",
  friendlyLastModified: "string",
  score: "number+",
};
const USER_V2: Shape = {
  displayName: "string",
  timeZone: "string?",
  isExternalCollaborator: "boolean",
  accountStatus: "string",
  accountId: "string",
  email: "string",
  accountType: "string",
  publicName: "string",
};

const typeOf = (value: Json): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;

/** What is wrong with an object, as "field: what"; nothing when it has the shape. */
function faultsOf(value: Json | undefined, shape: Shape): string[] {
  if (value === null || value === undefined || typeof value !== "object" || Array.isArray(value)) return ["no object"];
  const missing = Object.entries(shape)
    .filter(([name, type]) => type.endsWith("!") && !(name in value))
    .map(([name]) => `${name}: missing`);
  const wrong = Object.entries(value).flatMap(([name, field]) => {
    const type = shape[name];
    if (!type) return [`${name}: not published`];
    const wanted = type.replace(/[?!+]+$/, "");
    if (
      field === null
        ? type.endsWith("?")
        : typeOf(field) === wanted || (wanted === "number" && typeof field === "number")
    )
      return [];
    return [`${name}: ${typeOf(field)} for ${type}`];
  });
  return [...missing, ...wrong];
}

const site = generateSite({ spaces: 2, pages: 30, attachments: 12, comments: 20, blogPosts: 3, seed: 11 });
const cloud = startStandIn({ deployment: "cloud", site });
const wiki = startStandIn({ deployment: "datacenter", site });
afterAll(() => Promise.all([cloud.stop(), wiki.stop()]));

const space = site.spaceByKey("S1")!;
const page = site.pagesOf(space.id)[0]!.id;
const own = site.page(page);
site.label(page, "runbook");
site.attach(page, { name: "own.txt", mediaType: "text/plain", bytes: new Uint8Array(2) });
site.comment(page, { body: "<p>a</p>" });
site.comment(page, { body: "<p>b</p>", location: "inline", selection: "text" });

test.each([
  [`/api/v2/spaces/${space.id}/pages?body-format=storage`, PAGE],
  ["/api/v2/pages", PAGE],
  ["/api/v2/blogposts", BLOG_POST],
  ["/api/v2/spaces", SPACE],
  ["/api/v2/attachments", ATTACHMENT],
  [`/api/v2/pages/${page}/attachments`, ATTACHMENT],
  [`/api/v2/pages/${page}/footer-comments?body-format=storage`, COMMENT],
  [`/api/v2/pages/${page}/inline-comments`, COMMENT],
  ["/api/v2/footer-comments", COMMENT],
  [`/api/v2/pages/${page}/labels`, LABEL],
  [`/api/v2/pages/${page}/children`, CHILD],
  [`/api/v2/pages/${page}/direct-children`, CHILD],
] as [string, Shape][])("%s is a list of what is published", async (path, shape) => {
  const told = await ask(cloud, path);
  expect(faultsOf(told.json, { results: "array", _links: "object" })).toEqual([]);
  expect(faultsOf(told.json?._links, { next: "string", base: "string" })).toEqual([]);
  expect(told.results.length).toBeGreaterThan(0);
  for (const row of told.results) {
    expect(faultsOf(row, shape)).toEqual([]);
    if (row.version) expect(faultsOf(row.version, VERSION)).toEqual([]);
    if (at(row, "body.storage")) expect(faultsOf(at(row, "body.storage"), BODY)).toEqual([]);
  }
});

test("single items of v2 carry the base of their links", async () => {
  const told = await ask(cloud, `/api/v2/pages/${page}?body-format=storage&include-labels=true`);
  expect(faultsOf(told.json, PAGE)).toEqual([]);
  expect(faultsOf(told.json?._links, PAGE_LINKS)).toEqual([]);
  expect(at(told.json, "labels.results.0")).toEqual({
    id: expect.any(String),
    name: expect.any(String),
    prefix: "global",
  });
  expect((await ask(cloud, `/api/v2/spaces/${space.id}`)).json).toMatchObject({
    key: "S1",
    _links: { base: cloud.url },
  });
  const users = await fetch(`${cloud.url}/api/v2/users-bulk`, {
    method: "POST",
    headers: { Authorization: `Basic ${btoa("reader@example.com:cloud-api-token")}` },
    body: JSON.stringify({ accountIds: [own.createdBy] }),
  });
  expect(faultsOf(((await users.json()) as { results: JsonObject[] }).results[0], USER_V2)).toEqual([]);
});

const EXPAND =
  "expand=body.storage,version,space,history.lastUpdated,ancestors,metadata.labels,children.attachment,container,restrictions.read";
test.each([
  "/rest/api/content",
  `/rest/api/content/${page}/child/attachment`,
  `/rest/api/content/${page}/child/comment`,
  `/rest/api/content/search?cql=type%3Dpage`,
  "/rest/api/space/S1/content/page",
])("%s is a list of content as published", async (path) => {
  const told = await ask(wiki, `${path}${path.includes("?") ? "&" : "?"}${EXPAND}`);
  expect(faultsOf(told.json, LIST_V1)).toEqual([]);
  expect(told.results.length).toBeGreaterThan(0);
  for (const row of told.results) {
    expect(faultsOf(row, CONTENT)).toEqual([]);
    expect(faultsOf(row.version, VERSION_V1)).toEqual([]);
    expect(faultsOf(at(row, "version.by"), USER_V1)).toEqual([]);
    expect(faultsOf(row.space, SPACE_V1)).toEqual([]);
    expect(Object.keys(row).filter((name) => name in (row._expandable as JsonObject))).toEqual([]);
  }
});

test("what Cloud still has of v1 is as published", async () => {
  const found = await ask(cloud, "/rest/api/search?cql=type%3Dpage&expand=content.version");
  expect(faultsOf(found.json, SEARCH)).toEqual([]);
  for (const hit of found.results) {
    expect(faultsOf(hit, HIT)).toEqual([]);
    expect(faultsOf(hit.content, CONTENT)).toEqual([]);
    expect(faultsOf(at(hit, "content.version"), VERSION_V1)).toEqual([]);
  }
  const user = await ask(cloud, `/rest/api/user?accountId=${encodeURIComponent(own.createdBy)}`);
  expect(faultsOf(user.json, USER_V1)).toEqual([]);
  expect((await ask(wiki, `/rest/api/user?key=${encodeURIComponent(own.createdBy)}`)).json).toMatchObject({
    userKey: own.createdBy,
    username: expect.any(String),
  });
});

test("links look like recorded ones: tiny links, and downloads with version and date", async () => {
  const recorded = { num: 2_719_745, tiny: "/x/AYAp" };
  const { tinyPath } = await import("./call.ts");
  expect(tinyPath(recorded.num)).toBe(recorded.tiny);
  const file = (await ask(cloud, `/api/v2/pages/${page}/attachments?filename=own.txt`)).results[0]!;
  expect(file.downloadLink).toMatch(
    new RegExp(`^/download/attachments/${page}/own\\.txt\\?version=1&modificationDate=\\d{13}&cacheVersion=1&api=v2$`),
  );
  expect(file.webuiLink).toMatch(
    new RegExp(`^/pages/viewpageattachments\\.action\\?pageId=${page}&preview=%2F${page}%2F\\d+%2Fown\\.txt$`),
  );
});
