/** Content, spaces and users as v1 shows them: what is expanded stands in the object, the rest is named in `_expandable`. */
import type { Json, JsonObject } from "./answer.ts";
import {
  attachmentPaths,
  type Call,
  describeMedia,
  iso,
  latest,
  pathWith,
  renderedOf,
  storageOf,
  tinyPath,
  webPath,
  without,
} from "./call.ts";
import type { Attachment, Comment, Content, Page, Space, Version } from "./contents.ts";
import { cutByOffset } from "./paging.ts";

/** `expand=body.storage,version` as paths. */
export const expandOf = (query: URLSearchParams): string[] =>
  query
    .getAll("expand")
    .flatMap((list) => list.split(","))
    .map((path) => path.trim())
    .filter(Boolean);

const wants = (expand: readonly string[], name: string): boolean =>
  expand.some((path) => path === name || path.startsWith(`${name}.`));
const below = (expand: readonly string[], name: string): string[] =>
  expand.filter((path) => path.startsWith(`${name}.`)).map((path) => path.slice(name.length + 1));

export function userV1(call: Call, userId: string): JsonObject {
  const user = call.site.users.get(userId);
  const picture = {
    path: `${call.context}/images/icons/profilepics/default.svg`,
    width: 48,
    height: 48,
    isDefault: true,
  };
  if (call.deployment === "datacenter")
    return {
      type: user ? "known" : "unknown",
      username: user?.username ?? userId,
      userKey: userId,
      profilePicture: picture,
      displayName: user?.displayName ?? `Unknown User (${userId})`,
      _links: { self: `${call.base}/rest/api/user?key=${userId}` },
      _expandable: { status: "" },
    };
  return {
    type: user ? "known" : "unknown",
    accountId: userId,
    accountType: "atlassian",
    email: "",
    publicName: user?.displayName ?? "Former user",
    profilePicture: picture,
    displayName: user?.displayName ?? "Former user",
    isExternalCollaborator: false,
    isGuest: false,
    locale: "en_US",
    accountStatus: "active",
    _expandable: { operations: "", personalSpace: "" },
    _links: { self: `${call.base}/rest/api/user?accountId=${encodeURIComponent(userId)}` },
  };
}

export function versionV1(call: Call, content: Content, version: Version): JsonObject {
  const shown: JsonObject = {
    by: userV1(call, version.by),
    when: iso(version.when),
    friendlyWhen: new Date(version.when).toDateString(),
    message: version.message,
    number: version.number,
    minorEdit: version.minorEdit,
    _expandable: { content: `/rest/api/content/${content.id}` },
    _links: { self: `${call.base}/rest/api/content/${content.id}/version/${version.number}` },
  };
  if (call.deployment === "datacenter") return { ...shown, hidden: false };
  return { ...shown, confRev: `confluence$content$${content.num}.${version.number}`, contentTypeModified: false };
}

export function spaceV1(call: Call, space: Space, expand: readonly string[] = []): JsonObject {
  const at = `/rest/api/space/${encodeURIComponent(space.key)}`;
  const shown: JsonObject = {
    id: Number(space.id),
    key: space.key,
    ...(call.deployment === "cloud" ? { alias: space.key } : {}),
    name: space.name,
    type: space.type,
    status: space.status,
  };
  const unfolded: JsonObject = {
    description: {
      plain: { value: `About ${space.name}`, representation: "plain", embeddedContent: [] },
      _expandable: { view: "" },
    },
    homepage: space.homepageId ? contentV1(call, call.site.page(space.homepageId), []) : null,
  };
  for (const name of Object.keys(unfolded)) if (wants(expand, name)) shown[name] = unfolded[name]!;
  const expandable: JsonObject = {
    settings: `${at}/settings`,
    metadata: "",
    operations: "",
    lookAndFeel: `/rest/api/settings/lookandfeel?spaceKey=${space.key}`,
    permissions: "",
    icon: "",
    description: "",
    theme: `${at}/theme`,
    history: "",
    homepage: space.homepageId ? `/rest/api/content/${space.homepageId}` : "",
  };
  return {
    ...shown,
    _expandable: without(expandable, ...Object.keys(shown)),
    _links: {
      webui: call.deployment === "cloud" ? `/spaces/${space.key}` : `/display/${space.key}`,
      self: `${call.base}${at}`,
    },
  };
}

const BODIES = [
  "editor",
  "atlas_doc_format",
  "view",
  "export_view",
  "styled_view",
  "storage",
  "editor2",
  "anonymous_export_view",
];

