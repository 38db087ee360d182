import { afterAll, describe, expect, test } from "bun:test";
import { ask, askAll, at, ids } from "./ask.ts";
import { generateSite } from "./generate_site.ts";
import { authorization, READER, type StandIn, type StandInOptions, startStandIn } from "./server.ts";
import { Site } from "./site.ts";

const running: StandIn[] = [];
afterAll(() => Promise.all(running.map((standIn) => standIn.stop())));

function started(options: Partial<StandInOptions> & { deployment: "cloud" | "datacenter" }): StandIn {
  const standIn = startStandIn({ site: plainSite(), ...options });
  running.push(standIn);
  return standIn;
}

/** Space AA with so many pages under its home page. */
function plainSite(pages = 5, body = "<p>text</p>"): Site {
  const site = new Site();
  site.addUser({ id: READER.userId, username: "reader", displayName: "Rita Reader", email: READER.email });
  site.addSpace({ key: "AA", name: "Space A" });
  const home = site.addPage({ space: "AA", title: "Home", body });
  for (let i = 1; i < pages; i++) site.addPage({ space: "AA", title: `Page ${i}`, body, parent: home.id });
  return site;
}

const spaceId = (standIn: StandIn, key = "AA") => standIn.site.spaceByKey(key)!.id;
const cql = (query: string) => encodeURIComponent(query);
const pageIds = (site: Site) => site.pagesOf(site.spaceByKey("AA")!.id).map((page) => page.id);

describe("v2 lists of Cloud", () => {
  const cloud = started({ deployment: "cloud", site: plainSite(60) });

  test("go by an opaque cursor whose link has the context, in the body and in the Link header", async () => {
    const pages = await askAll(cloud, `/api/v2/spaces/${spaceId(cloud)}/pages?limit=25`);
    expect(pages.map((page) => page.results.length)).toEqual([25, 25, 10]);
    expect(ids(pages)).toEqual(pageIds(cloud.site));
    expect(pages[0]!.next).toMatch(/^\/wiki\/api\/v2\/spaces\/\d+\/pages\?limit=25&cursor=/);
    expect(pages[0]!.headers.get("link")).toBe(`<${pages[0]!.next}>; rel="next", <${cloud.url}>; rel="base"`);
    expect(pages[2]!.next).toBeNull();
  });

  test("give bodies only when asked, and rendered ones only for single items", async () => {
    const bare = await ask(cloud, "/api/v2/pages?limit=1");
    expect(bare.results[0]!.body).toEqual({});
    const stored = await ask(cloud, "/api/v2/pages?limit=1&body-format=storage");
    expect(stored.results[0]!.body).toEqual({ storage: { representation: "storage", value: "<p>text</p>" } });
    expect((await ask(cloud, "/api/v2/pages?limit=1&body-format=view")).status).toBe(400);
    expect((await ask(cloud, `/api/v2/pages/${pageIds(cloud.site)[0]}?body-format=view`)).status).toBe(200);
  });

  test("refuse a limit above 250 and a cursor of their own making", async () => {
    expect((await ask(cloud, "/api/v2/pages?limit=251")).status).toBe(400);
    const bad = await ask(cloud, "/api/v2/pages?cursor=bad");
    expect(bad.json).toMatchObject({ errors: [{ status: 400, code: "INVALID_REQUEST_PARAMETER" }] });
  });

  test("hold archived pages unless told not to; posts and trashed pages have to be asked for", async () => {
    const own = started({ deployment: "cloud", site: plainSite(3) });
    const [, archived, trashed] = pageIds(own.site);
    own.site.archive(archived!);
    own.site.trash(trashed!);
    own.site.addPage({ space: "AA", title: "Post", body: "", kind: "blogpost" });
    const list = async (query: string) => (await ask(own, `/api/v2/pages${query}`)).results.map((row) => row.status);
    expect(await list("")).toEqual(["current", "archived"]);
    expect(await list("?status=current")).toEqual(["current"]);
    expect(await list("?status=trashed")).toEqual(["trashed"]);
    expect((await ask(own, `/api/v2/spaces/${spaceId(own)}/blogposts`)).results.map((row) => row.title)).toEqual([
      "Post",
    ]);
  });

  test("show a page twice that is edited while they run by date", async () => {
    const own = started({ deployment: "cloud", site: plainSite(6) });
    const first = await ask(own, "/api/v2/pages?sort=modified-date&limit=3");
    own.site.advance({ hours: 1 });
    own.site.edit(String(first.results[0]!.id), { body: "<p>new</p>" });
    const rest = await askAll(own, first.next!.slice("/wiki".length));
    expect(ids([first, ...rest]).filter((id) => id === first.results[0]!.id)).toHaveLength(2);
  });

  test("of children without positions lose their cursor, unless sorted by id", async () => {
    const own = started({ deployment: "cloud", site: plainSite(6) });
    const [home, first] = pageIds(own.site);
    own.site.page(first!).position = null;
    expect((await ask(own, `/api/v2/pages/${home}/direct-children?limit=2`)).next).toEndWith("cursor=");
    expect(ids(await askAll(own, `/api/v2/pages/${home}/direct-children?limit=2&sort=id`))).toHaveLength(5);
  });
});

