import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { InputError, SnoozeError, TransientError } from "../../src/errors.ts";
import { createFixture, type Fixture, type SendOptions, START_MS } from "./fixture.ts";

let f: Fixture;
let failure: unknown;
beforeAll(async () => {
  f = await createFixture(() => ({
    search: async () => {
      throw failure;
    },
  }));
}, START_MS);
afterAll(() => f.stop());

const SYNC = "/v1/ingest/sources/sync";
const json = (text: string, headers: Record<string, string> = {}): SendOptions => ({
  body: text,
  headers: { "content-type": "application/json", ...headers },
});
const search = (): Promise<Awaited<ReturnType<Fixture["send"]>>> =>
  f.send("POST", "/v1/search", { json: { tenant_id: f.tenant, query: "x" } });

describe("a wrong body is refused with a code and the name of the field", () => {
  const T = "0192f000-0000-7000-8000-000000000001";
  const types = ["FILE_CATALOG_OBJECT"];
  const wrong: [name: string, path: string, body: unknown, field: string][] = [
    ["an unknown field", SYNC, { tenant_id: T, source_types: types, force: true }, "force"],
    ["a name that every object has", SYNC, { tenant_id: T, source_types: types, toString: 1 }, "toString"],
    ["no tenant", SYNC, { source_types: types }, "tenant_id"],
    ["a tenant that is no UUID", SYNC, { tenant_id: "acme", source_types: types }, "tenant_id"],
    ["no source types", SYNC, { tenant_id: T, source_types: [] }, "source_types"],
    ["a source type twice", SYNC, { tenant_id: T, source_types: [...types, ...types] }, "source_types"],
    ["an unknown source type", SYNC, { tenant_id: T, source_types: ["WIKI"] }, "source_types.0"],
    ["a text for a flag", SYNC, { tenant_id: T, source_types: types, force_reindex: "yes" }, "force_reindex"],
    ["NUL in a text", SYNC, { tenant_id: T, source_types: types, connection: "a\0b" }, "connection"],
    ["half a surrogate pair", SYNC, { tenant_id: T, source_types: types, connection: "a\ud800b" }, "connection"],
    ["no query", "/v1/search", { tenant_id: T }, "query"],
    ["a blank query", "/v1/search", { tenant_id: T, query: "  " }, "query"],
    ["a query of 2001 characters", "/v1/search", { tenant_id: T, query: "x".repeat(2001) }, "query"],
    ["top_k 0", "/v1/search", { tenant_id: T, query: "x", top_k: 0 }, "top_k"],
    ["top_k 101", "/v1/search", { tenant_id: T, query: "x", top_k: 101 }, "top_k"],
    ["top_k 1.5", "/v1/search", { tenant_id: T, query: "x", top_k: 1.5 }, "top_k"],
    ["an unknown mode", "/v1/search", { tenant_id: T, query: "x", mode: "magic" }, "mode"],
    ["an unknown filter", "/v1/search", { tenant_id: T, query: "x", filters: { author: "me" } }, "filters.author"],
    [
      "a time that is none",
      "/v1/search",
      { tenant_id: T, query: "x", filters: { updated_after: "0000-01-01T00:00:00Z" } },
      "filters.updated_after",
    ],
    [
      "a NUL deep within a filter",
      "/v1/search",
      { tenant_id: T, query: "x", filters: { languages: ["\0"] } },
      "filters.languages.0",
    ],
    [
      "a configuration that is no object",
      "/v1/connections",
      { tenant_id: T, source_type: types[0], name: "n", config: [] },
      "config.kind",
    ],
    [
      "a NUL in a key of a configuration",
      "/v1/connections",
      { tenant_id: T, source_type: types[0], name: "n", config: { kind: "directory", "a\0": 1 } },
      "config",
    ],
    [
      "a configuration nested without end",
      "/v1/connections",
      { tenant_id: T, source_type: types[0], name: "n", config: { kind: "x", a: nested(2000) } },
      "config.a",
    ],
    [
      "a name of 201 characters",
      "/v1/connections",
      { tenant_id: T, source_type: types[0], name: "n".repeat(201), config: { kind: "x" } },
      "name",
    ],
  ];
  test.each(wrong)("%s", async (_name, path, body, field) => {
    const answer = await f.send("POST", path, { json: body });
    expect([answer.status, answer.at("error.code")]).toEqual([400, "request.invalid"]);
    expect(answer.textAt("error.message")).toContain(field);
    expect((answer.at("error.details.fields") as string[])[0]).toStartWith(field);
    expect(answer.text.length).toBeLessThan(3000);
  });

  function nested(depth: number): unknown {
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  }

  test("all faults are told at once", async () => {
    const answer = await f.send("POST", "/v1/search", { json: { query: 1, top_k: 0, x: 1 } });
    expect(answer.at("error.details.fields")).toEqual(["tenant_id", "query", "top_k", "x"]);
  });

  test.each([["[]"], ["null"], ["1"], ['"text"']])("%s is no object", async (text) => {
    expect((await f.send("POST", SYNC, json(text))).status).toBe(400);
  });
});

