/**
 * The API description (OpenAPI 3.1), made from the routes themselves: their schemas check the requests and describe
 * them, so the two cannot differ.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { instant } from "./fields.ts";
import type { Fields, Route } from "./route.ts";

type Json = Record<string, unknown>;

const ErrorEnvelope = v.strictObject({
  error: v.strictObject({
    code: v.pipe(v.string(), v.description("stage.reason")),
    message: v.string(),
    details: v.record(v.string(), v.unknown()),
    correlation_id: v.string(),
    retryable: v.boolean(),
    timestamp: instant,
  }),
});

/** The whole description, ready to be sent. */
export function describeApi(routes: readonly Route[], version: string): Json & { openapi: string } {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Sluice", version, description: "Keeps a company's documents searchable in its own Postgres." },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Error: schemaOf(ErrorEnvelope, "output") },
    },
  };
}

function operationOf(route: Route): Json {
  const failure = {
    description: "What went wrong",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  return {
    summary: route.summary,
    tags: [route.tag],
    ...(route.access === "public" ? { security: [] } : { description: `Needs a token of scope ${route.access}.` }),
    parameters: [...parametersOf(route.params, "path"), ...parametersOf(route.query, "query")],
    ...(route.body
      ? { requestBody: { required: true, content: { [route.bodyType]: { schema: schemaOf(route.body, "input") } } } }
      : {}),
    responses: { [route.status]: answerOf(route), default: failure },
  };
}

function answerOf({ produces }: Route): Json {
  if (produces === null) return { description: "Done" };
  if ("schema" in produces)
    return {
      description: "The answer",
      content: { "application/json": { schema: schemaOf(produces.schema, "output") } },
    };
  const schema = produces.mediaType.startsWith("text/") ? { type: "string" } : { type: "string", format: "binary" };
  return { description: "The content", content: { [produces.mediaType]: { schema } } };
}

/** Parameters arrive as text; what they mean is the output of their schema. */
function parametersOf(fields: Fields, place: "path" | "query"): Json[] {
  return Object.entries(fields).map(([name, field]) => {
    const { description, ...schema } = schemaOf(field, "output");
    // The default is written as text, too.
    if ("default" in schema) schema.default = v.parse(field, undefined);
    return { name, in: place, required: place === "path", ...(description ? { description } : {}), schema };
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
