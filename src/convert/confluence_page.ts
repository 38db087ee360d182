/**
 * Converts a Confluence page that came through the connector: its storage format with everything around it in one
 * payload. Names and included pages come from the payload; comments follow the page under a heading of their own, each
 * with its author, date and the passage it is about. What the interface said of the page becomes metadata.
 */
import * as v from "valibot";
import { PermanentError } from "../errors.ts";
import type { ConfluenceContext, IncludeRef, PageRef } from "./confluence/context.ts";
import { PagePayload } from "./confluence/page_payload.ts";
import { convertConfluenceText } from "./confluence.ts";
import type { Converted, Converter, ConvertLimits, MetadataValue, Warning } from "./converted.ts";

type Comment = PagePayload["comments"][number];

export const convertConfluencePage: Converter = async (bytes, limits) => {
  const payload = readPayload(bytes);
  const context = contextOf(payload);
  const page = convertConfluenceText(payload.storage, context, limits);
  const comments = commentsSection(payload, context, limits);
  return {
    markdown: [page.markdown.trimEnd(), ...comments.blocks].filter((block) => block !== "").join("\n\n"),
    title: payload.title,
    language: page.language,
    metadata: metadataOf(payload),
    warnings: [...page.warnings, ...comments.warnings],
  } satisfies Converted;
};

function readPayload(bytes: Uint8Array): PagePayload {
  try {
    return v.parse(PagePayload, JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new PermanentError(
      "convert.malformed",
      "The bytes are no Confluence page as the connector stores it.",
      {},
      { cause: error },
    );
  }
}

function contextOf(payload: PagePayload): ConfluenceContext {
  const { base_url: baseUrl, space, users, id } = payload;
  return {
    baseUrl,
    ...(space.key === "" ? {} : { spaceKey: space.key }),
    self: { contentId: id, title: payload.title, ...(space.key === "" ? {} : { spaceKey: space.key }) },
    userName: (user) => users[user] ?? null,
    pageTitle: (ref) =>
      ref.contentId === id ? payload.title : (payload.includes.find((one) => one.id === ref.contentId)?.title ?? null),
    attachmentUrl: (name, page) => {
      const holder =
        page === undefined ? id : (page.contentId ?? includedPage({ ...page, kind: "include" }, payload)?.id);
      return holder === undefined ? null : `${baseUrl}/download/attachments/${holder}/${encodeURIComponent(name)}`;
    },
    include: (ref) => includedPage(ref, payload),
  };
}

/** Titles are unique within a space only; a reference without a space that is found in none of them means its own. */
function includedPage(ref: IncludeRef, payload: PagePayload) {
  const found =
    payload.includes.find((page) => isNamed(page, ref, ref.spaceKey ?? payload.space.key)) ??
    (ref.spaceKey === undefined ? payload.includes.find((page) => isNamed(page, ref, page.space_key)) : undefined);
  return found === undefined ? null : { id: found.id, storage: found.storage, title: found.title, url: found.url };
}

function isNamed(page: PagePayload["includes"][number], ref: PageRef, spaceKey: string): boolean {
  if (ref.contentId !== undefined) return page.id === ref.contentId;
  return page.space_key === spaceKey && clean(page.title) === clean(ref.title ?? "");
}

const clean = (title: string): string => title.normalize("NFC").replace(/\s+/g, " ").trim();

function commentsSection(
  payload: PagePayload,
  context: ConfluenceContext,
  limits: ConvertLimits,
): { blocks: string[]; warnings: Warning[] } {
  const warnings: Warning[] = [];
  if (payload.comments.length === 0) return { blocks: [], warnings };
  const authors = new Map(payload.comments.map((comment) => [comment.id, authorOf(comment, payload)]));
  const blocks = ["## Comments"];
  for (const comment of payload.comments) {
    const said = convertConfluenceText(comment.storage, context, limits);
    for (const warning of said.warnings)
      if (!warnings.some(({ code }) => code === warning.code)) warnings.push(warning);
    blocks.push(introduction(comment, authors));
    if (comment.selection !== null) blocks.push(`> ${escaped(comment.selection)}`);
    blocks.push(said.markdown.trim());
  }
  return { blocks: blocks.filter((block) => block !== ""), warnings };
}

const authorOf = (comment: Comment, payload: PagePayload): string =>
  (comment.author === null ? undefined : payload.users[comment.author]) ?? "Unknown user";

function introduction(comment: Comment, authors: ReadonlyMap<string, string>): string {
  const to = comment.reply_to === null ? undefined : authors.get(comment.reply_to);
  const what = [
    `**${escaped(authors.get(comment.id) ?? "Unknown user")}**`,
    to === undefined ? "" : ` to ${escaped(to)}`,
    comment.created_at === null ? "" : `, ${comment.created_at.slice(0, 10)}`,
    comment.resolved ? " (resolved)" : "",
  ];
  return `${what.join("")}:`;
}

/** Names and passages are text: nothing in them is markup. */
function escaped(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_[\]<>&|~]/g, "\\$&");
}

/** Fields without a value are left out. */
function metadataOf(payload: PagePayload): Record<string, MetadataValue> {
  const { space, ancestors, version, created, users, labels } = payload;
  const nameOf = (user: string | null): string | null => (user === null ? null : (users[user] ?? null));
  const authors = [...new Set([nameOf(created.author), nameOf(version.author)])].filter((name) => name !== null);
  const fields: Record<string, MetadataValue> = {
    content_id: payload.id,
    content_type: payload.type,
    space_key: space.key,
    space_name: space.name,
    path: [space.name || space.key, ...ancestors.map(({ title }) => title)].filter((part) => part !== "").join(" / "),
    ancestors: ancestors.map(({ id, title }) => ({ id, title })),
    labels,
    authors,
    created_at: created.created_at,
    created_by: nameOf(created.author),
    updated_at: version.created_at,
    updated_by: nameOf(version.author),
    version: version.number,
    web_url: payload.url,
    status: payload.status === "current" ? null : payload.status,
    comments: payload.comments.length || null,
    includes: payload.includes.map(({ id, title, version: number }) => ({ id, title, version: number })),
  };
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== null && value !== "" && !(Array.isArray(value) && value.length === 0),
    ),
  );
}
