/**
 * What was asked of the stand-in, so that a test can count it: which requests wanted bodies, which only lists, how
 * fast they came, and whether a credential reached the host that must not see one.
 */
import { peakRate } from "./rate_limit.ts";

/** `body` = pages or posts with their bodies, `listing` the same without, `search` CQL without bodies, `item` one without its body. */
export type RequestKind =
  | "body"
  | "listing"
  | "search"
  | "item"
  | "attachments"
  | "comments"
  | "labels"
  | "download"
  | "media"
  | "spaces"
  | "users"
  | "other";

export interface Logged {
  /** Milliseconds of `performance.now()` when the request came in. */
  at: number;
  method: string;
  path: string;
  query: string;
  kind: RequestKind;
  /** 0 until it was answered. */
  status: number;
  /** Kind of the fault that was injected. */
  fault: string | null;
  /** Whose bodies the answer held. */
  bodies: string[];
}

/** What kind of request it is, by path (without context) and query alone. */
export function kindOf(path: string, query: URLSearchParams): RequestKind {
  if (/\/download(\/|$)/.test(path)) return "download";
  if (/\/users?(\/|$)|\/users-bulk$/.test(path)) return "users";
  if (/comment/.test(path)) return "comments";
  if (/attachment/.test(path)) return "attachments";
  if (/\/label$|\/pages\/\d+\/labels$|\/blogposts\/\d+\/labels$/.test(path)) return "labels";
  const expand = query.getAll("expand").join(",");
  if (query.has("body-format") || /(^|[,.])body\b/.test(expand)) return "body";
  if (/\/search$/.test(path)) return "search";
  if (/\/(content|pages|blogposts)\/\d+$/.test(path)) return "item";
  if (
    /\/(content|pages|blogposts|children|direct-children|descendants|ancestors)$|\/(child|descendant)(\/page)?$|\/content\/page$/.test(
      path,
    )
  )
    return "listing";
  return /\/spaces?(\/|$)/.test(path) ? "spaces" : "other";
}

export class RequestLog {
  readonly entries: Logged[] = [];
  /** Requests at the media host that carried Authorization or a cookie. */
  readonly leaks: Logged[] = [];
  #bodies = new Map<string, number>();

  open(method: string, path: string, query: string, kind: RequestKind): Logged {
    const entry: Logged = { at: performance.now(), method, path, query, kind, status: 0, fault: null, bodies: [] };
    this.entries.push(entry);
    return entry;
  }

  /** Notes that the body of this content went out. */
  served(entry: Logged, id: string): void {
    entry.bodies.push(id);
    this.#bodies.set(id, (this.#bodies.get(id) ?? 0) + 1);
  }

  /** How many requests there were of each kind, faulty answers included. */
  counts(): Partial<Record<RequestKind, number>> {
    const counts: Partial<Record<RequestKind, number>> = {};
    for (const { kind } of this.entries) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  count(kind: RequestKind): number {
    return this.counts()[kind] ?? 0;
  }

  /** How often the body of each content was rendered into an answer. */
  bodies(): ReadonlyMap<string, number> {
    return this.#bodies;
  }

  /** Answers by injected fault. */
  faults(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { fault } of this.entries) if (fault) counts[fault] = (counts[fault] ?? 0) + 1;
    return counts;
  }

  /** The most requests to the site (not to the media host) in any window. */
  peakRate(windowMs = 1000): number {
    return peakRate(
      this.entries.filter(({ kind }) => kind !== "media").map(({ at }) => at),
      windowMs,
    );
  }

  /** Forgets everything, e.g. between two syncs. */
  clear(): void {
    this.entries.length = 0;
    this.leaks.length = 0;
    this.#bodies.clear();
  }
}
