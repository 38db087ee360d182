/** Lists of the API as one: reads page after page. */
import type { Api } from "./api.ts";

/** All rows of the list at `path`, which the answer holds under `name`. */
export async function allPages<T>(api: Api, path: string, name: string): Promise<T[]> {
  const rows: T[] = [];
  const query = new URLSearchParams({ tenant_id: api.tenantId, limit: "500" });
  for (;;) {
    const page = await api.call<Record<string, T[]> & { next_cursor: string | null }>("GET", `${path}?${query}`);
    rows.push(...(page[name] ?? []));
    if (page.next_cursor === null) return rows;
    query.set("cursor", page.next_cursor);
  }
}
