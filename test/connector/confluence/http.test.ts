/** Answers as they were recorded from live sites and proxies, and what the client makes of each. */
import { afterEach, describe, expect, test } from "bun:test";
import { LocalRateLimits } from "../../../src/connector/confluence/rate_limit.ts";
import { retryAfterMs } from "../../../src/connector/confluence/retry_after.ts";
import { html, httpTo, inTurn, json, type Scripted, serve, signal } from "./scripted_server.ts";

const open: Scripted[] = [];
const opened = (server: Scripted): Scripted => {
  open.push(server);
  return server;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

const fine = () => json({ results: [] });
const inMs = (ms: number): string => new Date(Math.ceil((Date.now() + ms) / 1000) * 1000).toUTCString();
const get = (server: Scripted, tries?: number) =>
  httpTo().json(`${server.url}/wiki/rest/api/space`, { signal, ...(tries ? { tries } : {}) });

describe("what passes by itself is asked again", () => {
  test.each([
    ["429 with seconds", () => json({ message: "Rate limit exceeded." }, 429, { "Retry-After": "0" })],
    ["429 with a date", () => new Response("", { status: 429, headers: { "Retry-After": inMs(-2000) } })],
    ["429 without any Retry-After and without a body", () => new Response("", { status: 429 })],
    ["503 with Retry-After", () => html("<title>503</title>", 503, { "Retry-After": "0" })],
    ["403 of a throttling Data Center", () => json({ message: "Rate limit exceeded." }, 403, { "Retry-After": "0" })],
    ["500", () => json({ statusCode: 500, message: "Internal Server Error" }, 500)],
    ["504 as HTML", () => html("<title>504 Gateway Time-out</title>", 504)],
    ["a login page with status 200", () => html('<form action="/login.action"><input name="os_username"></form>')],
    [
      "JSON that is cut off",
      () => new Response('{"results":[{"id":', { headers: { "content-type": "application/json" } }),
    ],
    ["a 401 of a gateway's hiccup", () => json({ message: "Unauthorized" }, 401)],
  ])("%s", async (_name, answer) => {
    const server = opened(inTurn(answer, fine));
    expect((await get(server)).body).toEqual({ results: [] });
    expect(server.requests).toHaveLength(2);
  });

  test("a connection that breaks off", async () => {
    let asked = 0;
    const whole =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\nConnection: close\r\n\r\n";
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.end(asked++ === 0 ? `${whole}{"resu` : `${whole}{"results":[]}`);
        },
      },
    });
    const { body } = await httpTo().json(`http://127.0.0.1:${server.port}/x`, { signal });
    server.stop(true);
    expect(body).toEqual({ results: [] });
    expect(asked).toBe(2);
  });

  test("a site that does not answer within the deadline", async () => {
    const server = opened(serve((_request, _url, before) => (before === 0 ? new Promise<Response>(() => {}) : fine())));
    const { body } = await httpTo({ deadlineMs: 100 }).json(`${server.url}/x`, { signal });
    expect(body).toEqual({ results: [] });
  });
});

