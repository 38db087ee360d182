/**
 * The API description (OpenAPI 3.1), made from the routes themselves: their schemas check the requests and describe
 * them, so the two cannot differ. Schemas with a title become components under that name.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { CODES, type ErrorCode } from "../errors.ts";
import { instant } from "./fields.ts";
import { byStatus, errorsOf } from "./openapi_errors.ts";
import { type Example, exampleOf } from "./openapi_examples.ts";
import { INTRODUCTION, TAGS } from "./openapi_text.ts";
import { WebhookMessage } from "./openapi_webhook.ts";
import type { Fields, Route } from "./route.ts";

export type Json = Record<string, unknown>;

const ErrorEnvelope = v.pipe(
  v.strictObject({
    error: v.strictObject({
      code: v.pipe(v.string(), v.description("stage.reason")),
      message: v.string(),
      details: v.pipe(v.record(v.string(), v.unknown()), v.description("Particulars, and under `help` the way out.")),
      correlation_id: v.pipe(v.string(), v.description("Stands in the service's log lines too.")),
      retryable: v.pipe(v.boolean(), v.description("The same request may succeed later.")),
      timestamp: instant,
    }),
  }),
  v.title("Error"),
);

/** The whole description, ready to be sent. */
export function describeApi(routes: readonly Route[], version: string): Json & { openapi: string } {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Json> = {};
  const hoist = (json: Json): Json => hoisted(json, schemas);
  for (const route of routes) {
    const path = (paths[route.path] ??= { parameters: [{ $ref: "#/components/parameters/CorrelationId" }] });
    path[route.method] = operationOf(route, hoist);
  }
  hoist(schemaOf(ErrorEnvelope, "output"));
  return {
    openapi: "3.1.0",
    info: { title: "Sluice", version, description: INTRODUCTION, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: TAGS.map(([name, description]) => ({ name, description })),
    paths,
    webhooks: { message: { post: messageOf(hoist) } },
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Made with `sluice token create` or POST /v1/tokens." },
      },
      parameters: { CorrelationId: CORRELATION_ID, IdempotencyKey: IDEMPOTENCY_KEY, IfNoneMatch: IF_NONE_MATCH },
      headers: HEADERS,
      schemas,
    },
  };
}

const CORRELATION_ID = {
  name: "X-Correlation-Id",
  in: "header",
  required: false,
  description: "Names the request in log lines, errors and jobs; made when left out. Comes back in the answer.",
  schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._:/+=-]{3,127}$" },
};
const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "A UUID of this request. Sent again under it within 24 hours, it is not made twice but answered alike.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};
const IF_NONE_MATCH = {
  name: "If-None-Match",
  in: "header",
  required: false,
  description: "The ETag of what the caller has already.",
  schema: { type: "string" },
};
const text = (description: string): Json => ({ description, schema: { type: "string" } });
const HEADERS = {
  CorrelationId: text("The request's correlation id."),
  IdempotencyReplayed: text("`true` when the answer is one that was given before."),
  RetryAfter: text("Seconds after which the request may be made again."),
  Allow: text("The methods that are possible."),
  ETag: text("Names the content; it changes with it."),
  ContentDisposition: text("The name under which to save it."),
};
const header = (...names: (keyof typeof HEADERS)[]): Json =>
  Object.fromEntries(
    ["CorrelationId" as const, ...names].map((name) => [
      name === "CorrelationId" ? "X-Correlation-Id" : name.replace(/(?<=[a-z])(?=[A-Z])/g, "-"),
      { $ref: `#/components/headers/${name}` },
    ]),
  );

type Hoist = (json: Json) => Json;

/** What Sluice sends, as opposed to takes. */
function messageOf(hoist: Hoist): Json {
  const schema = hoist(schemaOf(WebhookMessage, "output"));
  return {
    operationId: "webhook_message",
    summary: "Sent to webhooks",
    tags: ["Webhooks"],
    security: [],
    parameters: [
      ["Sluice-Signature", "`t=SECONDS,v1=HEX`"],
      ["Sluice-Delivery", "The delivery_id."],
      ["Sluice-Event", "The event."],
    ].map(([name, description]) => ({ name, in: "header", required: true, description, schema: { type: "string" } })),
    requestBody: { required: true, content: { "application/json": { schema } } },
    responses: { "2XX": { description: "Taken; anything else is tried again." } },
  };
}

