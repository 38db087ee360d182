/**
 * Reads lists to their end. The two interfaces end differently: v2 and the search of Cloud hand out a cursor, Data Center
 * counts offsets. Neither a short page nor an offset that was computed from the size asked for means anything; only a
 * missing `next` does. Links are never followed as they are: what they say is put into our own request, so that no
 * answer can send us, or our credentials, elsewhere.
 */
import { SluiceError } from "../../errors.ts";
import type { ConfluenceHttp, JsonAnswer, RequestOptions } from "./http.ts";
import { arrayAt, idOf, isObject, type Json, objectAt, textOf } from "./json.ts";
import type { Proof } from "./proof.ts";
import { withQuery } from "./site.ts";

export type Query = Record<string, string | number | readonly string[] | undefined>;

export interface ListRequest {
  url: string;
  query: Query;
  /** Rows asked for at once. */
  limit: number;
  /** For the reason of a doubt, e.g. "the pages of DOC". */
  what: string;
}

/** A listing waits out what would only delay an item: starting again costs more. */
export const LISTING_PATIENCE_MS = 20 * 60_000;
const TRIES = 6;
const LIMIT_MIN = 5;
/** Pages in a row that only repeat what came before although a next one is promised: Data Center does so past the end. */
const REPEATED_MAX = 3;
/** The same of empty ones, which may as well hold rows that this user may not see. */
const EMPTY_MAX = 30;

export interface Reader {
  http: ConfluenceHttp;
  signal: AbortSignal;
  proof: Proof;
}

export const listingOptions = (signal: AbortSignal): RequestOptions => ({
  signal,
  patienceMs: LISTING_PATIENCE_MS,
  tries: TRIES,
});

/** Pages of a list of v2, or of Cloud's search; each is asked for with the cursor of the one before. */
export async function* cursorPages(
  reader: Reader,
  request: ListRequest,
  options = { mayShrink: true },
): AsyncGenerator<Json[]> {
  let { limit } = request;
  let cursor: string | undefined;
  let restarts = 0;
  for (;;) {
    let answer: JsonAnswer;
    try {
      answer = await reader.http.json(withQuery(request.url, { ...request.query, limit, cursor }), {
        ...listingOptions(reader.signal),
        tries: options.mayShrink && limit > LIMIT_MIN ? 3 : TRIES,
      });
    } catch (error) {
      // A stale cursor is a 400 of v2 and a 400 or 500 of the search: only a new listing helps.
      if (cursor !== undefined && restarts < 2 && isRefusedCursor(error)) {
        restarts++;
        cursor = undefined;
        continue;
      }
      // Large rows make the gateway time out (onyx-dot-app/onyx#10147).
      if (!options.mayShrink || limit <= LIMIT_MIN || !isUnavailable(error)) throw error;
      limit = Math.max(LIMIT_MIN, Math.floor(limit / 2));
      continue;
    }
    yield rowsOf(answer.body);
    const next = nextCursor(answer);
    if (next === null) return;
    // A next link without a cursor of its own leads nowhere (https://jira.atlassian.com/browse/CONFCLOUD-84015).
    if (next === "" || next === cursor)
      return reader.proof.doubt(`Confluence promised more of ${request.what} without saying where`);
    cursor = next;
  }
}

/**
 * Pages of a list of v1 by offset. The next start is the old one plus the rows that came: Data Center caps pages silently
 * and moves its own link by the number asked for, which skips rows (CONFSERVER-95272).
 */
export async function* offsetPages(reader: Reader, request: ListRequest): AsyncGenerator<Json[]> {
  const known = new Set<string>();
  let { limit } = request;
  let start = 0;
  let repeated = 0;
  let empty = 0;
  for (;;) {
    let body: unknown;
    try {
      const url = withQuery(request.url, { ...request.query, start, limit });
      ({ body } = await reader.http.json(url, {
        ...listingOptions(reader.signal),
        tries: limit > LIMIT_MIN ? 3 : TRIES,
      }));
    } catch (error) {
      if (limit <= LIMIT_MIN || !isUnavailable(error)) throw error;
      limit = Math.max(LIMIT_MIN, Math.floor(limit / 2));
      continue;
    }
    const rows = rowsOf(body);
    const fresh = rows.filter((row) => isNew(row, known));
    yield fresh;
    if (textOf(objectAt(body, "_links").next) === undefined) return;
    repeated = fresh.length === 0 && rows.length > 0 ? repeated + 1 : 0;
    empty = rows.length === 0 ? empty + 1 : 0;
    // CONFSERVER-95396.
    if (repeated >= REPEATED_MAX) return;
    if (empty >= EMPTY_MAX) return reader.proof.doubt(`Confluence promised more of ${request.what} without giving any`);
    const given =
      isObject(body) && typeof body.limit === "number" && body.limit > 0 ? Math.min(body.limit, limit) : limit;
    start += fresh.length > 0 ? rows.length : Math.max(rows.length, given);
  }
}

function isNew(row: Json, known: Set<string>): boolean {
  const id = idOf(row.id) ?? textOf(row.key);
  if (id === undefined) return true;
  if (known.has(id)) return false;
  known.add(id);
  return true;
}

/** The rows of a list; those that are not even objects are left out. */
export function rowsOf(body: unknown): Json[] {
  return arrayAt(body, "results").filter(isObject);
}

/** The cursor of the next page; "" where a next page is promised without one; null at the end. */
function nextCursor({ body, headers }: JsonAnswer): string | null {
  const next =
    textOf(objectAt(body, "_links").next) ?? /<([^>]*)>\s*;\s*rel="?next"?/i.exec(headers.get("link") ?? "")?.[1];
  if (next === undefined) return null;
  return URL.canParse(next, "http://confluence")
    ? (new URL(next, "http://confluence").searchParams.get("cursor") ?? "")
    : "";
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof SluiceError && error.code === "connector.unavailable";

function isRefusedCursor(error: unknown): boolean {
  if (!(error instanceof SluiceError)) return false;
  if (error.code !== "connector.refused" && error.code !== "connector.unavailable") return false;
  return /cursor|XP-Search|search manager/i.test(error.message);
}