describe("what cannot be read is refused before it is looked at", () => {
  const unreadable: [name: string, options: SendOptions, status: number, code: string][] = [
    ["malformed JSON", json('{"tenant_id": '), 400, "request.bad_json"],
    ["no JSON at all", json(""), 400, "request.bad_json"],
    [
      "bytes that are no UTF-8",
      { body: new Uint8Array([0x22, 0xff, 0x22]), headers: { "content-type": "application/json" } },
      400,
      "request.bad_json",
    ],
    ["nesting without end", json("[".repeat(200_000)), 400, "request.bad_json"],
    [
      "a form",
      { body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "request.wrong_content_type",
    ],
    ["no content type", { body: new Uint8Array([0x7b, 0x7d]) }, 415, "request.wrong_content_type"],
    ["a large body", json(`"${"x".repeat(1024 * 1024)}"`), 413, "request.too_large"],
    ["a body that announces to be large", json("{}", { "content-length": "9999999" }), 413, "request.too_large"],
  ];
  test.each(unreadable)("%s", async (_name, options, status, code) => {
    const answer = await f.send("POST", SYNC, options);
    expect([answer.status, answer.at("error.code")]).toEqual([status, code]);
  });

  test("a body without end is not read to its end", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    const answer = await f.send("POST", SYNC, { body, headers: { "content-type": "application/json" } });
    expect(answer.status).toBe(413);
    expect(pulled).toBeLessThan(40);
  });
});

describe("paths and query strings", () => {
  const ID = "0192f000-0000-7000-8000-000000000001";
  const wrong: [method: string, path: string, status: number, code: string][] = [
    ["GET", "/v1/nothing", 404, "request.no_such_route"],
    ["GET", "/nowhere", 404, "request.no_such_route"],
    ["PUT", "/v1/jobs", 405, "request.method_not_allowed"],
    ["DELETE", "/v1/search", 405, "request.method_not_allowed"],
    ["GET", `/v1/jobs/${ID}/cancel`, 405, "request.method_not_allowed"],
    ["GET", "/v1/jobs/17", 400, "request.invalid"],
    ["GET", "/v1/jobs/%00", 400, "request.invalid"],
    ["GET", "/v1/jobs/%zz", 400, "request.invalid"],
    ["POST", "/v1/jobs/none/cancel", 400, "request.invalid"],
    ["GET", "/v1/documents/'%3B--", 400, "request.invalid"],
    ["GET", `/v1/documents/${ID}/markdown?version=1`, 400, "request.invalid"],
    ["GET", `/v1/jobs/${ID}`, 404, "job.not_found"],
    ["GET", `/v1/jobs/${ID}/items`, 404, "job.not_found"],
    ["POST", `/v1/jobs/${ID}/cancel`, 404, "job.not_found"],
    ["POST", `/v1/jobs/${ID}/retry`, 404, "job.not_found"],
    ["GET", `/v1/documents/${ID}`, 404, "document.not_found"],
    ["GET", `/v1/documents/${ID}/markdown`, 404, "document.not_found"],
    ["GET", `/v1/documents/${ID}/raw`, 404, "document.not_found"],
    ["GET", `/v1/documents/${ID}/chunks`, 404, "document.not_found"],
    ["GET", `/v1/documents/${ID}/versions`, 404, "document.not_found"],
    ["GET", `/v1/documents/${ID}/links`, 404, "document.not_found"],
    ["GET", `/v1/connections/${ID}`, 404, "connection.not_found"],
    ["GET", "/v1/jobs?status=finished", 400, "request.invalid"],
    ["GET", "/v1/jobs?limit=0", 400, "request.invalid"],
    ["GET", "/v1/jobs?limit=501", 400, "request.invalid"],
    ["GET", "/v1/jobs?limit=ten", 400, "request.invalid"],
    ["GET", "/v1/jobs?page=2", 400, "request.invalid"],
    ["GET", "/v1/jobs?limit=1&limit=2", 400, "request.invalid"],
    ["GET", "/v1/jobs?tenant_id=acme", 400, "request.invalid"],
    ["GET", "/v1/documents?include_hidden=yes", 400, "request.invalid"],
    ["GET", "/v1/documents?q=%00", 400, "request.invalid"],
    ["GET", "/v1/documents?external_ref_prefix=a%00", 400, "request.invalid"],
    ["GET", "/v1/jobs?cursor=garbage", 400, "request.bad_cursor"],
    ["GET", `/v1/jobs?cursor=${cursor(["2024-02-31T00:00:00.000000Z", ID])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/jobs?cursor=${cursor(["0000-01-01T00:00:00.000000Z", ID])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/jobs?cursor=${cursor(["now", ID])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/documents?cursor=${cursor(["2024-02-01T00:00:00.000000Z", "x"])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/connections?cursor=${cursor([1])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/jobs/${ID}/items?cursor=${cursor(["9".repeat(30)])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/documents/${ID}/chunks?cursor=${cursor([99999999999])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/documents/${ID}/links?cursor=${cursor([1e300, null])}`, 400, "request.bad_cursor"],
    ["GET", `/v1/jobs?cursor=${"x".repeat(501)}`, 400, "request.invalid"],
  ];
  function cursor(key: unknown): string {
    return Buffer.from(JSON.stringify(key)).toString("base64url");
  }
  test.each(wrong)("%s %s → %d", async (method, path, status, code) => {
    const answer = await f.send(method, path);
    expect([answer.status, answer.at("error.code")]).toEqual([status, code]);
  });

  test("a wrong method is told the right ones", async () => {
    expect((await f.send("PUT", "/v1/connections")).headers.get("allow")).toBe("POST, GET, HEAD");
  });

  test("empty filters are none", async () => {
    expect((await f.send("GET", "/v1/jobs?status=&tenant_id=&cursor=&limit=")).status).toBe(200);
  });
});

