/**
 * REST v2 of Cloud: reading of spaces, pages, blog posts, attachments, comments, labels and users, as published. Lists
 * go by cursor, give the id of a space and not its key, give bodies only when asked for, and archived pages unless told not to.
 */
import { type Answer, type JsonObject, json, missingV2, refusedV2 } from "./answer.ts";
import { type Call, canRead, latest, pathWith } from "./call.ts";
import type { Attachment, Comment, Content, Page, Space } from "./contents.ts";
import { cutByKey, type SortKey } from "./paging.ts";
import { labelsV1 } from "./render_v1.ts";
import { attachmentV2, bodyV2, commentV2, folderV2, pageV2, spaceV2, versionV2 } from "./render_v2.ts";

type Endpoint = (call: Call, id: string, word: string) => Answer;

const ROUTES: [RegExp, Endpoint][] = [
  [/^\/spaces$/, (call) => spaces(call)],
  [/^\/spaces\/(\d+)$/, (call, id) => single(call, spaceV2(spaceOf(call, id)))],
  [
    /^\/spaces\/(\d+)\/(pages|blogposts)$/,
    (call, id, word) => pages(call, call.site.pagesOf(spaceOf(call, id).id), word, call.query.get("depth") === "root"),
  ],
  [/^\/()(pages|blogposts)$/, (call, _, word) => pages(call, everyPage(call), word)],
  [
    /^\/labels\/(\d+)\/(pages|blogposts)$/,
    (call, id, word) =>
      pages(
        call,
        everyPage(call).filter((page) => labelsV1(page.labels).some((label) => label.id === id)),
        word,
      ),
  ],
  [/^\/pages\/(\d+)$/, (call, id) => page(call, id, "page")],
  [/^\/blogposts\/(\d+)$/, (call, id) => page(call, id, "blogpost")],
  [
    /^\/(?:pages|blogposts)\/(\d+)\/attachments$/,
    (call, id) => attachments(call, call.site.attachmentsOf(find(call, id).id)),
  ],
  [
    /^\/(?:pages|blogposts)\/(\d+)\/(footer|inline)-comments$/,
    (call, id, word) =>
      comments(
        call,
        call.site.commentsOf(find(call, id).id).filter((one) => one.parentCommentId === null),
        word,
      ),
  ],
  [/^\/(?:footer|inline)-comments\/(\d+)\/children$/, (call, id) => replies(call, id)],
  [/^\/()(footer|inline)-comments$/, (call, _, word) => comments(call, everything(call, "comment"), word)],
  [/^\/(?:footer|inline)-comments\/(\d+)$/, (call, id) => comment(call, id)],
  [/^\/attachments$/, (call) => attachments(call, everything(call, "attachment"))],
  [/^\/attachments\/((?:att)?\d+)$/, (call, id) => attachment(call, id)],
  [/^\/(?:pages|blogposts|attachments)\/((?:att)?\d+)\/labels$/, (call, id) => labels(call, id)],
  [/^\/pages\/(\d+)\/(children|direct-children|descendants)$/, (call, id, word) => children(call, id, word)],
  [/^\/pages\/(\d+)\/ancestors$/, (call, id) => ancestors(call, id)],
  [/^\/folders\/(\d+)$/, (call, id) => folder(call, id)],
  [/^\/(?:pages|blogposts)\/(\d+)\/versions$/, (call, id) => versions(call, id)],
  [/^\/users-bulk$/, (call) => usersBulk(call)],
];

/** Null for a path that the API does not know. */
export function cloudV2(call: Call): Answer | null {
  for (const [pattern, endpoint] of ROUTES) {
    const match = pattern.exec(call.path);
    if (match) return endpoint(call, match[1] ?? "", match[2] ?? "");
  }
  return null;
}

const everyPage = (call: Call): Page[] =>
  [...call.site.spaces.values()].flatMap((space) => call.site.pagesOf(space.id));

function everything<K extends Content["kind"]>(call: Call, kind: K): Extract<Content, { kind: K }>[] {
  return [...call.site.contents()].filter(
    (one): one is Extract<Content, { kind: K }> => one.kind === kind && call.site.ownerOf(one).status !== "trashed",
  );
}

function spaceOf(call: Call, id: string): Space {
  const space = call.site.spaces.get(id);
  if (!space || !call.site.canReadSpace(call.viewer, space)) throw missingV2();
  return space;
}

/** A page or post that the caller may see, trash and archive included. */
function find(call: Call, id: string): Content {
  const content = call.site.content(id);
  if (!content || !canRead(call)(content)) throw missingV2();
  return content;
}

const many = (call: Call, name: string): string[] =>
  call.query
    .getAll(name)
    .flatMap((value) => value.split(","))
    .filter(Boolean);

interface ListOptions<T> {
  render: (row: T) => JsonObject;
  visible: (row: T) => boolean;
  num: (row: T) => number;
  usualLimit?: number;
  /** Sort fields beside id. */
  keys?: Record<string, (row: T) => string | number>;
  /** The field that sorts when none is asked for. */
  usualSort?: string;
}

