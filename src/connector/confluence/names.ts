/**
 * Names of people, asked for once and kept: a site has few authors and many pages. Whoever may not be shown, or is gone,
 * stays without a name; that is remembered as well, and never fails a page.
 */
import { SluiceError } from "../../errors.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { objectAt, textOf } from "./json.ts";
import { groupsOf } from "./list_spaces.ts";
import { rowsOf } from "./paging.ts";
import { type Site, v1, v2, withQuery } from "./site.ts";

const KEPT_MS = 6 * 3_600_000;
const KEPT_MAX = 20_000;
/** Ids in one lookup of Cloud. */
const BULK_MAX = 100;

interface Kept {
  name: Promise<string | null>;
  until: number;
}

export class Names {
  private readonly kept = new Map<string, Kept>();
  /** Set after a refusal that concerns all lookups. */
  private refusedUntil = 0;

  constructor(private readonly http: ConfluenceHttp) {}

  /** What an answer told by the way. */
  learn(user: string | undefined, name: string | undefined): void {
    if (user !== undefined && name !== undefined) this.keep(user, Promise.resolve(name));
  }

  /** Names by account id, user key or user name; those without a name are left out. */
  async of(users: readonly string[], site: Site, options: RequestOptions): Promise<Record<string, string>> {
    const now = Date.now();
    const unknown = [...new Set(users)].filter((user) => (this.kept.get(user)?.until ?? 0) < now);
    if (unknown.length > 0 && this.refusedUntil < now) this.ask(unknown, site, options);
    const names: Record<string, string> = {};
    for (const user of [...new Set(users)].sort()) {
      const name = await this.kept.get(user)?.name;
      if (name) names[user] = name;
    }
    return names;
  }

  private ask(users: string[], site: Site, options: RequestOptions): void {
    const isCloud = site.deployment === "cloud";
    const lookups = isCloud
      ? groupsOf(users, BULK_MAX).map((group) => ({ group, found: this.inBulk(group, site, options) }))
      : users.map((user) => ({ group: [user], found: this.single(user, site, options) }));
    for (const { group, found } of lookups) {
      // A passing fault is not remembered; the page goes without these names this time.
      const settled = found.catch((error: unknown) => {
        if (!(error instanceof SluiceError) || error.fate !== "permanent")
          for (const user of group) this.kept.delete(user);
        // Data Center does not know this one; anything else is said of all of them.
        else if (error.code !== "connector.gone" || isCloud) this.refusedUntil = Date.now() + KEPT_MS;
        return new Map<string, string>();
      });
      for (const user of group) {
        const name = settled.then((names) => names.get(user) ?? null);
        // Nobody may be waiting for it any more.
        name.catch(() => {});
        this.keep(user, name);
      }
    }
  }

  private async inBulk(users: string[], site: Site, options: RequestOptions): Promise<Map<string, string>> {
    const { body } = await this.http.json(v2(site, "/users-bulk"), { ...options, post: { accountIds: users } });
    return new Map(
      rowsOf(body).flatMap((row) => {
        const name = displayName(row);
        const id = textOf(row.accountId);
        return id !== undefined && name !== undefined ? [[id, name] as const] : [];
      }),
    );
  }

  private async single(user: string, site: Site, options: RequestOptions): Promise<Map<string, string>> {
    // Keys are long hexadecimal numbers, names are anything.
    const parameter = /^[0-9a-f]{32}$/i.test(user) ? "key" : "username";
    const { body } = await this.http.json(withQuery(v1(site, "/user"), { [parameter]: user }), options);
    const name = displayName(objectAt(body));
    return name === undefined ? new Map() : new Map([[user, name]]);
  }

  private keep(user: string, name: Promise<string | null>): void {
    if (this.kept.size >= KEPT_MAX) this.kept.clear();
    this.kept.set(user, { name, until: Date.now() + KEPT_MS });
  }
}

export function displayName(user: Record<string, unknown>): string | undefined {
  return textOf(user.displayName) ?? textOf(user.publicName) ?? textOf(user.username);
}
