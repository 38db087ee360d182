/**
 * Spaces, pages, posts, attachments and comments as v2 shows them. A body is there only when its format is asked for,
 * and lists give no rendered formats.
 */
import { type JsonObject, refusedV2 } from "./answer.ts";
import {
  attachmentPaths,
  type Call,
  describeMedia,
  iso,
  latest,
  renderedOf,
  storageOf,
  tinyPath,
  webPath,
} from "./call.ts";
import type { Attachment, Comment, Content, Folder, Page, Space, Version } from "./contents.ts";

export function spaceV2(space: Space): JsonObject {
  return {
    createdAt: iso(space.createdAt),
    authorId: space.createdBy,
    homepageId: space.homepageId,
    icon: null,
    description: null,
    status: space.status,
    name: space.name,
    key: space.key,
    id: space.id,
    type: space.type,
    _links: { webui: `/spaces/${space.key}` },
    currentActiveAlias: space.key,
  };
}

export const versionV2 = (version: Version): JsonObject => ({
  number: version.number,
  message: version.message,
  minorEdit: version.minorEdit,
  authorId: version.by,
  createdAt: iso(version.when),
});

/** Lists give storage and ADF, single items rendered forms too. */
export function bodyV2(call: Call, content: Content, isList: boolean, version = latest(content)): JsonObject {
  const format = call.query.get("body-format");
  if (format === null) return {};
  const allowed = isList
    ? ["storage", "atlas_doc_format"]
    : ["storage", "atlas_doc_format", "view", "export_view", "anonymous_export_view", "styled_view", "editor"];
  if (!allowed.includes(format))
    throw refusedV2(
      400,
      "INVALID_REQUEST_PARAMETER",
      `Provided value {${format}} for 'body-format' is not the correct type. Expected type is ${isList ? "PrimaryBodyRepresentation" : "PrimaryBodyRepresentationSingle"}.`,
    );
  const storage = storageOf(call, content, version);
  const text =
    format === "storage"
      ? storage
      : format === "atlas_doc_format"
        ? adfOf(renderedOf(call, storage))
        : renderedOf(call, storage);
  return { [format]: { representation: format, value: text } };
}

const adfOf = (rendered: string): string =>
  JSON.stringify({
    type: "doc",
    version: 1,
    content: [{ type: "paragraph", content: [{ type: "text", text: rendered.replace(/<[^>]+>/g, " ") }] }],
  });

export function pageV2(call: Call, shown: Page, isList: boolean, version = latest(shown)): JsonObject {
  const space = call.site.spaces.get(shown.spaceId)!;
  const place: JsonObject =
    shown.kind === "page"
      ? {
          parentId: shown.parentId ?? shown.folderId,
          parentType: shown.parentId !== null ? "page" : shown.folderId !== null ? "folder" : null,
          position: shown.position,
          ownerId: shown.createdBy,
          lastOwnerId: null,
        }
      : {};
  return {
    ...place,
    spaceId: shown.spaceId,
    createdAt: iso(shown.createdAt),
    authorId: shown.createdBy,
    version: { ...versionV2(version), ncsStepVersion: String(version.number) },
    body: bodyV2(call, shown, isList, version),
    status: shown.status,
    title: version.title,
    id: shown.id,
    _links: {
      editui: `/pages/resumedraft.action?draftId=${shown.id}`,
      webui: webPath(call, shown),
      edituiv2: `/spaces/${space.key}/pages/edit-v2/${shown.id}`,
      tinyui: tinyPath(shown.num),
    },
  };
}

export const folderV2 = (call: Call, folder: Folder): JsonObject => ({
  id: folder.id,
  type: "folder",
  status: "current",
  title: folder.title,
  spaceId: folder.spaceId,
  parentId: folder.parentId,
  parentType: folder.parentId === null ? null : call.site.folders.has(folder.parentId) ? "folder" : "page",
  position: 0,
  _links: { webui: `/spaces/${call.site.spaces.get(folder.spaceId)!.key}/folder/${folder.id}` },
});

export function attachmentV2(call: Call, file: Attachment): JsonObject {
  const { webui, download } = attachmentPaths(file);
  const owner = call.site.ownerOf(file);
  return {
    fileId: file.fileId,
    downloadLink: download,
    createdAt: iso(file.createdAt),
    mediaTypeDescription: describeMedia(file.title),
    webuiLink: webui,
    comment: latest(file).message,
    version: versionV2(latest(file)),
    ...(owner.kind === "page" ? { pageId: owner.id } : { blogPostId: owner.id }),
    status: file.status,
    title: file.title,
    fileSize: call.site.sizeOf(file),
    mediaType: file.mediaType,
    id: file.id,
    _links: { download, webui },
  };
}

export function commentV2(call: Call, shown: Comment, isList: boolean): JsonObject {
  const owner = call.site.ownerOf(shown);
  const inline: JsonObject =
    shown.location === "inline"
      ? {
          resolutionStatus: shown.resolved ? "resolved" : "open",
          properties: { inlineMarkerRef: `ref-${shown.id}`, inlineOriginalSelection: shown.selection },
        }
      : {};
  return {
    id: shown.id,
    status: shown.status,
    title: shown.title,
    ...(owner.kind === "page" ? { pageId: owner.id } : { blogPostId: owner.id }),
    ...(shown.parentCommentId === null ? {} : { parentCommentId: shown.parentCommentId }),
    version: versionV2(latest(shown)),
    body: bodyV2(call, shown, isList),
    ...inline,
    _links: { webui: `${webPath(call, owner)}?focusedCommentId=${shown.id}` },
  };
}
