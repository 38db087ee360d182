import { afterAll, expect, test } from "bun:test";
import { ask, ids } from "./ask.ts";
import type { Fault } from "./faults.ts";
import { generateSite } from "./generate_site.ts";
import { peakRate } from "./rate_limit.ts";
import { authorization, type StandIn, type StandInOptions, startStandIn } from "./server.ts";

const running: StandIn[] = [];
afterAll(() => Promise.all(running.map((standIn) => standIn.stop())));

function started(options: Partial<StandInOptions> = {}): StandIn {
  const deployment = options.deployment ?? "cloud";
  const standIn = startStandIn({
    site: generateSite({ spaces: 1, pages: 40, attachments: 5, seed: 3, deployment }),
    deployment,
    ...options,
  });
  running.push(standIn);
  return standIn;
}

const PAGES = "/api/v2/pages?limit=10";
const cloud = started();
const wiki = started({ deployment: "datacenter" });

/** The answer to one request that meets this fault; the next one meets none. */
async function meeting(fault: Fault, standIn = cloud, path = PAGES) {
  standIn.faults.add({ fault, times: 1 });
  const told = await ask(standIn, path);
  expect((await ask(standIn, path)).status).toBe(200);
  standIn.faults.clear();
  return told;
}

test("429 says how long in seconds, as a date, or not at all", async () => {
  const header = async (fault: Fault) => (await meeting(fault)).headers.get("retry-after");
  expect(await header({ kind: "rate_limited", retryAfter: 7 })).toBe("7");
  const date = Date.parse((await header({ kind: "rate_limited", retryAfter: 7, form: "date" }))!);
  expect(date - Date.now()).toBeWithin(6000, 8001);
  expect(await header({ kind: "rate_limited" })).toBeNull();
  const own = await meeting({ kind: "rate_limited", retryAfter: 3 }, wiki, "/rest/api/content");
  expect(own.json).toEqual({ message: "Rate limit exceeded." });
  expect(own.headers.get("x-ratelimit-fillrate")).toBe("2");
});

test("403, 500, 503 and 504 have the bodies of servers, throttles and proxies", async () => {
  expect(await meeting({ kind: "throttled_403", retryAfter: 1 }, wiki, "/rest/api/content")).toMatchObject({
    status: 403,
    json: { message: "Rate limit exceeded." },
  });
  expect(await meeting({ kind: "captcha" }, wiki, "/rest/api/content")).toMatchObject({ status: 403, json: null });
  expect(await meeting({ kind: "server_error" })).toMatchObject({ status: 500, json: { statusCode: 500 } });
  expect(await meeting({ kind: "unavailable", retryAfter: 2 })).toMatchObject({ status: 503, json: null });
  expect(await meeting({ kind: "gateway_timeout" })).toMatchObject({ status: 504, json: null });
  expect(await meeting({ kind: "status", status: 400, body: { message: "odd" } })).toMatchObject({
    status: 400,
    json: { message: "odd" },
  });
});

test("a login page comes with status 200, and Retry-After may stand on a good answer", async () => {
  expect(await meeting({ kind: "login_page" })).toMatchObject({
    status: 200,
    json: null,
    text: expect.stringContaining("loginform"),
  });
  const good = await meeting({ kind: "retry_after_on_success", retryAfter: 30 });
  expect(good.results).toHaveLength(10);
  expect(good.headers.get("retry-after")).toBe("30");
});

