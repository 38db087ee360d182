/** Walks every route of the app with a token of one tenant and the ids of another one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { EXAMPLE_IDS } from "../../src/http/openapi_example_ids.ts";
import { exampleOf } from "../../src/http/openapi_examples.ts";
import type { Route } from "../../src/http/route.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { openSession } from "../../src/store/console_sessions.ts";
import { lookUpToken } from "../../src/store/tokens.ts";
import { imageOf, type TenantRows, tenantWithRows, WORD } from "../support/tenant_rows.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let victim: TenantRows;
let before: Awaited<ReturnType<typeof imageOf>>;
let objectsBefore: string[];
/** What the victim's ids may not appear in, unless the request itself named them. */
const answers: { name: string; sent: string; text: string }[] = [];

beforeAll(async () => {
  f = await createFixture();
  victim = await tenantWithRows(f.sql, f.objects);
  before = await imageOf(f.sql, victim.tenant);
  objectsBefore = objectsOf(victim.tenant);
}, START_MS);
afterAll(() => f.stop());

const objectsOf = (tenant: string): string[] =>
  (readdirSync(`${f.dir}/objects`, { recursive: true }) as string[]).filter((path) => path.includes(tenant)).sort();

const nameOf = ({ method, path }: Pick<Route, "method" | "path">) => `${method.toUpperCase()} ${path}`;

interface Sending {
  url: string;
  body: Record<string, unknown> | undefined;
}

/** The example of the route's description, which every route has, about the victim. */
function exampleAboutVictim(route: Route): Sending {
  const example = exampleOf(route);
  if (!example) throw new Error(`${nameOf(route)} has no example to walk with`);
  const { document, version, source, ...ids } = victim;
  const mine: Record<string, string> = { ...ids, token: ids.tokenId, document, version, source };
  const text = Object.entries(EXAMPLE_IDS).reduce(
    (all, [name, id]) => all.replaceAll(id, mine[name]!),
    JSON.stringify({ ...example, answer: null }),
  );
  const {
    params = {},
    query = {},
    body,
  } = JSON.parse(text.replaceAll('"handbook"', `"${WORD}"`)) as {
    params?: Record<string, string>;
    query?: Record<string, string>;
    body?: Record<string, unknown>;
  };
  const path = Object.entries(params).reduce((all, [name, value]) => all.replace(`{${name}}`, value), route.path);
  const search = new URLSearchParams(query).toString();
  return { url: search ? `${path}?${search}` : path, body };
}

/** The same with the caller's own tenant, and with the victim's tenant in the query string. */
function variantsOf(route: Route): Sending[] {
  const sending = exampleAboutVictim(route);
  const variants = [sending];
  if (sending.body && "tenant_id" in sending.body) {
    variants.push({ ...sending, body: { ...sending.body, tenant_id: f.tenant } });
    if (route.path === "/v1/search")
      variants.push({
        ...sending,
        body: { tenant_id: f.tenant, query: WORD, filters: { document_ids: [victim.document] } },
      });
    if (route.path === "/v1/webhooks")
      variants.push({ ...sending, body: { ...sending.body, tenant_id: f.tenant, connection_id: victim.connection } });
  }
  if ("tenant_id" in route.query) {
    const url = new URL(sending.url, "http://x");
    url.searchParams.set("tenant_id", victim.tenant);
    variants.push({ ...sending, url: `${url.pathname}${url.search}` });
  }
  if ("connection_id" in route.query)
    variants.push({ ...sending, url: `${route.path}?connection_id=${victim.connection}` });
  return variants;
}

async function ask(route: Route, { url, body }: Sending): Promise<number> {
  const form = new FormData();
  for (const [name, value] of Object.entries(body ?? {}))
    if (Array.isArray(value)) for (const text of value) form.append(name, new File([text], "minutes.md"));
    else form.append(name, String(value));
  const multipart = route.bodyType === "multipart/form-data";
  const answer = await f.send(route.method.toUpperCase(), url, multipart ? { body: form } : body ? { json: body } : {});
  const headers = JSON.stringify([...answer.headers]);
  answers.push({ name: nameOf(route), sent: `${url} ${JSON.stringify(body)}`, text: `${answer.text} ${headers}` });
  return answer.status;
}

const guarded = ROUTES.filter((route) => route.access !== "public");

describe("another tenant's rows do not exist", () => {
  test.each(guarded.map((route) => ({ name: nameOf(route), route })))("$name", async ({ route }) => {
    for (const sending of variantsOf(route)) {
      const status = await ask(route, sending);
      const names = `${sending.url} ${JSON.stringify(sending.body ?? {})}`;
      const refused =
        route.access === "admin" || /tenant_id/.test(names)
          ? names.includes(victim.tenant) || route.access === "admin"
          : "id" in route.params;
      if (refused)
        expect({ names, status: [403, 404].includes(status) ? "refused" : status }).toEqual({
          names,
          status: "refused",
        });
      else expect(status).toBeLessThan(500);
    }
  });

  test("nor for the pages of the console, signed in as somebody else", async () => {
    const secret = await openSession(f.sql, (await lookUpToken(f.sql, f.tokens.write))!.tokenId);
    const headers = { cookie: `sluice_session=${secret}`, origin: "http://localhost" };
    const api = new Set(ROUTES.map((route) => route.path.replace(/\{(\w+)\}/g, ":$1")));
    const pages = f.app.routes.filter(({ path, method }) => !api.has(path) && method !== "ALL" && path !== "/sign-out");
    expect(pages.filter(({ path }) => path.includes(":id")).length).toBeGreaterThan(5);
    const ids = [victim.document, victim.job, victim.openJob, victim.connection, victim.webhook, victim.tokenId];
    for (const { path, method } of pages)
      for (const id of path.includes(":") ? ids : [victim.tenant]) {
        const url = `${path.replace(/:\w+/g, id)}?tenant_id=${victim.tenant}&version=${victim.version}&q=zzz`;
        const body =
          method === "POST"
            ? { body: new URLSearchParams({ tenant_id: victim.tenant, connection: victim.connection }) }
            : {};
        const response = await f.app.request(url, { method, headers, ...body });
        const name = `${method} ${path}`;
        if (path.includes(":id")) {
          const refused = [400, 403, 404].includes(response.status) ? "refused" : response.status;
          expect({ name, id, status: refused }).toEqual({ name, id, status: "refused" });
        }
        answers.push({ name, sent: `${url} ${id} ${victim.connection}`, text: await response.text() });
      }
  });
});

describe("after the walk", () => {
  test("no answer has told anything of the victim's", () => {
    expect(answers.length).toBeGreaterThan(guarded.length);
    const secrets = [WORD, ...Object.values(victim)];
    const told = answers.flatMap(({ name, sent, text }) =>
      secrets.filter((secret) => text.includes(secret) && !sent.includes(secret)).map((secret) => `${name}: ${secret}`),
    );
    expect(told).toEqual([]);
  });

  test("no row and no object of the victim's has changed", async () => {
    expect(await imageOf(f.sql, victim.tenant)).toEqual(before);
    expect(objectsOf(victim.tenant)).toEqual(objectsBefore);
    expect(Object.values(before).every(({ rows }) => rows > 0)).toBe(true);
  });

  test("the log holds nothing of the victim's data", () => {
    expect(f.logged.length).toBeGreaterThan(guarded.length);
    expect(f.logged.filter((line) => JSON.stringify(line).includes(WORD))).toEqual([]);
  });

  test("what the walker stored lies under its own tenant's key", () => {
    expect(objectsOf(f.tenant).some((path) => path.endsWith("raw.bin"))).toBe(true);
  });
});