describe("what does not pass is an error that says so", () => {
  test.each([
    [
      "restricted and missing pages alike",
      () => json({ errors: [{ status: 404, code: "NOT_FOUND", title: "Not Found", detail: null }] }, 404),
      "connector.gone",
      /Not Found/,
    ],
    ["a wrong context path", () => html("<title>Not Found</title>", 404), "connector.gone", /Not Found/],
    [
      "no access to Confluence",
      () => json({ statusCode: 403, message: "Current user not permitted to use Confluence" }, 403),
      "connector.forbidden",
      /not permitted to use/,
    ],
    [
      "a token without the scope",
      () =>
        json({ code: 401, message: "Unauthorized; scope does not match" }, 401, {
          "X-Failure-Category": "FAILURE_CLIENT_SCOPE_CHECK",
        }),
      "connector.forbidden",
      /lacks a scope/,
    ],
    [
      "an HTML page for a broken credential",
      () => html("<title>HTTP Status 401 - Unauthorized</title>", 401),
      "connector.forbidden",
      /401 - Unauthorized/,
    ],
    [
      "a query that cannot be parsed",
      () => json({ statusCode: 400, message: "Could not parse cql : bogus ~" }, 400),
      "connector.refused",
      /Could not parse cql/,
    ],
    [
      "Java's names of exceptions are left out",
      () =>
        json(
          {
            statusCode: 400,
            message:
              "com.atlassian.confluence.api.service.exceptions.api.BadRequestException: cql query parameter is required",
          },
          400,
        ),
      "connector.refused",
      /\(cql query parameter is required\)/,
    ],
    [
      "an XML body",
      () =>
        new Response("<status><message>null for uri</message></status>", {
          status: 404,
          headers: { "content-type": "application/xml" },
        }),
      "connector.gone",
      /null for uri/,
    ],
    ["a login page for good", () => html("<title>Log in</title>id.atlassian.com"), "connector.forbidden", /login page/],
    [
      "a redirect to the login page",
      () => new Response("", { status: 302, headers: { location: "/login.action?os_destination=x" } }),
      "connector.forbidden",
      /login page/,
    ],
    ["a site that is down", () => html("<title>503</title>", 503), "connector.unavailable", /503/],
  ])("%s", async (_name, answer, code, words) => {
    const server = opened(serve(answer));
    const error = (await get(server, 3).catch((thrown: unknown) => thrown)) as Error & { code: string };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect(error.message).toContain("GET 127.0.0.1");
  });

  test("a CAPTCHA lock-out is not made worse by trying again", async () => {
    const headers = {
      "X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://wiki.example.com/login.action",
    };
    const server = opened(serve(() => html("<html>Forbidden</html>", 403, headers)));
    await expect(get(server)).rejects.toMatchObject({
      code: "connector.forbidden",
      message: expect.stringContaining("CAPTCHA"),
    });
    expect(server.requests).toHaveLength(1);
  });

  test("a long pause is handed to the caller with its time", async () => {
    const server = opened(serve(() => new Response("", { status: 429, headers: { "Retry-After": "600" } })));
    const error = await httpTo()
      .json(`${server.url}/x`, { signal, patienceMs: 1000 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "connector.rate_limited", fate: "snooze" });
    const seconds = ((error as { until: Date }).until.getTime() - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(590);
  });
});

test("a good answer counts at once, whatever Retry-After a proxy puts on it", async () => {
  const server = opened(serve(() => json({ results: [] }, 200, { "retry-after": "30" })));
  const startedAt = performance.now();
  const http = httpTo();
  for (let i = 0; i < 3; i++) await http.json(`${server.url}/x`, { signal });
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test("one request's 429 holds up all others that share the pace", async () => {
  const limits = new LocalRateLimits();
  const server = opened(inTurn(() => new Response("", { status: 429, headers: { "Retry-After": "1" } }), fine));
  const first = httpTo({ limits }).json(`${server.url}/x`, { signal });
  await first;
  const waited = await limits.acquire("test", 1000, 1);
  expect(waited).toBeLessThan(50);
  expect(server.requests).toHaveLength(2);
});

describe("downloads", () => {
  test("are followed to another host without the credentials", async () => {
    const media = opened(serve(() => new Response("bytes", { headers: { "content-type": "application/pdf" } })));
    const location = media.url.replace("127.0.0.1", "localhost");
    const site = opened(
      serve(() => new Response("", { status: 302, headers: { location: `${location}/file/1/binary?token=jwt` } })),
    );
    const { bytes, mediaType } = await httpTo().download(`${site.url}/download`, 100, { signal });
    expect(new TextDecoder().decode(bytes)).toBe("bytes");
    expect(mediaType).toBe("application/pdf");
    expect(site.requests[0]!.headers.get("authorization")).toStartWith("Basic ");
    expect(media.requests[0]!.headers.get("authorization")).toBeNull();
  });

  test("stop at their limit, whatever the header declares", async () => {
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(64 * 1024));
          },
        }),
      );
    const server = opened(serve(endless));
    await expect(httpTo().download(`${server.url}/x`, 100_000, { signal })).rejects.toMatchObject({
      code: "connector.too_large",
    });
  });

  test("errors name no token", async () => {
    const media = opened(serve(() => new Response("no", { status: 403 })));
    const site = opened(
      serve(() => new Response("", { status: 302, headers: { location: `${media.url}/file?token=very-secret` } })),
    );
    const error = await httpTo()
      .download(`${site.url}/d?os_authType=x`, 100, { signal })
      .catch((thrown: Error) => thrown);
    expect(JSON.stringify({ ...(error as object), message: (error as Error).message })).not.toMatch(
      /very-secret|c2VjcmV0/,
    );
  });
});

test("Retry-After is read in both forms, and nonsense is no time at all", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const of = (value: string) => retryAfterMs(new Headers({ "retry-after": value }), now);
  expect(of("5")).toBe(5000);
  expect(of("Thu, 01 Jan 2026 00:00:30 GMT")).toBe(30_000);
  expect(of("Wed, 31 Dec 2025 23:00:00 GMT")).toBe(0);
  expect(of("soon")).toBeNull();
  expect(of("99999999")).toBe(15 * 60_000);
  expect(retryAfterMs(new Headers(), now)).toBeNull();
});