describe("v1 lists of Data Center", () => {
  const wiki = started({ deployment: "datacenter", site: plainSite(230), context: "/confluence" });

  test("are capped at 50, 200 and 1000 by what is expanded", async () => {
    const size = async (expand: string) =>
      at((await ask(wiki, `/rest/api/content/search?cql=${cql("type=page")}&limit=5000${expand}`)).json, "limit");
    expect([await size("&expand=body.storage,version"), await size("&expand=version"), await size("")]).toEqual([
      50, 200, 1000,
    ]);
  });

  test("jump by the limit asked for, so that following next links loses rows", async () => {
    const pages = await askAll(wiki, "/rest/api/content?spaceKey=AA&limit=100&expand=body.storage");
    expect(pages[0]!.next).toBe("/rest/api/content?limit=100&start=100&spaceKey=AA&expand=body.storage");
    expect(pages.map((page) => page.results.length)).toEqual([50, 50, 30]);
    expect(pages[0]!.json).toMatchObject({
      start: 0,
      limit: 50,
      size: 50,
      _links: { base: wiki.url, context: "/confluence" },
    });
  });

  test("are short where the caller may not see pages, and may be empty before the end", async () => {
    const own = started({ deployment: "datacenter", site: plainSite(6) });
    for (const id of pageIds(own.site).slice(2, 4)) own.site.restrict(id);
    const pages = await askAll(own, "/rest/api/content?spaceKey=AA&limit=2");
    expect(pages.map((page) => page.results.length)).toEqual([2, 0, 2]);
  });

  test("of more than 200 children go on past the end", async () => {
    const [home] = pageIds(wiki.site);
    const last = await ask(wiki, `/rest/api/content/${home}/child/page?start=225&limit=25`);
    expect(last.results).toHaveLength(4);
    const beyond = await ask(wiki, last.next!);
    expect(beyond.results).toHaveLength(0);
    expect(beyond.next).not.toBeNull();
    wiki.quirks.pastEnd = "repeat";
    expect((await ask(wiki, last.next!)).results).toHaveLength(25);
  });

  test("miss a page when one before it is trashed between two requests", async () => {
    const own = started({ deployment: "datacenter", site: plainSite(6) });
    const all = pageIds(own.site);
    const first = await ask(own, "/rest/api/content?spaceKey=AA&limit=3");
    own.site.trash(all[1]!);
    expect(ids([first, await ask(own, first.next!)])).toEqual([all[0]!, all[1]!, all[2]!, all[4]!, all[5]!]);
  });

  test("allow limit=0, refuse negative limits, words, and limit=0 of labels", async () => {
    const [home] = pageIds(wiki.site);
    expect(await ask(wiki, "/rest/api/content?limit=0")).toMatchObject({
      status: 200,
      results: [],
      next: expect.any(String),
    });
    expect((await ask(wiki, "/rest/api/content?limit=-1")).json).toEqual({
      statusCode: 400,
      message: "java.lang.IllegalArgumentException: limit cannot be less than zero",
    });
    expect((await ask(wiki, "/rest/api/content?limit=abc")).text).toContain('For input string: \\"abc\\"');
    expect((await ask(wiki, `/rest/api/content/${home}/label?limit=0`)).status).toBe(400);
  });
});

