import { afterAll, beforeAll, expect, test } from "bun:test";
import { createFixture, type Fixture, pick, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());

const METHODS = ["GET", "POST", "PATCH", "DELETE"];

test("the description lists every route of the app and no other", async () => {
  const answer = await f.send("GET", "/openapi.json", { token: null });
  const described = Object.entries(answer.at("paths") as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const registered = f.app.routes
    .filter((route) => METHODS.includes(route.method))
    .map((route) => `${route.method} ${route.path.replace(/:(\w+)/g, "{$1}")}`);
  expect(described.sort()).toEqual([...new Set(registered)].sort());
  expect(described).toContain("POST /v1/ingest/sources/sync");
});

test("requests, parameters and answers are described by the schemas that check them", async () => {
  const paths = (await f.send("GET", "/openapi.json", { token: null })).at("paths") as Record<string, unknown>;
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
  expect(pick(paths["/v1/jobs"], "get.parameters")).toContainEqual({
    name: "limit",
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1, maximum: 500, default: 50 },
  });
  const job = paths["/v1/jobs/{id}"];
  expect(pick(job, "get.parameters")).toMatchObject([
    { name: "id", in: "path", required: true, schema: { format: "uuid" } },
  ]);
  expect(pick(job, "get.responses.200.content.application/json.schema.properties.created_at")).toEqual({
    type: "string",
    format: "date-time",
  });
});

test("each protected route says which scope it needs", async () => {
  const paths = (await f.send("GET", "/openapi.json", { token: null })).at("paths") as Record<string, unknown>;
  expect(pick(paths["/v1/search"], "post.description")).toBe("Needs a token of scope read.");
  expect(pick(paths["/v1/tokens"], "post.description")).toBe("Needs a token of scope admin.");
  expect(pick(paths["/healthz"], "get.security")).toEqual([]);
});
