/**
 * How listings are cut into pages, with the quirks that broke other clients: caps below the limit asked for, next
 * links that jump by the limit asked for, short and empty pages since permissions are applied after the cut, next
 * links past the end, cursors. Lists are cut from the live site at each request, so that what moves between two
 * requests is seen twice or never, as in the product.
 */
import { refusedV1, refusedV2 } from "./answer.ts";

export interface Quirks {
  /** Data Center: `_links.next` advances by the limit asked for although the page was capped (CONFSERVER-95272). */
  nextByRequestedLimit: boolean;
  /** Rows the caller may not see are taken out after the cut, so that pages are short before the end. */
  filterAfterPaging: boolean;
  /** Data Center, more than 200 children: `next` goes on past the end, to empty pages or to the last rows again (CONFSERVER-95396). */
  pastEnd: "off" | "empty" | "repeat";
  /** What a bad cursor of a CQL search gets. */
  badSearchCursor: 400 | 500;
  /** Cloud: CQL has no status filter and gives archived pages too. */
  searchFindsArchived: boolean;
  /** The search index lags behind by this much of the site's clock. */
  searchDelayMs: number;
  /** Older Data Centers give attachment ids without `att`. */
  bareAttachmentIds: boolean;
  /** Data Center: attachment downloads redirect to the media host too. */
  downloadRedirect: boolean;
  /** Cloud: v1 endpoints that v2 has replaced (content and space lists, single content, labels) answer 410. */
  v1Removed: boolean;
}

export const usualQuirks = (deployment: "cloud" | "datacenter"): Quirks => ({
  nextByRequestedLimit: deployment === "datacenter",
  filterAfterPaging: true,
  pastEnd: deployment === "datacenter" ? "empty" : "off",
  badSearchCursor: 400,
  searchFindsArchived: deployment === "cloud",
  searchDelayMs: 0,
  bareAttachmentIds: false,
  downloadRedirect: false,
  v1Removed: deployment === "cloud",
});

/** A number of v1's query; refuses what is none and what is negative. */
export function numberParameter(query: URLSearchParams, name: string, usual: number): number {
  const text = query.get(name);
  if (text === null || text === "") return usual;
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw refusedV1(
      400,
      `org.springframework.web.method.annotation.MethodArgumentTypeMismatchException: Failed to convert value of type 'java.lang.String' to required type 'int'; nested exception is java.lang.NumberFormatException: For input string: "${text}"`,
    );
  if (Number(text) < 0) throw refusedV1(400, `java.lang.IllegalArgumentException: ${name} cannot be less than zero`);
  return Number(text);
}

/** Rows in a v1 page by what is expanded: 50 with a body, 25 with a rendered one, 200 with anything else, 1000 bare. */
export function capOf(expand: readonly string[]): number {
  if (expand.some((path) => /(^|\.)body\.(export_view|styled_view)/.test(path))) return 25;
  if (expand.some((path) => /(^|\.)body(\.|$)/.test(path))) return 50;
  return expand.some((path) => path !== "content") ? 200 : 1000;
}

export interface Cut<T> {
  rows: T[];
  start: number;
  /** As given, not as asked for. */
  limit: number;
  /** Where the next page starts; null at the end. */
  next: number | null;
}

export interface CutRequest<T> {
  start: number;
  requested: number;
  cap: number;
  quirks: Quirks;
  visible: (row: T) => boolean;
  /** Lists of children and attachments go on past their end on Data Center. */
  mayPassEnd?: boolean;
}

/** One page by offset. */
export function cutByOffset<T>(all: readonly T[], request: CutRequest<T>): Cut<T> {
  const { start, quirks, visible } = request;
  const limit = Math.min(request.requested, request.cap);
  const source = quirks.filterAfterPaging ? all : all.filter(visible);
  const end = start + limit;
  const rows = source.slice(start, end).filter(visible);
  const step = quirks.nextByRequestedLimit ? request.requested : limit;
  if (end < source.length) return { rows, start, limit, next: start + step };
  if (!request.mayPassEnd || quirks.pastEnd === "off" || source.length <= 200)
    return { rows, start, limit, next: null };
  const again = quirks.pastEnd === "repeat" && start >= source.length ? source.slice(-limit).filter(visible) : rows;
  return { rows: again, start, limit, next: start + step };
}