function operationOf(route: Route, hoist: Hoist): Json {
  const example = exampleOf(route);
  const parameters = [
    ...parametersOf(route.params, "path", example),
    ...parametersOf(route.query, "query", example),
    ...(route.keyed ? [{ $ref: "#/components/parameters/IdempotencyKey" }] : []),
    ...(route.etag ? [{ $ref: "#/components/parameters/IfNoneMatch" }] : []),
  ];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.access === "public" ? { security: [] } : { description: `Needs a token of scope ${route.access}.` }),
    tags: [route.tag],
    parameters,
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: {
              [route.bodyType]: {
                schema: hoist(schemaOf(route.body, "input")),
                ...(example?.body ? { example: example.body } : {}),
              },
            },
          },
        }
      : {}),
    responses: { ...answersOf(route, example, hoist), ...failuresOf(route), default: failure("Any other failure") },
  };
}

/** `get_jobs_id_items`: stable, and unique since method and path are. */
const operationId = ({ method, path }: Route): string =>
  [method, ...path.split(/\W+/)].filter((word) => word && word !== "v1").join("_");

function answersOf(route: Route, example: Example | undefined, hoist: Hoist): Json {
  const { produces, status } = route;
  if (produces === null) return { [status]: { description: "Done", headers: header() } };
  if ("schema" in produces) {
    const content = {
      "application/json": {
        schema: hoist(schemaOf(produces.schema, "output")),
        ...(example?.answer ? { example: example.answer } : {}),
      },
    };
    const headers = route.keyed ? header("IdempotencyReplayed") : header();
    const answer = { description: "The answer", headers, content };
    return Object.fromEntries([status, ...route.otherStatuses].map((one) => [one, answer]));
  }
  const schema = produces.mediaType.startsWith("text/") ? { type: "string" } : { type: "string", format: "binary" };
  const headers = route.etag ? header("ETag", "ContentDisposition") : header();
  return {
    [status]: { description: "The content", headers, content: { [produces.mediaType]: { schema } } },
    ...(route.etag ? { 304: { description: "The caller has it already", headers: header("ETag") } } : {}),
  };
}

function failuresOf(route: Route): Json {
  const groups = byStatus(errorsOf(route));
  return Object.fromEntries(
    groups
      .filter(([status]) => !route.otherStatuses.includes(status))
      .map(([status, codes]) => [
        status,
        failure(codes.map((code) => `- \`${code}\`: ${CODES[code].help}`).join("\n"), codes),
      ]),
  );
}

function failure(description: string, codes?: readonly ErrorCode[]): Json {
  const $ref = "#/components/schemas/Error";
  const one = { type: "object", properties: { error: { type: "object", properties: { code: { enum: codes } } } } };
  const passing = codes === undefined || codes.some((code) => CODES[code].status === 503);
  return {
    description,
    headers: passing ? header("RetryAfter") : header(),
    content: { "application/json": { schema: codes ? { allOf: [{ $ref }, one] } : { $ref } } },
  };
}

/** Parameters arrive as text; what they mean is the output of their schema. */
function parametersOf(fields: Fields, place: "path" | "query", example: Example | undefined): Json[] {
  return Object.entries(fields).map(([name, field]) => {
    const { description, ...schema } = schemaOf(field, "output");
    // The default is written as text, too.
    if ("default" in schema) schema.default = v.parse(field, undefined);
    const given = example?.[place === "path" ? "params" : "query"]?.[name];
    const required = place === "path";
    return {
      ...{ name, in: place, required },
      ...(description ? { description } : {}),
      schema,
      ...(given === undefined ? {} : { example: given }),
    };
  });
}

function schemaOf(schema: v.GenericSchema, typeMode: "input" | "output"): Json {
  const { $schema: _, ...json } = toJsonSchema(schema, {
    typeMode,
    target: "draft-2020-12",
    // Checks across fields have no counterpart; they are told when they fail.
    errorMode: "ignore",
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema === instant ? { type: "string", format: "date-time" } : undefined,
  });
  return json;
}

/** The schema with its titled parts moved to `schemas` and a reference in their place. */
function hoisted(json: Json, schemas: Record<string, Json>): Json {
  const inner = Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, Array.isArray(value) ? value.map(walk) : walk(value)]),
  );
  const { title, ...rest } = inner;
  if (typeof title !== "string") return inner;
  const known = schemas[title];
  if (known && !Bun.deepEquals(known, rest)) throw new Error(`two schemas are titled ${title}`);
  schemas[title] = rest;
  return { $ref: `#/components/schemas/${title}` };

  function walk(value: unknown): unknown {
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? hoisted(value as Json, schemas)
      : value;
  }
}
