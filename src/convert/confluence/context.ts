/**
 * What a page needs from outside to be shown in full (names, addresses, texts of included pages) and what it asks for.
 * The converter itself reaches for nothing: whoever calls it converts once, resolves the references, and converts again,
 * or lives with placeholders.
 */
import type { Converted } from "../converted.ts";

/** A page as markup names it: by title and maybe space, or by id. */
export interface PageRef {
  spaceKey?: string;
  title?: string;
  contentId?: string;
}

export interface IncludeRef extends PageRef {
  kind: "include" | "excerpt-include";
  /** Name of the excerpt that is wanted, if the page has several. */
  excerpt?: string;
}

export interface Included {
  /** Storage format of the page, or Markdown of what is to be shown. */
  storage?: string;
  markdown?: string;
  title?: string;
  url?: string;
}

export interface ConfluenceContext {
  /** Display name for an account id, user key or user name. */
  userName?(user: string): string | null;
  pageUrl?(ref: PageRef): string | null;
  /** Title of a page that a link names by its id only. */
  pageTitle?(ref: PageRef): string | null;
  /** Address of an attachment, of this page unless another one is named. */
  attachmentUrl?(name: string, page?: PageRef): string | null;
  /** Address of a Jira issue; `server` is the macro's server name or id. */
  jiraUrl?(key: string, server?: string): string | null;
  include?(ref: IncludeRef): Included | null;
  /** Address of the site, e.g. `https://example.atlassian.net/wiki`: relative links are resolved against it. */
  baseUrl?: string;
  /** Space of the page itself: links that name no space mean this one. */
  spaceKey?: string;
  /** The page itself, so that an include of it is recognised as a cycle. */
  self?: PageRef;
}

export interface References {
  pages: (PageRef & { kind: "link" | "include" | "excerpt-include" })[];
  /** File names of this page's own attachments. */
  attachments: string[];
  /** Account ids, user keys or user names. */
  users: string[];
}

export interface ConvertedConfluence extends Converted {
  /** Everything that the page refers to, each once, in the order of the page. */
  references: References;
}

/** Collects references, each once. */
export class ReferenceList {
  readonly references: References = { pages: [], attachments: [], users: [] };
  private readonly seen = new Set<string>();

  page(ref: PageRef, kind: References["pages"][number]["kind"]): void {
    if (ref.title === undefined && ref.contentId === undefined) return;
    if (this.isNew("page", kind, pageKey(ref))) this.references.pages.push({ ...ref, kind });
  }

  attachment(name: string): void {
    if (this.isNew("attachment", name)) this.references.attachments.push(name);
  }

  user(user: string): void {
    if (this.isNew("user", user)) this.references.users.push(user);
  }

  private isNew(...parts: string[]): boolean {
    const key = JSON.stringify(parts);
    if (this.seen.has(key)) return false;
    this.seen.add(key);
    return true;
  }
}

/** Equal for references that name the same page in the same way. */
export function pageKey(ref: PageRef): string {
  return JSON.stringify(ref.contentId === undefined ? [ref.spaceKey ?? "", ref.title ?? ""] : [ref.contentId]);
}