/** A list by cursor, with `next` in the body and in the Link header, both with the context. */
function listed<T>(call: Call, all: readonly T[], options: ListOptions<T>): Answer {
  const asked = call.query.get("sort") ?? options.usualSort ?? "id";
  const field = asked.replace(/^-/, "");
  const read = field === "id" ? options.num : options.keys?.[field];
  if (!read)
    throw refusedV2(
      400,
      "INVALID_REQUEST_PARAMETER",
      `Provided value {${asked}} for 'sort' is not the correct type. Expected type is SortOrder.`,
    );
  const cut = cutByKey(all, {
    query: call.query,
    usualLimit: options.usualLimit ?? 25,
    quirks: call.quirks,
    visible: options.visible,
    keyOf: (row): SortKey => [read(row), options.num(row)],
    descending: asked.startsWith("-"),
  });
  const links: JsonObject = { base: call.base };
  const headers: Record<string, string> = { Link: `<${call.base}>; rel="base"` };
  if (cut.next !== null) {
    // CONFCLOUD-84015: children without a position leave the cursor empty, unless sorted by id.
    const lost =
      call.path.endsWith("/direct-children") &&
      asked !== "id" &&
      cut.rows.some((row) => (row as Page).position === null);
    const next = pathWith(
      `${call.context}/api/v2${call.path}`,
      { limit: cut.limit, cursor: lost ? "" : cut.next },
      call.query,
    );
    links.next = next;
    headers.Link = `<${next}>; rel="next", ${headers.Link}`;
  }
  return json({ results: cut.rows.map(options.render), _links: links }, 200, headers);
}

const single = (call: Call, shown: JsonObject): Answer =>
  json({ ...shown, _links: { ...(shown._links as JsonObject), base: call.base } });

function spaces(call: Call): Answer {
  const [ids, keys, status, type] = [
    many(call, "ids"),
    many(call, "keys"),
    call.query.get("status"),
    call.query.get("type"),
  ];
  const all = [...call.site.spaces.values()].filter(
    (space) =>
      (ids.length === 0 || ids.includes(space.id)) &&
      (keys.length === 0 || keys.includes(space.key)) &&
      (status === null || space.status === status) &&
      (type === null || space.type === type),
  );
  return listed(call, all, {
    render: (space) => spaceV2(space),
    visible: (space) => call.site.canReadSpace(call.viewer, space),
    num: (space) => Number(space.id),
    keys: { key: (space) => space.key, name: (space) => space.name },
  });
}

const PAGE_KEYS: Record<string, (page: Page) => string | number> = {
  title: (page) => page.title,
  "created-date": (page) => page.createdAt,
  "modified-date": (page) => latest(page).when,
};

function pages(call: Call, all: readonly Page[], word: string, rootOnly = false): Answer {
  const kind = word === "pages" ? "page" : "blogpost";
  const statuses = many(call, "status");
  // As published: pages default to current and archived, posts to current.
  const wanted = statuses.length > 0 ? statuses : kind === "page" ? ["current", "archived"] : ["current"];
  const allowed = kind === "page" ? ["current", "archived", "deleted", "trashed"] : ["current", "deleted", "trashed"];
  for (const status of wanted)
    if (!allowed.includes(status))
      throw refusedV2(
        400,
        "INVALID_REQUEST_PARAMETER",
        `Provided value {${status}} for 'status' is not the correct type.`,
      );
  const [ids, spaceIds, title] = [many(call, "id"), many(call, "space-id"), call.query.get("title")];
  const rows = all.filter(
    (one) =>
      one.kind === kind &&
      wanted.includes(one.status) &&
      (ids.length === 0 || ids.includes(one.id)) &&
      (spaceIds.length === 0 || spaceIds.includes(one.spaceId)) &&
      (title === null || one.title === title) &&
      !(rootOnly && one.parentId !== null),
  );
  return listed(call, rows, {
    render: (one) => pageV2(call, one, true),
    visible: canRead(call),
    num: (one) => one.num,
    keys: PAGE_KEYS,
  });
}

function page(call: Call, id: string, kind: Page["kind"]): Answer {
  const found = find(call, id);
  const statuses = many(call, "status");
  const wanted = statuses.length > 0 ? statuses : ["current", "archived"];
  if (found.kind !== kind || !(wanted.includes(found.status) || wanted.includes("historical"))) throw missingV2();
  const number = call.query.get("version");
  const version = number === null ? latest(found) : found.versions.find((one) => one.number === Number(number));
  if (!version) throw missingV2();
  const shown = pageV2(call, found, false, version);
  if (call.query.get("include-labels") === "true")
    shown.labels = {
      results: labelsV1(found.labels.slice(0, 50)).map(({ id: labelId, name, prefix }) => ({
        id: labelId!,
        name: name!,
        prefix: prefix!,
      })),
      meta: { hasMore: found.labels.length > 50, cursor: "" },
      _links: { self: `${call.context}/api/v2/pages/${id}/labels` },
    };
  return single(call, shown);
}

