/** One request on its way through the stand-in: what every endpoint needs to answer it. */
import { type Answer, type JsonObject, json, Refusal } from "./answer.ts";
import type { Content, Page, Version } from "./contents.ts";
import type { Faults } from "./faults.ts";
import type { Quirks } from "./paging.ts";
import type { Logged, RequestLog } from "./request_log.ts";
import type { Site } from "./site.ts";

export type Deployment = "cloud" | "datacenter";

export interface Call {
  site: Site;
  deployment: Deployment;
  quirks: Quirks;
  faults: Faults;
  log: RequestLog;
  entry: Logged;
  /** Of the request, without the context and the API's prefix, e.g. `/pages/1` and `/content/1/label`. */
  path: string;
  query: URLSearchParams;
  /** `_links.base`: the site with its context, never the gateway. */
  base: string;
  /** `/wiki` on Cloud. */
  context: string;
  viewer: string;
  /** Body of a POST. */
  posted: JsonObject | null;
  /** Signs a short-lived address at the media host. */
  mediaUrl: (attachmentId: string) => string;
}

export const canRead =
  (call: Call) =>
  (content: Content): boolean =>
    call.site.canRead(call.viewer, content);
export const latest = (content: Content): Version => content.versions.at(-1)!;
export const iso = (time: number): string => new Date(time).toISOString();

/** The storage format of content, counted; a broken page ends the whole answer with a 500, lists included. */
export function storageOf(call: Call, content: Content, version = latest(content)): string {
  if (call.faults.brokenPages.has(content.id)) throw new Refusal(brokenAnswer(call, content));
  if (content.kind === "page" || content.kind === "blogpost") call.log.served(call.entry, content.id);
  return call.site.bodyOf(version);
}

function brokenAnswer(call: Call, content: Content): Answer {
  if (call.deployment === "datacenter" || call.path.startsWith("/content") || call.path.startsWith("/search"))
    return json(
      { statusCode: 500, message: `java.lang.RuntimeException: Error converting body of content ${content.id}` },
      500,
    );
  return json(
    { errors: [{ status: 500, code: "INTERNAL_SERVER_ERROR", title: "Internal Server Error", detail: null }] },
    500,
  );
}

/** What a reader would be served as HTML: macros lose their wrapping, links and images become HTML. Not faithful. */
export function renderedOf(call: Call, storage: string): string {
  return storage
    .replace(/<ac:parameter\b[^>]*>[\s\S]*?<\/ac:parameter>/g, "")
    .replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, (_, text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;"))
    .replace(/<ac:plain-text-body>([\s\S]*?)<\/ac:plain-text-body>/g, "<pre>$1</pre>")
    .replace(/<ri:page\b[^>]*?ri:content-title="([^"]*)"[^>]*?\/>/g, `<a href="${call.context}/display/$1">$1</a>`)
    .replace(/<ri:attachment\b[^>]*?ri:filename="([^"]*)"[^>]*?\/>/g, '<img src="$1" />')
    .replace(/<\/?(?:ac|ri|at):[^>]*>/g, "");
}

/** The path of the last two bytes of `/x/…`: the id as little-endian bytes in base64, without trailing zeros. */
export function tinyPath(num: number): string {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntLE(num, 0, 6);
  return `/x/${bytes.toString("base64").replace(/A+$/, "").replaceAll("+", "-").replaceAll("/", "_")}`;
}

const plus = (text: string): string => encodeURIComponent(text).replaceAll("%20", "+");

/** Where a reader opens a page, relative to the base. */
export function webPath(call: Call, page: Page): string {
  const space = call.site.spaces.get(page.spaceId)!;
  if (call.deployment === "datacenter")
    return /^[\w .-]+$/.test(page.title) && page.kind === "page"
      ? `/display/${space.key}/${plus(page.title)}`
      : `/pages/viewpage.action?pageId=${page.id}`;
  if (space.homepageId === page.id) return `/spaces/${space.key}/overview`;
  if (page.kind === "blogpost")
    return `/spaces/${space.key}/blog/${iso(page.createdAt).slice(0, 10).replaceAll("-", "/")}/${page.id}/${plus(page.title)}`;
  return `/spaces/${space.key}/pages/${page.id}/${plus(page.title)}`;
}

/** Links of an attachment, relative to the base; the download needs its query. */
export function attachmentPaths(content: Content & { kind: "attachment" }): { webui: string; download: string } {
  const version = latest(content);
  const owner = content.containerId;
  const preview = encodeURIComponent(`/${owner}/${content.num}/`) + plus(content.title);
  return {
    webui: `/pages/viewpageattachments.action?pageId=${owner}&preview=${preview}`,
    download: `/download/attachments/${owner}/${encodeURIComponent(content.title)}?version=${version.number}&modificationDate=${version.when}&cacheVersion=1&api=v2`,
  };
}

const DESCRIPTIONS: Record<string, string> = {
  pdf: "PDF Document",
  txt: "Text File",
  md: "File",
  html: "HTML Document",
  docx: "Microsoft Word Document",
  png: "PNG Image",
};
export const describeMedia = (name: string): string => DESCRIPTIONS[name.split(".").at(-1) ?? ""] ?? "File";

/** A path with a query, relative to the context; undefined and empty values stay away. */
export function pathWith(path: string, query: Record<string, string | number | null>, rest: URLSearchParams): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null) parameters.append(name, String(value));
  for (const [name, value] of rest) if (!(name in query)) parameters.append(name, value);
  return `${path}?${parameters}`;
}

/** What the links of every v1 answer begin with. */
export const ownLinks = (call: Call): JsonObject => ({ base: call.base, context: call.context });

export const without = (object: JsonObject, ...names: string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
