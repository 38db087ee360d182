import { afterAll, beforeAll, expect, test } from "bun:test";
import * as v from "valibot";
import { CODES } from "../../src/errors.ts";
import { exampleOf } from "../../src/http/openapi_examples.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { createFixture, type Fixture, pick, START_MS } from "./fixture.ts";

let f: Fixture;
let description: unknown;
let paths: Record<string, Record<string, unknown>>;
beforeAll(async () => {
  f = await createFixture();
  description = (await f.send("GET", "/openapi.json", { token: null })).json;
  paths = pick(description, "paths") as typeof paths;
}, START_MS);
afterAll(() => f.stop());

const operations = () =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => method !== "parameters")
      .map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );

test("the description lists every route of the app below /v1 and no other, and those for operators", () => {
  const described = operations().map(({ name }) => name);
  const registered = f.app.routes
    .filter(({ method, path }) => method !== "ALL" && path.startsWith("/v1/"))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect(registered.length).toBeGreaterThan(30);
  const operators = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"].map((path) => `GET ${path}`);
  expect(described.toSorted()).toEqual([...registered, ...operators].toSorted());
  const ids = operations().map(({ operation }) => pick(operation, "operationId"));
  expect(new Set(ids).size).toBe(ids.length);
});

test("every reference leads somewhere", () => {
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]!);
  expect(references.length).toBeGreaterThan(100);
  expect(references.filter((path) => pick(description, path.replaceAll("/", ".")) === undefined)).toEqual([]);
});

test("requests, parameters and answers are described by the schemas that check them", () => {
  expect(paths["/v1/ingest/sources/sync"]).toMatchObject({
    post: {
      requestBody: {
        content: {
          "application/json": {
            schema: {
              type: "object",
              additionalProperties: false,
              required: ["tenant_id", "source_types"],
              properties: {
                tenant_id: { type: "string", format: "uuid" },
                force_reindex: { type: "boolean", default: false },
              },
            },
          },
        },
      },
    },
  });
  expect(pick(paths["/v1/search"], "post.requestBody.content.application/json.schema.properties.query")).toMatchObject({
    minLength: 1,
    maxLength: 2000,
  });
  const form = pick(paths["/v1/ingest/files/upload"], "post.requestBody.content.multipart/form-data.schema.properties");
  expect(form).toMatchObject({ file: { type: "array", items: { format: "binary" } } });
  expect(pick(paths["/v1/connections"], "get.parameters")).toContainEqual({
    name: "limit",
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1, maximum: 500, default: 50 },
    example: "20",
  });
  const job = paths["/v1/jobs/{id}"];
  expect(pick(job, "get.parameters")).toMatchObject([
    { name: "id", in: "path", required: true, schema: { format: "uuid" } },
  ]);
  expect(pick(job, "get.responses.200.content.application/json.schema")).toEqual({ $ref: "#/components/schemas/Job" });
  expect(pick(description, "components.schemas.Job.properties.created_at")).toEqual({
    type: "string",
    format: "date-time",
  });
});

test("each protected route says which scope it needs", () => {
  expect(pick(paths["/v1/search"], "post.description")).toBe("Needs a token of scope read.");
  expect(pick(paths["/v1/tokens"], "post.description")).toBe("Needs a token of scope admin.");
  expect(pick(paths["/healthz"], "get.security")).toEqual([]);
});

test("failures are described by status, with their codes and the way out of each", () => {
  const conflict = pick(paths["/v1/connections"], "post.responses.409");
  expect(pick(conflict, "description")).toContain(CODES["connection.duplicate_name"].help);
  expect(pick(conflict, "content.application/json.schema.allOf.1.properties.error.properties.code.enum")).toEqual([
    "connection.duplicate_name",
    "request.in_progress",
  ]);
  for (const { operation } of operations())
    expect(pick(operation, "responses.default.content.application/json.schema.$ref")).toBe(
      "#/components/schemas/Error",
    );
});

test("every list can be paged, and every POST that changes something takes an Idempotency-Key", () => {
  for (const route of ROUTES.filter(({ method }) => method === "get")) {
    const fields = route.produces && "schema" in route.produces ? entriesOf(route.produces.schema) : {};
    const lists = Object.values(fields).some((field) => (field as { type?: string }).type === "array");
    expect([route.path, "cursor" in route.query, "limit" in route.query, "next_cursor" in fields]).toEqual([
      route.path,
      lists,
      lists,
      lists,
    ]);
  }
  const keyed = operations()
    .filter(({ operation }) => JSON.stringify(pick(operation, "parameters")).includes("IdempotencyKey"))
    .map(({ name }) => name);
  const posts = operations().filter(({ name }) => name.startsWith("POST ") && name !== "POST /v1/search");
  expect(keyed).toEqual(posts.map(({ name }) => name));
});

const entriesOf = (schema: object): object => (Reflect.get(schema, "entries") as object | undefined) ?? {};

test("every route has an example, and the answers of examples are what their schemas say", () => {
  const without = ROUTES.filter((route) => !exampleOf(route)).map(({ method, path }) => `${method} ${path}`);
  expect(without).toEqual([]);
  for (const route of ROUTES) {
    const answer = exampleOf(route)?.answer;
    if (answer === undefined) continue;
    if (!route.produces || !("schema" in route.produces)) throw new Error(`${route.path} answers no JSON`);
    const { issues } = v.safeParse(route.produces.schema, answer);
    expect([route.path, issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`)]).toEqual([
      route.path,
      undefined,
    ]);
  }
});
