/**
 * Names of Confluence content that outlive renames and moves: the content's id on its site. Beside them stand aliases:
 * other names by which links call a page (space and title) or an attachment (page and file name), which lead to whatever
 * bears them now.
 */
import type { SourceType } from "../connector.ts";

/** What a link may mean, likeliest first. */
export interface ContentRef {
  sourceType: SourceType;
  ref: string;
}

export const pageRef = (siteName: string, id: string): string => `confluence://${siteName}/page/${id}`;
export const attachmentRef = (siteName: string, id: string): string =>
  `confluence://${siteName}/attachment/${bareId(id)}`;
export const spaceRef = (siteName: string, key: string): string => `confluence://${siteName}/space/${key}`;

/** Titles are unique within a space; keys do not distinguish case. */
export const titleAlias = (siteName: string, spaceKey: string, title: string): string =>
  `confluence://${siteName}/title/${spaceKey.toUpperCase()}/${cleanName(title)}`;

/** File names are unique within a page. macOS uploads them in NFD, markup may name them in NFC. */
export const fileAlias = (siteName: string, pageId: string, fileName: string): string =>
  `confluence://${siteName}/file/${pageId}/${cleanName(fileName)}`;

/** Older answers leave `att` out. */
export const bareId = (id: string): string => id.replace(/^att/, "");

/** NFC with single blanks, as names are compared. */
export const cleanName = (name: string): string => name.normalize("NFC").replace(/\s+/g, " ").trim();

/** The site and id in a ref of this connector; null for any other. */
export function parseRef(ref: string): { siteName: string; kind: string; id: string } | null {
  const match = /^confluence:\/\/(.+)\/(page|attachment|space)\/([^/]+)$/.exec(ref);
  return match ? { siteName: match[1]!, kind: match[2]!, id: match[3]! } : null;
}

/**
 * What a link in a page or attachment of a site leads to, by its address alone; [] for everything that is not content
 * of the same site.
 */
export function linkRefs(href: string, externalRef: string): ContentRef[] {
  const site = /^confluence:\/\/(.+)\/(?:page|attachment)\/\d+$/.exec(externalRef)?.[1];
  if (site === undefined || !URL.canParse(href)) return [];
  const url = new URL(href);
  if (url.protocol === "confluence:")
    return named(site, url.searchParams.get("id"), url.searchParams.get("space"), url.searchParams.get("title"));
  const [host, ...context] = site.split("/");
  if (url.host.toLowerCase() !== host) return [];
  const prefix = context.length > 0 ? `/${context.join("/")}` : url.pathname.startsWith("/wiki/") ? "/wiki" : "";
  if (!url.pathname.startsWith(`${prefix}/`)) return [];
  return pathRefs(site, url.pathname.slice(prefix.length), url.searchParams);
}

function pathRefs(site: string, path: string, query: URLSearchParams): ContentRef[] {
  const parts = path.split("/").slice(1).map(decoded);
  const id = /^\/(?:spaces\/[^/]+\/)?(?:pages|blog\/\d+\/\d+\/\d+|blog)\/(?:edit-v2\/)?(\d+)(?:\/|$)/.exec(path)?.[1];
  if (id !== undefined) return named(site, id, null, null);
  if (parts[0] === "pages" && /\.action$/.test(parts[1] ?? "")) {
    return named(site, query.get("pageId"), query.get("spaceKey"), query.get("title"));
  }
  if (parts[0] === "display" && parts[1] && parts[2]) {
    return named(site, null, parts[1], (parts.at(-1) ?? "").replaceAll("+", " "));
  }
  if (parts[0] === "x" && parts[1]) return named(site, tinyId(parts[1]), null, null);
  if (parts[0] === "download" && (parts[1] === "attachments" || parts[1] === "thumbnails") && parts[2] && parts[3]) {
    return [{ sourceType: "CONFLUENCE_ATTACHMENT", ref: fileAlias(site, parts[2], parts[3].replaceAll("+", " ")) }];
  }
  return [];
}

function named(site: string, id: string | null, space: string | null, title: string | null): ContentRef[] {
  if (id !== null && /^\d+$/.test(id)) return [{ sourceType: "CONFLUENCE_PAGE", ref: pageRef(site, id) }];
  if (space && title) return [{ sourceType: "CONFLUENCE_PAGE", ref: titleAlias(site, space, title) }];
  return [];
}

/** The content id in a short link: base64 of its little-endian bytes without the zeros, `-` for `/` and `_` for `+`. */
function tinyId(code: string): string | null {
  if (!/^[\w-]{1,11}$/.test(code)) return null;
  // Trailing zeros, which are "A" in base64, are left out.
  const bytes = Buffer.from(code.replaceAll("-", "/").replaceAll("_", "+").padEnd(11, "A"), "base64");
  let id = 0n;
  for (const [i, byte] of bytes.entries()) id |= BigInt(byte) << BigInt(8 * i);
  return id > 0n ? String(id) : null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
