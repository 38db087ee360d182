/** Lists that cap, skip, repeat and break: every row is read, and only a missing `next` ends a list. */
import { afterEach, describe, expect, test } from "bun:test";
import { cursorPages, offsetPages, type Reader } from "../../../src/connector/confluence/paging.ts";
import { Proof } from "../../../src/connector/confluence/proof.ts";
import { httpTo, json, type Scripted, serve, signal } from "./scripted_server.ts";

let server: Scripted;
afterEach(() => server.stop());

const all = Array.from({ length: 430 }, (_, i) => ({ id: String(i + 1) }));
const readerOf = (): Reader => ({ http: httpTo(), signal, proof: new Proof() });
const number = (url: URL, name: string): number => Number(url.searchParams.get(name) ?? 0);

async function read(pages: AsyncGenerator<Record<string, unknown>[]>): Promise<string[]> {
  const ids: string[] = [];
  for await (const rows of pages) ids.push(...rows.map((row) => String(row.id)));
  return ids;
}

const request = (limit = 200) => ({
  url: `${server.url}/rest/api/content`,
  query: { spaceKey: "DOC" },
  limit,
  what: "the pages",
});

describe("Data Center", () => {
  test("pages are capped in silence and the next link moves by the number asked for: no row is skipped", async () => {
    server = serve((_request, url) => {
      const [start, limit] = [number(url, "start"), number(url, "limit")];
      const results = all.slice(start, start + 50);
      const next =
        start + limit < all.length || results.length === 50
          ? { next: `/rest/api/content?start=${start + limit}&limit=${limit}` }
          : {};
      return json({
        results,
        start,
        limit,
        size: results.length,
        _links: start + 50 < all.length ? { next: `/x?start=${start + limit}` } : next,
      });
    });
    expect(await read(offsetPages(readerOf(), request()))).toEqual(all.map(({ id }) => id));
  });

  test("pages shortened by permissions, even empty ones, do not end the list", async () => {
    const hidden = (id: string) => Number(id) <= 250 || Number(id) % 3 === 0;
    server = serve((_request, url) => {
      const [start, limit] = [number(url, "start"), number(url, "limit")];
      const results = all.slice(start, start + limit).filter(({ id }) => !hidden(id));
      return json({
        results,
        start,
        limit,
        size: results.length,
        _links: start + limit < all.length ? { next: "/x" } : {},
      });
    });
    const seen = await read(offsetPages(readerOf(), request(20)));
    expect(seen).toEqual(all.map(({ id }) => id).filter((id) => !hidden(id)));
  });

  test("a list that promises more for ever is left once it repeats itself", async () => {
    server = serve((_request, url) => {
      const start = Math.min(number(url, "start"), 200);
      return json({
        results: all.slice(start, start + 200).slice(0, 30),
        limit: 200,
        size: 200,
        _links: { next: "/x" },
      });
    });
    const seen = await read(offsetPages(readerOf(), request()));
    expect(new Set(seen).size).toBe(seen.length);
    expect(server.requests.length).toBeLessThan(40);
  });

  test("a list that promises more for ever and gives nothing proves nothing", async () => {
    server = serve(() => json({ results: [], limit: 200, size: 200, _links: { next: "/x" } }));
    const reader = readerOf();
    expect(await read(offsetPages(reader, request()))).toEqual([]);
    reader.proof.end();
    expect(reader.proof.outcome().listingComplete).toBe(false);
  });

  test("the page size is halved where large pages break the server, down to a few rows", async () => {
    server = serve((_request, url) => {
      const [start, limit] = [number(url, "start"), number(url, "limit")];
      if (limit > 30) return json({ message: "timeout" }, 504);
      return json({
        results: all.slice(start, start + limit),
        limit,
        _links: start + limit < all.length ? { next: "/x" } : {},
      });
    });
    expect(await read(offsetPages(readerOf(), request()))).toHaveLength(430);
  });
});

describe("Cloud", () => {
  const page = (url: URL, size = 100) => {
    const at = Number(atob(url.searchParams.get("cursor") ?? btoa("0")));
    const next =
      at + size < all.length
        ? { next: `/wiki/api/v2/pages?limit=${size}&cursor=${encodeURIComponent(btoa(String(at + size)))}` }
        : {};
    return json({ results: all.slice(at, at + size), _links: { base: "https://evil.example.com/wiki", ...next } });
  };

  test("cursors are carried on in our own requests, to our own host, with the limit unchanged", async () => {
    server = serve((_request, url) => page(url));
    expect(await read(cursorPages(readerOf(), request(250)))).toHaveLength(430);
    expect(server.requests.map(({ url }) => new URL(url).searchParams.get("limit"))).toEqual([
      "250",
      "250",
      "250",
      "250",
      "250",
    ]);
    expect(server.requests.every(({ url }) => new URL(url).pathname === "/rest/api/content")).toBe(true);
  });

  test("the next page may be named by the Link header alone", async () => {
    server = serve((_request, url) => {
      const last = url.searchParams.has("cursor");
      return json(
        { results: [{ id: last ? "2" : "1" }], _links: {} },
        200,
        last ? {} : { Link: '</wiki/api/v2/pages?cursor=abc>; rel="next", <https://x/wiki>; rel="base"' },
      );
    });
    expect(await read(cursorPages(readerOf(), request()))).toEqual(["1", "2"]);
  });

  test("a stale cursor starts the list anew", async () => {
    let stale = true;
    server = serve((_request, url) => {
      if (stale && url.searchParams.has("cursor")) {
        stale = false;
        return json(
          {
            errors: [
              {
                status: 400,
                code: "INVALID_REQUEST_PARAMETER",
                title: "Provided value for 'cursor' is not the correct type.",
              },
            ],
          },
          400,
        );
      }
      return page(url);
    });
    expect(new Set(await read(cursorPages(readerOf(), request()))).size).toBe(430);
  });

  test("a next link without a cursor leaves the list unproven", async () => {
    server = serve(() =>
      json({ results: [{ id: "1" }], _links: { next: "/wiki/api/v2/pages/1/direct-children?limit=250&cursor=" } }),
    );
    const reader = readerOf();
    await read(cursorPages(reader, request()));
    reader.proof.end();
    expect(reader.proof.outcome()).toMatchObject({
      listingComplete: false,
      reason: expect.stringContaining("the pages"),
    });
  });
});