test("an answer breaks off, ends early, or drips", async () => {
  cloud.faults.add({ fault: { kind: "reset" }, times: 1 });
  expect(ask(cloud, PAGES)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect((await ask(cloud, PAGES)).results).toHaveLength(10);
  cloud.faults.clear();
  expect(await meeting({ kind: "truncated" })).toMatchObject({ status: 200, json: null });
  expect((await meeting({ kind: "drip", pieceBytes: 500, pauseMs: 1 })).results).toHaveLength(10);
});

test("an answer that stalls outlives a client's deadline", async () => {
  cloud.faults.add({ fault: { kind: "stall", ms: 300 }, times: 1 });
  const headers = { Authorization: authorization("api-token") };
  expect(fetch(cloud.url + PAGES, { headers, signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  await Bun.sleep(30);
  cloud.faults.clear();
});

test("large bodies time out until few enough are asked for; lists without bodies do not", async () => {
  cloud.faults.timeOutLargeBodies(5);
  const status = async (query: string) => (await ask(cloud, `/api/v2/pages?${query}`)).status;
  expect([
    await status("limit=25&body-format=storage"),
    await status("limit=5&body-format=storage"),
    await status("limit=25"),
  ]).toEqual([504, 200, 200]);
  cloud.faults.clear();
});

test("a broken page fails alone and spoils every list of bodies that holds it, but no other list", async () => {
  for (const [standIn, list, one, bodies] of [
    [cloud, "/api/v2/pages?limit=10", "/api/v2/pages/", "body-format=storage"],
    [wiki, "/rest/api/content?limit=10", "/rest/api/content/", "expand=body.storage"],
  ] as const) {
    const [broken, sound] = ids([await ask(standIn, list)]);
    standIn.faults.breakPages([broken!]);
    const status = async (path: string) => (await ask(standIn, path)).status;
    expect([
      await status(`${one}${broken}?${bodies}`),
      await status(`${one}${sound}?${bodies}`),
      await status(`${list}&${bodies}`),
    ]).toEqual([500, 200, 500]);
    expect([await status(list), await status(`${one}${broken}`)]).toEqual([200, 200]);
    standIn.faults.clear(true);
  }
});

test("scripts choose requests by path, skip some and end", async () => {
  const script = cloud.faults.add({ match: /body-format/, skip: 1, times: 2, fault: { kind: "server_error" } });
  const statuses: number[] = [];
  for (const path of [PAGES, ...Array<string>(4).fill(`${PAGES}&body-format=storage`)])
    statuses.push((await ask(cloud, path)).status);
  expect(statuses).toEqual([200, 200, 500, 500, 200]);
  expect(script.hits).toBe(2);
  script.remove();
});

test("chance spoils the same requests in every order, about as many as asked for, and leaves each URL alone in the end", async () => {
  const spoilt = async (paths: string[]) => {
    cloud.faults.random({ seed: 5, rate: 0.2, faults: [{ kind: "server_error" }] });
    const failed = await Promise.all(paths.map(async (path) => ((await ask(cloud, path)).status === 500 ? path : "")));
    cloud.faults.clear();
    return failed.filter(Boolean).sort();
  };
  const paths = Array.from({ length: 200 }, (_, i) => `${PAGES}&x=${i}`);
  const first = await spoilt(paths);
  expect(first.length).toBeWithin(20, 61);
  expect(await spoilt(paths.toReversed())).toEqual(first);
  cloud.faults.random({ seed: 5, rate: 1, faults: [{ kind: "unavailable" }] });
  const again: number[] = [];
  for (let i = 0; i < 3; i++) again.push((await ask(cloud, PAGES)).status);
  expect(again).toEqual([503, 503, 200]);
  cloud.faults.clear();
});

test("the log counts bodies apart from lists, knows whose they were, and how fast requests came", async () => {
  cloud.log.clear();
  const [page] = ids([await ask(cloud, PAGES)]);
  await Promise.all([
    ask(cloud, `/api/v2/pages/${page}?body-format=storage`),
    ask(cloud, `/api/v2/pages/${page}`),
    ask(cloud, `/api/v2/pages/${page}/attachments`),
    ask(cloud, `/api/v2/pages/${page}/footer-comments?body-format=storage`),
    ask(cloud, "/rest/api/search?cql=type%3Dpage"),
    ask(cloud, "/rest/api/content/search?cql=type%3Dpage&expand=body.storage&limit=1"),
  ]);
  expect(cloud.log.counts()).toEqual({ listing: 1, body: 2, item: 1, attachments: 1, comments: 1, search: 1 });
  expect([...cloud.log.bodies()]).toEqual([[page!, 2]]);
  expect(cloud.log.peakRate()).toBe(7);
  expect(peakRate([0, 100, 999, 1000, 1001, 5000])).toBe(4);
});

test("a limit that the server enforces answers 429 above it", async () => {
  const strict = started({ limit: { perSecond: 5, burst: 10 } });
  const statuses = await Promise.all(Array.from({ length: 14 }, async () => (await ask(strict, PAGES)).status));
  expect(statuses.filter((status) => status === 429).length).toBeWithin(3, 5);
});