describe("CQL", () => {
  const site = plainSite(4);
  const [home, one, two] = pageIds(site);
  site.label(one!, "runbook");
  const cloud = started({ deployment: "cloud", site });
  const wiki = started({ deployment: "datacenter", site });
  const find = async (query: string, standIn = wiki) =>
    ids([await ask(standIn, `/rest/api/content/search?cql=${cql(query)}`)]);

  test("knows spaces, types, labels, ancestors, ids, and, or, not and order", async () => {
    expect(await find(`space in ("AA","BB") and type = page and label = "runbook"`)).toEqual([one!]);
    expect(await find(`ancestor = ${home} and not (id = ${one} or title ~ "2")`)).toHaveLength(1);
    expect(await find(`type=page order by title desc`)).toHaveLength(4);
    expect((await find("type=page order by title desc"))[3]).toBe(home!);
  });

  test("is refused when it cannot be read, and space keys in a list must be quoted", async () => {
    for (const bad of [
      "bogus ~",
      "space in (AA)",
      "type = page and",
      'lastmodified > "2026-01-01T10:00:00Z"',
      "status = current",
    ])
      expect((await ask(wiki, `/rest/api/content/search?cql=${cql(bad)}`)).json).toEqual({
        statusCode: 400,
        message: `Could not parse cql : ${bad}`,
      });
    expect((await ask(cloud, "/rest/api/search")).json).toMatchObject({ statusCode: 400, data: { successful: true } });
  });

  test("reads dates by the minute in the user's time zone, summer time included", async () => {
    site.now = Date.parse("2026-07-01T10:00:30Z");
    site.edit(two!, { body: "<p>edited</p>" });
    expect(await find('lastmodified >= "2026-07-01 12:00"')).toEqual([two!]);
    expect(await find('lastmodified > "2026-07-01 12:00"')).toEqual([]);
    expect(await find('lastmodified >= "2026-07-01 12:01"')).toEqual([]);
    expect(await find('lastmodified >= now("-1h")')).toEqual([two!]);
  });

  test("sees attachments and comments edited without their page, with an index that may lag", async () => {
    site.advance({ days: 1 });
    const file = site.attach(one!, { name: "a.txt", mediaType: "text/plain", bytes: new Uint8Array(3) });
    const comment = site.comment(one!, { body: "<p>hm</p>" });
    expect(await find('type in (attachment, comment) and lastmodified >= "2026-07-02"')).toEqual([file.id, comment.id]);
    expect(await find('type = page and lastmodified >= "2026-07-02"')).toEqual([]);
    wiki.quirks.searchDelayMs = 5000;
    expect(await find('lastmodified >= "2026-07-02"')).toEqual([]);
    site.advance({ seconds: 5 });
    expect(await find('lastmodified >= "2026-07-02"')).toHaveLength(2);
  });

  test("pages by cursor on Cloud: start is ignored, a changed limit skips rows, a bad cursor is a 400 or a 500", async () => {
    const search = `/rest/api/content/search?cql=${cql("type=page")}`;
    const first = await ask(cloud, `${search}&limit=2`);
    expect(first.next).toMatch(/^\/rest\/api\/content\/search\?next=true&cursor=_sa_[^&]+&limit=2&start=2&cql=/);
    expect(ids([first, await ask(cloud, first.next!)])).toEqual(pageIds(site));
    expect(ids([await ask(cloud, `${search}&limit=2&start=2`)])).toEqual(ids([first]));
    expect(ids([await ask(cloud, first.next!.replace("limit=2", "limit=3"))])).toEqual(pageIds(site).slice(3));
    expect((await ask(cloud, `${search}&cursor=zzz`)).status).toBe(400);
    cloud.quirks.badSearchCursor = 500;
    expect((await ask(cloud, `${search}&cursor=zzz`)).status).toBe(500);
  });

  test("wraps each hit of a site search in content", async () => {
    const found = await ask(
      cloud,
      `/rest/api/search?cql=${cql(`id = ${one}`)}&expand=content.body.storage,content.version`,
    );
    expect(at(found.results[0], "content.body.storage.value")).toBe("<p>text</p>");
    expect(found.json).toMatchObject({ totalSize: 1, size: 1, cqlQuery: `id = ${one}` });
  });
});