function bodyV1(call: Call, content: Content, wanted: readonly string[], version: Version): JsonObject {
  const shown: JsonObject = {};
  for (const name of ["storage", "view", "export_view", "styled_view"]) {
    if (!wants(wanted, name)) continue;
    const storage = storageOf(call, content, version);
    shown[name] = {
      value: name === "storage" ? storage : renderedOf(call, storage),
      representation: name,
      embeddedContent: [],
      _expandable: { content: `/rest/api/content/${content.id}` },
    };
  }
  const rest = Object.fromEntries(BODIES.filter((name) => !(name in shown)).map((name) => [name, ""]));
  return { ...shown, _expandable: rest };
}

export const labelsV1 = (names: readonly string[]): JsonObject[] =>
  names.map((name) => ({ prefix: "global", name, id: String(Number(Bun.hash(name) & 0xffffffn)), label: name }));

/** A list inside a content: `{results, start, limit, size, _links}`. */
function within(call: Call, path: string, rows: JsonObject[], limit: number, more: boolean): JsonObject {
  const next: JsonObject = more ? { next: pathWith(path, { limit, start: limit }, new URLSearchParams()) } : {};
  return { results: rows, start: 0, limit, size: rows.length, _links: { ...next, self: `${call.base}${path}` } };
}

export type ChildKind = "page" | "attachment" | "comment";

/** Current children of this kind in their order, before permissions. */
export function childrenOf(
  call: Call,
  content: Content,
  kind: ChildKind,
  statuses: readonly string[] = ["current"],
): readonly Content[] {
  const all: readonly Content[] =
    kind === "page"
      ? call.site.childrenOf(content.id)
      : kind === "attachment"
        ? call.site.attachmentsOf(content.id)
        : call.site.commentsOf(content.kind === "comment" ? content.containerId : content.id);
  const parent = content.kind === "comment" ? content.id : null;
  return all.filter(
    (child) => statuses.includes(child.status) && (child.kind !== "comment" || child.parentCommentId === parent),
  );
}

/** `children` and `descendants` with the lists that are expanded. */
export function childListsV1(
  call: Call,
  content: Content,
  expand: readonly string[],
  word: "child" | "descendant",
): JsonObject {
  const at = `/rest/api/content/${content.id}/${word}`;
  const shown: JsonObject = {};
  const expandable: JsonObject = {};
  for (const kind of ["attachment", "comment", "page"] as const) {
    if (!wants(expand, kind)) {
      expandable[kind] = `${at}/${kind}`;
      continue;
    }
    const cut = cutByOffset(childrenOf(call, content, kind), {
      start: 0,
      requested: 25,
      cap: 25,
      quirks: call.quirks,
      visible: (row) => call.site.canRead(call.viewer, row),
    });
    shown[kind] = within(
      call,
      `${at}/${kind}`,
      cut.rows.map((row) => contentV1(call, row, below(expand, kind))),
      25,
      cut.next !== null,
    );
  }
  return { ...shown, _expandable: expandable, _links: { self: `${call.base}${at}` } };
}

function linksV1(call: Call, content: Content): JsonObject {
  const self = `${call.base}/rest/api/content/${shownId(call, content)}`;
  if (content.kind === "attachment") return { ...attachmentPaths(content), self };
  if (content.kind === "comment") {
    const page = webPath(call, call.site.ownerOf(content));
    return { webui: `${page}${page.includes("?") ? "&" : "?"}focusedCommentId=${content.id}`, self };
  }
  const space = call.site.spaces.get(content.spaceId)!;
  const editor: JsonObject =
    call.deployment === "cloud" ? { edituiv2: `/spaces/${space.key}/pages/edit-v2/${content.id}` } : {};
  return {
    webui: webPath(call, content),
    editui: `/pages/resumedraft.action?draftId=${content.id}`,
    ...editor,
    tinyui: tinyPath(content.num),
    self,
  };
}

export const shownId = (call: Call, content: Content): string =>
  content.kind === "attachment" && call.quirks.bareAttachmentIds ? String(content.num) : content.id;

function extensionsV1(call: Call, content: Content, expand: readonly string[]): JsonObject {
  if (content.kind === "attachment") return attachmentExtensions(call, content);
  if (content.kind === "comment") return commentExtensions(content, expand);
  return { position: content.position ?? "none" };
}

function attachmentExtensions(call: Call, file: Attachment): JsonObject {
  const cloud: JsonObject =
    call.deployment === "cloud"
      ? {
          mediaTypeDescription: describeMedia(file.title),
          fileId: file.fileId,
          collectionName: `contentId-${file.containerId}`,
        }
      : {};
  return { mediaType: file.mediaType, fileSize: call.site.sizeOf(file), comment: latest(file).message, ...cloud };
}