describe("every answer", () => {
  test("an error comes in the envelope, with its correlation id and the way out", async () => {
    const answer = await f.send("GET", "/v1/nothing", { headers: { "x-correlation-id": "ticket-4711" } });
    expect(answer.json).toEqual({
      error: {
        code: "request.no_such_route",
        message: expect.any(String),
        details: { help: expect.stringContaining("openapi") },
        correlation_id: "ticket-4711",
        retryable: false,
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    });
    expect(answer.headers.get("x-correlation-id")).toBe("ticket-4711");
  });

  test.each(["a b c d", "<script>", "x".repeat(200), "ab", "{0}"])(
    "a correlation id like %p is replaced",
    async (id) => {
      const answer = await f.send("GET", "/healthz", { headers: { "x-request-id": id } });
      expect(answer.headers.get("x-correlation-id")).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test.each(["/healthz", "/v1/jobs", "/v1/nothing"])("%s carries the security headers", async (path) => {
    const { headers } = await f.send("GET", path);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("content-security-policy")).toStartWith("default-src 'none'");
  });

  test("one log line tells method, pattern, status, time, tenant and correlation id, and no query string", async () => {
    await f.send("GET", "/v1/jobs/0192f000-0000-7000-8000-000000000001?secret=1", {
      headers: { "x-request-id": "line-0001" },
    });
    const lines = f.logged.filter((line) => line.correlation_id === "line-0001");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      msg: "request",
      method: "GET",
      route: "/v1/jobs/{id}",
      status: 400,
      ms: expect.any(Number),
      tenant_id: f.tenant,
    });
    expect(JSON.stringify(lines)).not.toContain("secret");
    expect(JSON.stringify(f.logged)).not.toContain(f.tokens.write);
  });
});

describe("faults of the inside", () => {
  test("an unknown error tells nothing but is logged with its stack", async () => {
    failure = new Error("password=hunter2");
    const answer = await search();
    expect([answer.status, answer.at("error.code"), answer.at("error.retryable")]).toEqual([
      500,
      "internal.unexpected",
      false,
    ]);
    expect(answer.text).not.toContain("hunter2");
    const line = f.logged.find((entry) => entry.msg === "unexpected error in a request");
    expect(line).toMatchObject({
      correlation_id: answer.at("error.correlation_id"),
      err: { stack: expect.stringContaining("requests.test.ts") },
    });
  });

  const passing: [name: string, thrown: () => unknown, status: number, code: string][] = [
    ["a transient error", () => new TransientError("objects.unavailable", "down"), 503, "objects.unavailable"],
    [
      "a lost connection",
      () => Object.assign(new Error("write CONNECTION_CLOSED"), { code: "CONNECTION_CLOSED" }),
      503,
      "database.unavailable",
    ],
    [
      "a snooze",
      () => new SnoozeError("connector.unavailable", "later", new Date(Date.now() + 30_000)),
      503,
      "connector.unavailable",
    ],
  ];
  test.each(passing)("%s may be tried again", async (_name, thrown, status, code) => {
    failure = thrown();
    const answer = await search();
    expect([answer.status, answer.at("error.code"), answer.at("error.retryable")]).toEqual([status, code, true]);
    expect(Number(answer.headers.get("retry-after"))).toBeWithin(1, 31);
  });

  test("a thrown value that is no error is answered like one", async () => {
    failure = "just a text";
    expect((await search()).at("error.code")).toBe("internal.unexpected");
  });

  test("an error with a code of its own keeps its status", async () => {
    failure = new InputError("embeddings.bad_input", "none");
    expect((await search()).status).toBe(422);
  });
});