describe("credentials", () => {
  const cloud = started({ deployment: "cloud" });
  const wiki = started({ deployment: "datacenter" });
  const [page] = pageIds(cloud.site);

  test("of Cloud: 403 for none and wrong ones in v1, 404 for a page in v2, an HTML 401 for what cannot be decoded", async () => {
    const wrong = `Basic ${btoa("reader@example.com:wrong")}`;
    for (const header of [null, wrong]) {
      expect((await ask(cloud, "/rest/api/user/current", header)).json).toMatchObject({ statusCode: 403 });
      expect((await ask(cloud, `/api/v2/pages/${page}`, header)).json).toMatchObject({
        errors: [{ status: 404, code: "NOT_FOUND" }],
      });
    }
    expect(await ask(cloud, "/rest/api/user/current", "Basic !!!")).toMatchObject({ status: 401, json: null });
    const outside = started({ deployment: "cloud", accounts: [{ ...READER, siteAccess: false }] });
    expect((await ask(outside, "/api/v2/pages")).json).toEqual({
      message: "Current user not permitted to use Confluence",
      statusCode: 403,
    });
  });

  test("of a scoped token work at the gateway only, within its scopes, and links name the site", async () => {
    const bearer = authorization("scoped-bearer");
    const pages = await ask(cloud, `${cloud.gatewayUrl}/wiki/api/v2/pages`, bearer);
    expect(pages).toMatchObject({ status: 200, json: { _links: { base: cloud.url } } });
    expect((await ask(cloud, `${cloud.gatewayUrl}/rest/api/user/current`, authorization("scoped-basic"))).status).toBe(
      200,
    );
    expect((await ask(cloud, "/rest/api/user/current", bearer)).status).toBe(403);
    cloud.gatekeeper.accounts[0] = { ...READER, scopes: ["read:space:confluence"] };
    const refused = await ask(cloud, `${cloud.gatewayUrl}/wiki/api/v2/pages`, bearer);
    expect(refused.json).toEqual({ code: 401, message: "Unauthorized; scope does not match" });
    expect(refused.headers.get("x-failure-category")).toBe("FAILURE_CLIENT_SCOPE_CHECK");
  });

  test("of Data Center: token or password, and a captcha after three failures that the right password does not lift", async () => {
    expect((await ask(wiki, "/rest/api/space", authorization("pat"))).status).toBe(200);
    expect((await ask(wiki, "/rest/api/space", null)).json).toMatchObject({ "status-code": 401 });
    for (let i = 0; i < 3; i++)
      expect((await ask(wiki, "/rest/api/space", `Basic ${btoa("reader:no")}`)).status).toBe(401);
    const locked = await ask(wiki, "/rest/api/space", authorization("password"));
    expect(locked).toMatchObject({ status: 403, json: null });
    expect(locked.headers.get("x-authentication-denied-reason")).toStartWith("CAPTCHA_CHALLENGE");
  });

  test("what is forbidden and what is not there look the same", async () => {
    const site = plainSite(3);
    site.addSpace({ key: "ZZ", name: "Secret" });
    const hidden = site.addPage({ space: "ZZ", title: "Hidden", body: "" });
    site.forbidSpace("ZZ");
    const [own, dataCenter] = [started({ deployment: "cloud", site }), started({ deployment: "datacenter", site })];
    expect((await ask(own, "/api/v2/spaces")).results.map((row) => row.key)).toEqual(["AA"]);
    expect((await ask(own, `/api/v2/spaces/${spaceId(own, "ZZ")}/pages`)).status).toBe(404);
    for (const id of [hidden.id, "1"]) {
      expect((await ask(own, `/api/v2/pages/${id}`)).status).toBe(404);
      expect((await ask(dataCenter, `/rest/api/content/${id}`)).json).toMatchObject({
        statusCode: 404,
        message: `No content found with id: ContentId{id=${id}}`,
      });
    }
    expect((await ask(dataCenter, "/rest/api/content?spaceKey=ZZ")).status).toBe(404);
    expect((await ask(dataCenter, `/rest/api/content/search?cql=${cql('space = "ZZ"')}`)).results).toEqual([]);
  });
});

