/**
 * Finds in storage format what must be asked for before a page can be converted: the people it mentions and the pages
 * it includes. Start tags are regular enough for patterns; what a malformed page hides from them stays a placeholder.
 */
import { cleanName } from "./refs.ts";

/** A page as an include names it. */
export interface IncludeName {
  /** Null means the space of the page itself. */
  spaceKey: string | null;
  title: string | null;
  id: string | null;
}

const USERS_MAX = 500;
const USER = /<ri:user\b[^>]*?\bri:(?:account-id|userkey|username)\s*=\s*(?:"([^"]+)"|'([^']+)')/g;
const INCLUDE =
  /<ac:(?:structured-)?macro\b[^>]*?\bac:name\s*=\s*["'](?:include|excerpt-include|includeplus|multiexcerpt-include|multiexcerpt-include-macro)["'][^>]*>([\s\S]{0,4000}?)<\/ac:(?:structured-)?macro>/g;
const RESOURCE = /<ri:(?:page|blog-post|content-entity)\b([^>]*)>/;
const PARAMETER = /<ac:(?:default-parameter|parameter\b[^>]*)>([^<]+)</;

/** Account ids, user keys and user names that the markup mentions. */
export function mentionedUsers(storage: string): string[] {
  const users = new Set<string>();
  for (const match of storage.matchAll(USER)) {
    if (users.size >= USERS_MAX) break;
    users.add(decodeEntities(match[1] ?? match[2]!));
  }
  return [...users];
}

/** Pages whose content is shown within this one, in order, each once. */
export function includedPages(storage: string): IncludeName[] {
  const found = new Map<string, IncludeName>();
  for (const [, body] of storage.matchAll(INCLUDE)) {
    const name = nameIn(body!);
    if (name !== null) found.set(JSON.stringify(name), name);
  }
  return [...found.values()];
}

function nameIn(body: string): IncludeName | null {
  const attributes = RESOURCE.exec(body)?.[1];
  if (attributes !== undefined) {
    const of = (attribute: string): string | null => {
      const match = new RegExp(`\\bri:${attribute}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes);
      const value = match === null ? "" : cleanName(decodeEntities(match[1] ?? match[2] ?? ""));
      return value === "" ? null : value;
    };
    const id = of("content-id");
    const title = of("content-title");
    return id === null && title === null ? null : { spaceKey: of("space-key"), title, id };
  }
  // As older pages write it: the title, or SPACE:title.
  const text = cleanName(decodeEntities(PARAMETER.exec(body)?.[1] ?? ""));
  if (text === "") return null;
  const [, spaceKey, title] = /^([A-Za-z0-9~][\w.~-]*):(?!\s)(.+)$/.exec(text) ?? [];
  return { spaceKey: spaceKey ?? null, title: title ?? text, id: null };
}

const NAMED: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w{2,8}));/gi, (whole, hex, decimal, entity) => {
    if (entity !== undefined) return NAMED[entity] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