function commentExtensions(comment: Comment, expand: readonly string[]): JsonObject {
  const shown: JsonObject = { location: comment.location };
  if (comment.location === "inline" && wants(expand, "extensions.inlineProperties"))
    shown.inlineProperties = { originalSelection: comment.selection, markerRef: `ref-${comment.id}` };
  if (wants(expand, "extensions.resolution")) shown.resolution = { status: comment.resolved ? "resolved" : "open" };
  return { ...shown, _expandable: without({ inlineProperties: "", resolution: "" }, ...Object.keys(shown)) };
}

function historyV1(call: Call, content: Content, expand: readonly string[]): JsonObject {
  const shown: JsonObject = {
    latest: true,
    createdBy: userV1(call, content.createdBy),
    createdDate: iso(content.createdAt),
  };
  if (wants(expand, "lastUpdated")) shown.lastUpdated = versionV1(call, content, latest(content));
  return {
    ...shown,
    _expandable: without(
      { lastUpdated: "", previousVersion: "", contributors: "", nextVersion: "" },
      ...Object.keys(shown),
    ),
    _links: { self: `${call.base}/rest/api/content/${content.id}/history` },
  };
}

function metadataV1(content: Content, expand: readonly string[]): JsonObject {
  const shown: JsonObject = content.kind === "attachment" ? { mediaType: content.mediaType } : {};
  if (wants(expand, "labels")) {
    const results = labelsV1(content.labels);
    shown.labels = { results, start: 0, limit: 200, size: results.length, _links: {} };
  }
  return {
    ...shown,
    _expandable: without(
      { currentuser: "", properties: "", frontend: "", editorHtml: "", labels: "" },
      ...Object.keys(shown),
    ),
  };
}

function restrictionsV1(page: Page): JsonObject {
  const users = [...(page.readers ?? [])].map((accountId) => ({ type: "known", accountId }));
  const list = (results: JsonObject[]) => ({ results, start: 0, limit: 200, size: results.length });
  return {
    read: { operation: "read", restrictions: { user: list(users), group: list([]) }, _expandable: { content: "" } },
    _expandable: { update: "" },
  };
}

/** One content with what is expanded of it. A broken body throws the answer. */
export function contentV1(
  call: Call,
  content: Content,
  expand: readonly string[],
  version = latest(content),
): JsonObject {
  const owner = call.site.ownerOf(content);
  const space = call.site.spaces.get(owner.spaceId)!;
  const at = `/rest/api/content/${shownId(call, content)}`;
  const isPage = content.kind === "page" || content.kind === "blogpost";
  const shown: JsonObject = {
    id: shownId(call, content),
    type: content.kind,
    status: content.status,
    title: version.title,
    ...(call.deployment === "cloud" ? { macroRenderedOutput: {} } : {}),
    extensions: extensionsV1(call, content, expand),
  };
  const add = (name: string, make: (inner: string[]) => Json): void => {
    if (wants(expand, name)) shown[name] = make(below(expand, name));
  };
  add("space", (inner) => spaceV1(call, space, inner));
  add("version", () => versionV1(call, content, version));
  add("history", (inner) => historyV1(call, content, inner));
  add("ancestors", () =>
    content.kind === "page"
      ? call.site
          .ancestorsOf(content)
          .filter((page) => call.site.canRead(call.viewer, page))
          .map((page) => contentV1(call, page, []))
      : [],
  );
  add("body", (inner) => bodyV1(call, content, inner, version));
  add("children", (inner) => childListsV1(call, content, inner, "child"));
  add("descendants", (inner) => childListsV1(call, content, inner, "descendant"));
  add("container", () => (isPage ? spaceV1(call, space) : contentV1(call, owner, [])));
  add("restrictions", () => (isPage ? restrictionsV1(content) : {}));
  if (content.kind === "attachment" || wants(expand, "metadata"))
    shown.metadata = metadataV1(content, below(expand, "metadata"));
  const expandable: JsonObject = {
    container: isPage ? `/rest/api/space/${space.key}` : `/rest/api/content/${owner.id}`,
    metadata: "",
    operations: "",
    restrictions: `${at}/restriction/byOperation`,
    history: `${at}/history`,
    body: "",
    version: "",
    descendants: `${at}/descendant`,
    space: `/rest/api/space/${space.key}`,
    childTypes: "",
    children: `${at}/child`,
    ancestors: "",
  };
  return { ...shown, _links: linksV1(call, content), _expandable: without(expandable, ...Object.keys(shown)) };
}