describe("downloads", () => {
  const bytes = new TextEncoder().encode("payload");

  test("of Cloud lead to another host that must not see credentials, by an address that expires", async () => {
    const cloud = started({ deployment: "cloud", mediaLifeMs: 30 });
    const [page] = pageIds(cloud.site);
    const file = cloud.site.attach(page!, { name: "a b.txt", mediaType: "text/plain", bytes });
    const listed = (await ask(cloud, `/rest/api/content/${page}/child/attachment`)).results[0]!;
    const direct = await ask(cloud, String(at(listed, "_links.download")));
    expect(direct.status).toBe(401);
    expect(direct.headers.get("www-authenticate")).toStartWith("OAuth realm=");
    const sent = await ask(cloud, `/rest/api/content/${page}/child/attachment/${file.id}/download`);
    const location = sent.headers.get("location")!;
    expect(new URL(location).origin).toBe(cloud.mediaUrl);
    expect((await ask(cloud, location, null)).text).toBe("payload");
    expect((await ask(cloud, location)).status).toBe(400);
    expect(cloud.log.leaks).toHaveLength(1);
    await Bun.sleep(40);
    expect((await ask(cloud, location, null)).status).toBe(403);
  });

  test("of Data Center need their query and the credentials", async () => {
    const wiki = started({ deployment: "datacenter" });
    const [page] = pageIds(wiki.site);
    wiki.site.attach(page!, { name: "ä & b.txt", mediaType: "text/plain", bytes });
    const link = String(
      at((await ask(wiki, `/rest/api/content/${page}/child/attachment`)).results[0], "_links.download"),
    );
    expect((await ask(wiki, link)).text).toBe("payload");
    expect((await ask(wiki, link.split("?")[0]!)).status).toBe(404);
    expect((await ask(wiki, link, null)).status).toBe(401);
  });
});

describe("the site under the test's hands", () => {
  test("renames are versions, attachments are none of their page, and the trash gives back", async () => {
    const cloud = started({ deployment: "cloud" });
    const [home, one, two] = pageIds(cloud.site);
    cloud.site.move(two!, { parent: one! });
    cloud.site.advance({ minutes: 10 });
    cloud.site.edit(one!, { title: "Renamed" });
    cloud.site.attach(two!, { name: "a.md", mediaType: "text/markdown", bytes: new Uint8Array(1) });
    expect((await ask(cloud, `/api/v2/pages/${one}`)).json).toMatchObject({
      title: "Renamed",
      version: { number: 2, createdAt: "2026-03-02T09:10:00.000Z" },
    });
    expect((await ask(cloud, `/api/v2/pages/${two}`)).json).toMatchObject({ parentId: one, version: { number: 1 } });
    cloud.site.trash(one!);
    expect((await ask(cloud, `/api/v2/pages/${one}`)).status).toBe(404);
    expect((await ask(cloud, `/api/v2/pages/${two}`)).json).toMatchObject({ parentId: home });
    cloud.site.restore(one!);
    expect((await ask(cloud, `/api/v2/pages/${one}`)).json).toMatchObject({ parentId: home });
    cloud.site.trash(one!);
    cloud.site.purge(one!);
    expect((await ask(cloud, `/api/v2/pages/${one}?status=trashed`)).status).toBe(404);
  });

  test("what v2 has replaced is gone from v1 of Cloud, and paths nobody knows answer in HTML, XML or JSON", async () => {
    const cloud = started({ deployment: "cloud" });
    expect((await ask(cloud, "/rest/api/space")).status).toBe(410);
    cloud.quirks.v1Removed = false;
    expect((await ask(cloud, "/rest/api/space")).status).toBe(200);
    expect((await ask(cloud, "/rest/api/content?start=100001")).status).toBe(400);
    expect(await ask(cloud, "/rest/nope")).toMatchObject({ status: 404, json: null });
    expect((await ask(cloud, "/rest/api/nope")).json).toMatchObject({ "status-code": 404 });
    expect(
      (
        await fetch(`${cloud.url}/rest/api/nope`, { headers: { Authorization: authorization("api-token") } })
      ).headers.get("content-type"),
    ).toBe("application/xml");
  });

  test("is made from a seed, the same each time, five thousand pages in a second", async () => {
    const started = performance.now();
    const site = generateSite({
      spaces: 12,
      pages: 5000,
      attachments: 3000,
      comments: 200,
      archived: 20,
      trashed: 20,
      seed: 7,
    });
    expect(performance.now() - started).toBeLessThan(1000);
    const again = generateSite({
      spaces: 12,
      pages: 5000,
      attachments: 3000,
      comments: 200,
      archived: 20,
      trashed: 20,
      seed: 7,
    });
    const text = (from: Site) =>
      from.readable("u").pages.map((page) => `${page.id} ${page.title} ${from.bodyOf(page.versions[0]!)}`);
    expect(text(site)).toHaveLength(4960);
    expect(Bun.hash(text(site).join())).toBe(Bun.hash(text(again).join()));
    expect(site.readable("u").attachments.length).toBeGreaterThan(2900);
  });
});