function attachments(call: Call, all: readonly Attachment[]): Answer {
  const statuses = many(call, "status");
  const wanted = statuses.length > 0 ? statuses : ["current", "archived"];
  const [media, name] = [call.query.get("mediaType"), call.query.get("filename")];
  const rows = all.filter(
    (file) =>
      wanted.includes(file.status) &&
      (media === null || file.mediaType === media) &&
      (name === null || file.title === name),
  );
  return listed(call, rows, {
    render: (file) => attachmentV2(call, file),
    visible: canRead(call),
    num: (file) => file.num,
    usualLimit: 50,
    keys: { "created-date": (file) => file.createdAt, "modified-date": (file) => latest(file).when },
  });
}

function attachment(call: Call, id: string): Answer {
  const file = find(call, id);
  if (file.kind !== "attachment" || file.status === "trashed") throw missingV2();
  return single(call, attachmentV2(call, file));
}

function commentList(call: Call, rows: readonly Comment[]): Answer {
  const current = rows.filter((one) => one.status === "current");
  return listed(call, current, {
    render: (one) => commentV2(call, one, true),
    visible: canRead(call),
    num: (one) => one.num,
    keys: { "created-date": (one) => one.createdAt, "modified-date": (one) => latest(one).when },
  });
}

const comments = (call: Call, all: readonly Comment[], word: string): Answer =>
  commentList(
    call,
    all.filter((one) => one.location === word),
  );

function replies(call: Call, id: string): Answer {
  const parent = find(call, id);
  if (parent.kind !== "comment") throw missingV2();
  return commentList(
    call,
    call.site.commentsOf(parent.containerId).filter((one) => one.parentCommentId === parent.id),
  );
}

function comment(call: Call, id: string): Answer {
  const found = find(call, id);
  if (found.kind !== "comment" || found.status !== "current") throw missingV2();
  return single(call, commentV2(call, found, false));
}

function labels(call: Call, id: string): Answer {
  const rows = labelsV1(find(call, id).labels);
  return listed(call, rows, {
    render: (label) => ({ id: label.id!, name: label.name!, prefix: label.prefix! }),
    visible: () => true,
    num: (label) => Number(label.id),
    keys: { name: (label) => String(label.name) },
  });
}

function children(call: Call, id: string, word: string): Answer {
  const parent = find(call, id);
  if (parent.kind !== "page") throw missingV2();
  const all =
    word === "descendants"
      ? descendantsTo(call, parent, Number(call.query.get("depth") ?? 2))
      : call.site.childrenOf(id);
  const shown = all.filter((child) => child.status === "current" || child.status === "archived");
  return listed(call, shown, {
    render: (child) => ({
      id: child.id,
      status: child.status,
      title: child.title,
      spaceId: child.spaceId,
      childPosition: child.position,
      ...(word === "children" ? {} : { type: "page" }),
      ...(word === "descendants"
        ? {
            parentId: child.parentId,
            depth: call.site.ancestorsOf(child).length - call.site.ancestorsOf(parent).length,
          }
        : {}),
    }),
    visible: canRead(call),
    num: (child) => child.num,
    usualSort: "child-position",
    keys: { ...PAGE_KEYS, "child-position": (child) => child.position ?? 0 },
  });
}

function descendantsTo(call: Call, parent: Page, depth: number): Page[] {
  return depth === 0
    ? []
    : call.site.childrenOf(parent.id).flatMap((child) => [child, ...descendantsTo(call, child, depth - 1)]);
}

/** From the top down, ids and types only. */
function ancestors(call: Call, id: string): Answer {
  const found = find(call, id);
  if (found.kind !== "page") throw missingV2();
  const rows = call.site
    .ancestorsOf(found)
    .filter(canRead(call))
    .map((one) => ({ id: one.id, type: "page" }));
  return json({ results: rows, _links: { base: call.base } });
}

function folder(call: Call, id: string): Answer {
  const found = call.site.folders.get(id);
  if (!found || !call.site.canReadSpace(call.viewer, call.site.spaces.get(found.spaceId)!)) throw missingV2();
  return single(call, folderV2(call, found));
}

function versions(call: Call, id: string): Answer {
  const found = find(call, id);
  return listed(call, found.versions, {
    render: (version) => ({
      ...versionV2(version),
      page: { id: found.id, title: version.title, body: bodyV2(call, found, true, version) },
    }),
    visible: () => true,
    num: (version) => version.number,
    usualSort: "-modified-date",
    keys: { "modified-date": (version) => version.when },
  });
}

function usersBulk(call: Call): Answer {
  const ids = call.posted?.accountIds;
  if (!Array.isArray(ids)) throw refusedV2(400, "INVALID_REQUEST_PARAMETER", "accountIds must not be empty");
  const found = ids.flatMap((id) => call.site.users.get(String(id)) ?? []);
  const results = found.map((user) => ({
    accountId: user.id,
    accountType: "atlassian",
    accountStatus: "active",
    displayName: user.displayName,
    publicName: user.displayName,
    email: "",
    timeZone: null,
    isExternalCollaborator: false,
  }));
  return json({ results, _links: { base: call.base } });
}
