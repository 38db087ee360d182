/** Writes the queries (CQL) of connections that are restricted by labels, page trees or a query of their own. */
import type { ConfluenceSettings } from "./config.ts";

/** Keys that look like keywords or numbers must be quoted, so all are. */
export const quoted = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`;

/** True when spaces alone do not say which pages are wanted. */
export function needsQuery(settings: ConfluenceSettings): boolean {
  return (
    settings.cql !== null ||
    settings.pageIds.length > 0 ||
    settings.labels.include.length > 0 ||
    settings.labels.exclude.length > 0
  );
}

/** All pages that the connection wants. */
export function contentQuery(settings: ConfluenceSettings, spaceKeys: readonly string[]): string {
  const { pageIds, labels, cql } = settings;
  const list = (values: readonly string[]) => `(${values.map(quoted).join(",")})`;
  const parts = [settings.blogPosts ? "type in (page, blogpost)" : "type = page"];
  if (spaceKeys.length > 0) parts.push(`space in ${list(spaceKeys)}`);
  if (pageIds.length > 0) parts.push(`(id in (${pageIds.join(",")}) or ancestor in (${pageIds.join(",")}))`);
  if (labels.include.length > 0) parts.push(`label in ${list(labels.include)}`);
  if (labels.exclude.length > 0) parts.push(`label not in ${list(labels.exclude)}`);
  if (cql !== null) parts.push(`(${cql})`);
  return parts.join(" and ");
}
