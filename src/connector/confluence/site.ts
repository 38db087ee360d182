/** A site once it is known what it is: where its two interfaces lie and how its answers become addresses for readers. */
import type { Deployment } from "./config.ts";

export interface Site {
  deployment: Deployment;
  /** Before `/rest/api` and `/api/v2`; on Cloud it ends in `/wiki`. */
  root: string;
  /** Address that people use; equals `root` unless requests go through a gateway. */
  webBase: string;
}

export const v1 = (site: Site, path: string): string => `${site.root}/rest/api${path}`;
export const v2 = (site: Site, path: string): string => `${site.root}/api/v2${path}`;

/** Adds a query. Lists are joined by commas, as v2 wants them. */
export function withQuery(url: string, query: Record<string, string | number | readonly string[] | undefined>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    search.set(key, Array.isArray(value) ? value.join(",") : String(value));
  }
  const text = search.toString();
  return text === "" ? url : `${url}${url.includes("?") ? "&" : "?"}${text}`;
}

/** The address of `_links.webui`, which is relative to the context path: `/spaces/DOC/pages/1/Title`. */
export function webUrl(site: Site, webui: string | undefined, contentId: string): string {
  if (webui?.startsWith("/")) return site.webBase + webui;
  return `${site.webBase}/pages/viewpage.action?pageId=${contentId}`;
}
