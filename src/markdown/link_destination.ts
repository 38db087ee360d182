/**
 * Reads the parenthesis of an inline link, `(destination "title")`, by CommonMark's rules. Nothing here looks further
 * than the next character that can end what it reads, so a broken link costs no more than its own length.
 */

export interface Destination {
  /** As written, escapes included. */
  href: string;
  title: string;
  /** Offset behind the closing parenthesis. */
  end: number;
}

/** CommonMark demands at least three levels; cmark stops at 32 as well. */
const PARENTHESES_MAX = 32;

/** Reads `(…)` at `at`, before `limit`. Null if what stands there is no link destination. */
export function readDestination(text: string, at: number, limit: number): Destination | null {
  if (text[at] !== "(") return null;
  const start = skipBlank(text, at + 1, limit);
  const end = text[start] === "<" ? angledEnd(text, start, limit) : plainEnd(text, start, limit);
  if (end === null) return null;
  const angled = text[start] === "<";
  const href = angled ? text.slice(start + 1, end - 1) : text.slice(start, end);
  const next = skipBlank(text, end, limit);
  if (text[next] === ")" && next < limit) return { href, title: "", end: next + 1 };
  if (next === end) return null;
  const titleEnd = readTitleEnd(text, next, limit);
  if (titleEnd === null) return null;
  const close = skipBlank(text, titleEnd, limit);
  if (text[close] !== ")" || close >= limit) return null;
  return { href, title: text.slice(next + 1, titleEnd - 1), end: close + 1 };
}

function skipBlank(text: string, at: number, limit: number): number {
  while (at < limit && (text[at] === " " || text[at] === "\t" || text[at] === "\n")) at++;
  return at;
}

function angledEnd(text: string, start: number, limit: number): number | null {
  for (let at = start + 1; at < limit; at++) {
    const char = text[at];
    if (char === "\\") at++;
    else if (char === ">") return at + 1;
    else if (char === "<" || char === "\n") return null;
  }
  return null;
}

function plainEnd(text: string, start: number, limit: number): number | null {
  let depth = 0;
  let at = start;
  for (; at < limit; at++) {
    const code = text.charCodeAt(at);
    if (code <= 32) break;
    if (code === 92) at++;
    else if (code === 40 && ++depth > PARENTHESES_MAX) return null;
    else if (code === 41 && --depth < 0) break;
  }
  return depth > 0 ? null : Math.min(at, limit);
}

function readTitleEnd(text: string, start: number, limit: number): number | null {
  const open = text[start];
  if (open !== '"' && open !== "'" && open !== "(") return null;
  const close = open === "(" ? ")" : open;
  for (let at = start + 1; at < limit; at++) {
    const char = text[at];
    if (char === "\\") at++;
    else if (char === close) return at + 1;
    else if (char === "(" && open === "(") return null;
  }
  return null;
}
