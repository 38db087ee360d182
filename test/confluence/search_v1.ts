/** CQL search of v1, bare (`content/search`) and wrapped (`search`): by cursor on Cloud, by start and limit on Data Center. */
import { type Answer, type JsonObject, json, refusedV1 } from "./answer.ts";
import { type Call, canRead, iso, latest, ownLinks, pathWith, webPath } from "./call.ts";
import type { Content } from "./contents.ts";
import { searchCql } from "./cql.ts";
import { capOf, cutByOffset, cutByPageCursor, numberParameter } from "./paging.ts";
import { contentV1, expandOf } from "./render_v1.ts";

interface Found {
  rows: Content[];
  limit: number;
  total: number;
  start: number;
  links: JsonObject;
  cql: string;
}

/** The page of a search that is asked for; every row is of content, in the order of the query. */
function search(call: Call, expand: readonly string[]): Found {
  const cql = call.query.get("cql");
  if (!cql)
    throw refusedV1(
      400,
      "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: cql query parameter is required",
      true,
    );
  const { deployment, quirks } = call;
  const includeArchivedSpaces = call.query.get("includeArchivedSpaces") === "true";
  const all = searchCql(call.site, cql, { quirks, includeArchivedSpaces, deployment });
  const requested = numberParameter(call.query, "limit", 25);
  const at = `/rest/api${call.path}`;
  const links: JsonObject = { ...ownLinks(call), self: `${call.base}${at}?cql=${encodeURIComponent(cql)}` };
  const request = { requested, cap: capOf(expand), quirks, visible: canRead(call) };
  if (deployment === "cloud") {
    const cut = cutByPageCursor(all, { ...request, cursor: call.query.get("cursor") });
    if (cut.next !== null)
      links.next = pathWith(
        at,
        { next: "true", cursor: cut.next, limit: cut.limit, start: cut.start + cut.limit },
        call.query,
      );
    return { ...cut, links, cql };
  }
  const cut = cutByOffset(all, { ...request, start: numberParameter(call.query, "start", 0) });
  if (cut.next !== null) links.next = pathWith(at, { limit: requested, start: cut.next }, call.query);
  return { ...cut, total: all.length, links, cql };
}

/** `content/search`: contents as they are. */
export function contentSearch(call: Call): Answer {
  const expand = expandOf(call.query);
  const found = search(call, expand);
  const results = found.rows.map((row) => contentV1(call, row, expand));
  return json({ results, start: found.start, limit: found.limit, size: results.length, _links: found.links });
}

/** Site search wraps each hit, so that its expansions begin with `content.`. */
export function siteSearch(call: Call): Answer {
  const expand = expandOf(call.query);
  const found = search(call, expand);
  const inner = expand.filter((path) => path.startsWith("content.")).map((path) => path.slice("content.".length));
  const results = found.rows.map((row): JsonObject => {
    const owner = call.site.ownerOf(row);
    const space = call.site.spaces.get(owner.spaceId)!;
    return {
      content: contentV1(call, row, inner),
      title: row.title,
      excerpt: "",
      url: webPath(call, owner),
      resultGlobalContainer: { title: space.name, displayUrl: `/spaces/${space.key}` },
      breadcrumbs: [],
      entityType: "content",
      iconCssClass: `aui-icon content-type-${row.kind}`,
      lastModified: iso(latest(row).when),
      friendlyLastModified: new Date(latest(row).when).toDateString(),
      score: 0,
    };
  });
  return json({
    results,
    start: found.start,
    limit: found.limit,
    size: results.length,
    totalSize: found.total,
    cqlQuery: found.cql,
    searchDuration: 1,
    _links: found.links,
  });
}