const seal = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const open = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return null;
  }
};

export interface SearchCut<T> {
  rows: T[];
  limit: number;
  total: number;
  /** Cursor of the next page; null at the end. */
  next: string | null;
  start: number;
}

/**
 * One page of a Cloud search. The cursor counts pages, so a caller who changes `limit` on the way skips or repeats
 * rows; `start` is not looked at.
 */
export function cutByPageCursor<T>(
  all: readonly T[],
  request: Omit<CutRequest<T>, "start"> & { cursor: string | null },
): SearchCut<T> {
  const limit = Math.min(request.requested, request.cap);
  let page = 0;
  if (request.cursor !== null) {
    const opened = request.cursor.startsWith("_sa_") ? open(request.cursor.slice(4)) : null;
    if (!Array.isArray(opened) || typeof opened[0] !== "number") {
      const what =
        request.quirks.badSearchCursor === 400
          ? "There was an illegal request passed to XP-Search Aggregator API : HTTP/1.1 400 Bad Request"
          : "There was an error returned from XP-Search Aggregator API: HTTP/1.1 500 Internal Server Error";
      const name = "com.atlassian.confluence.api.service.exceptions.scale.SSStatusCodeException: ";
      throw refusedV1(
        request.quirks.badSearchCursor,
        `${name}CQL was parsed but the search manager was unable to execute the search. Error message: ${name}${what}`,
      );
    }
    page = opened[0];
  }
  const source = request.quirks.filterAfterPaging ? all : all.filter(request.visible);
  const start = page * limit;
  const rows = source.slice(start, start + limit).filter(request.visible);
  const next = start + limit < source.length || limit === 0 ? `_sa_${seal([page + 1, "pt", limit])}` : null;
  return { rows, limit, total: source.length, next, start };
}

export type SortKey = [string | number, number];
const compareKeys = (a: SortKey, b: SortKey): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]);

export interface KeyedRequest<T> {
  query: URLSearchParams;
  usualLimit: number;
  quirks: Quirks;
  visible: (row: T) => boolean;
  keyOf: (row: T) => SortKey;
  descending: boolean;
}

export interface KeyedCut<T> {
  rows: T[];
  limit: number;
  next: string | null;
}

/** One page of v2. The cursor names the last row, so rows that sort behind it later are seen again. */
export function cutByKey<T>(all: readonly T[], request: KeyedRequest<T>): KeyedCut<T> {
  const text = request.query.get("limit");
  const limit = text === null ? request.usualLimit : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 250)
    throw refusedV2(
      400,
      "INVALID_REQUEST_PARAMETER",
      `Provided value {${text}} for 'limit' is not the correct type. Expected type is int32 between 1 and 250.`,
    );
  const sign = request.descending ? -1 : 1;
  const shown = request.quirks.filterAfterPaging ? all : all.filter(request.visible);
  const keyed = shown.map((row) => ({ row, key: request.keyOf(row) })).sort((a, b) => sign * compareKeys(a.key, b.key));
  const cursor = request.query.get("cursor");
  let from = 0;
  if (cursor) {
    const last = open(cursor);
    if (!isKey(last))
      throw refusedV2(
        400,
        "INVALID_REQUEST_PARAMETER",
        "Provided value for 'cursor' is not the correct type. Expected type is Cursor.",
        "The provided cursor was not valid. You can get a new valid cursor by making the original pagination request again.",
      );
    from = keyed.findIndex(({ key }) => sign * compareKeys(key, last) > 0);
    if (from < 0) from = keyed.length;
  }
  const page = keyed.slice(from, from + limit);
  const rows = page.map(({ row }) => row).filter(request.visible);
  return { rows, limit, next: from + limit < keyed.length ? seal(page.at(-1)!.key) : null };
}

const isKey = (value: unknown): value is SortKey =>
  Array.isArray(value) &&
  value.length === 2 &&
  ["string", "number"].includes(typeof value[0]) &&
  typeof value[1] === "number";
