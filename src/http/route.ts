/**
 * What a route is: one value that holds its path, who may call it, what it takes, what it answers and the handler. The
 * app is built from these and so is the API description; neither can know a route that the other lacks.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { asSystem, asTenant, inScope, type Scope } from "../db/tenant_scope.ts";
import type { ErrorCode } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AppEnv, Deps } from "./app_deps.ts";
import { type Access, authenticate, authorise, type Caller, NOBODY } from "./authenticate.ts";
import { check, invalidField } from "./check.ts";
import { type Once, onceFor } from "./idempotency.ts";
import { readJson } from "./read_json.ts";

/** Fields of a path or a query string. */
export type Fields = Record<string, v.GenericSchema>;
export type NoFields = Record<never, never>;
type Checked<F extends Fields> = v.InferOutput<v.StrictObjectSchema<F, undefined>>;

/** A request whose parts have been checked, and everything that a handler may use. */
export interface Call<P extends Fields, Q extends Fields, B extends v.GenericSchema> {
  deps: Deps;
  params: Checked<P>;
  query: Checked<Q>;
  body: v.InferOutput<B>;
  caller: Caller;
  correlationId: string;
  log: Log;
  request: Request;
  /** Notes for whom the request acts, for the access log. */
  actFor(tenantId: string): void;
  /** Heeds the Idempotency-Key; a handler needs it only where it reads the body by itself. */
  once: Once;
}

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** What the API description says of a route beside its schemas. */
interface About {
  method: Method;
  /** As in the API description: `/v1/jobs/{id}`. */
  path: string;
  summary: string;
  tag: string;
  access: Access;
  /** What it may refuse with beside the codes that follow from its parts (openapi_errors.ts). */
  errors?: readonly ErrorCode[];
  /** Names its content by an ETag and heeds If-None-Match. */
  etag?: boolean;
}

/** What an answer is: JSON of a schema, bytes of a media type, or nothing. */
export type Produces = { schema: v.GenericSchema } | { mediaType: string } | null;

/** A route with its types erased: what the app and the API description work with. */
export interface Route extends About {
  params: Fields;
  query: Fields;
  /** A JSON body, or the fields of a multipart one. */
  body: v.GenericSchema | null;
  bodyType: "application/json" | "multipart/form-data";
  status: number;
  /** With the same JSON. */
  otherStatuses: readonly number[];
  produces: Produces;
  /** Whether it takes an Idempotency-Key: every POST that changes something does. */
  keyed: boolean;
  handle(context: Context<AppEnv>, deps: Deps): Promise<Response>;
}

interface Taking<P extends Fields, Q extends Fields, B extends v.GenericSchema> extends About {
  params?: P;
  query?: Q;
  body?: B;
  /** Fields of a multipart body, which the handler reads by itself. */
  multipart?: v.GenericSchema;
}

/** A route that answers JSON of the schema `answer`. */
export function jsonRoute<
  A extends v.GenericSchema,
  P extends Fields = NoFields,
  Q extends Fields = NoFields,
  B extends v.GenericSchema = v.GenericSchema<undefined>,
>(
  spec: Taking<P, Q, B> & {
    status?: 200 | 201 | 202;
    answer: A;
    /** Where the answer itself decides the status: `status` or one of these. */
    otherStatuses?: readonly number[];
    statusOf?(answer: v.InferInput<A>): number;
    handle(call: Call<P, Q, B>): Promise<v.InferInput<A>>;
  },
): Route {
  const status = spec.status ?? 200;
  const { otherStatuses = [] } = spec;
  return routeOf(spec, { status, otherStatuses, produces: { schema: spec.answer } }, async (call) => {
    const answer = await (spec.multipart ? spec.handle(call) : call.once(call.body, () => spec.handle(call)));
    return Response.json(answer, { status: spec.statusOf?.(answer) ?? status });
  });
}

/** A route whose handler makes the answer itself: bytes of `mediaType`, or with null nothing at all. */
export function plainRoute<
  P extends Fields = NoFields,
  Q extends Fields = NoFields,
  B extends v.GenericSchema = v.GenericSchema<undefined>,
>(spec: Taking<P, Q, B> & { mediaType: string | null; handle(call: Call<P, Q, B>): Promise<Response> }): Route {
  const produces: Produces = spec.mediaType === null ? null : { mediaType: spec.mediaType };
  return routeOf(spec, { status: produces ? 200 : 204, otherStatuses: [], produces }, (call) => spec.handle(call));
}

function routeOf<P extends Fields, Q extends Fields, B extends v.GenericSchema>(
  spec: Taking<P, Q, B>,
  answer: Pick<Route, "status" | "otherStatuses" | "produces">,
  respond: (call: Call<P, Q, B>) => Promise<Response>,
): Route {
  const { method, path, summary, tag, access, errors = [], etag = false } = spec;
  const keyed = method === "post" && (access === "write" || access === "admin");
  const params = v.strictObject((spec.params ?? {}) as P);
  const query = v.strictObject((spec.query ?? {}) as Q);
  return {
    ...{ method, path, summary, tag, access, errors, etag, keyed },
    params: spec.params ?? {},
    query: spec.query ?? {},
    body: spec.body ?? spec.multipart ?? null,
    bodyType: spec.multipart ? "multipart/form-data" : "application/json",
    ...answer,
    async handle(context, deps) {
      const caller = access === "public" ? NOBODY : await admit(context, deps, access);
      const request = context.req.raw;
      const instead = context.get("instead");
      let scope: Scope | null = access === "admin" ? "system" : ofCaller(caller);
      const sql = inScope(deps.sql, () => scope);
      const log = context.get("log");
      let replayed = false;
      const onReplay = () => {
        replayed = true;
      };
      const response = await respond({
        deps: { ...deps, sql },
        caller,
        request,
        correlationId: context.get("correlationId"),
        log,
        once: keyed
          ? onceFor({ request, caller, sql: keysOf(deps.sql, caller), log, onReplay })
          : (_said, work) => work(),
        params: check(params, context.req.param(), "path"),
        query: check(query, instead?.body ? {} : singleValues(context.req.queries()), "query string"),
        body: spec.body ? check(spec.body, instead?.body ?? (await readJson(request)), "body") : undefined,
        actFor(tenantId) {
          if (access !== "admin") scope = { tenantId };
          context.set("tenantId", tenantId);
        },
      });
      if (replayed) response.headers.set("idempotency-replayed", "true");
      return response;
    },
  };
}

/** An admin acts for no tenant until the request names one. */
const ofCaller = ({ tenantId }: Caller): Scope | null => (tenantId === null ? null : { tenantId });

/** Idempotency keys are the caller's, whoever the request acts for. */
const keysOf = (sql: Deps["sql"], { tenantId }: Caller): Deps["sql"] =>
  tenantId === null ? asSystem(sql) : asTenant(sql, tenantId);

/** Before anything of the request is read. */
async function admit(context: Context<AppEnv>, deps: Deps, access: Access): Promise<Caller> {
  const caller =
    context.get("instead")?.caller ?? (await authenticate(context.req.raw.headers, deps, context.env?.address));
  context.set("tokenId", caller.tokenId);
  context.set("tenantId", caller.tenantId);
  if (caller.tenantId !== null && caller.limits) {
    const { requests_per_minute: perMinute } = { ...deps.config.tenantLimits, ...caller.limits };
    if (perMinute !== null) deps.pace.take(caller.tenantId, perMinute);
  }
  authorise(caller, access);
  return caller;
}

/** An empty value is none (`?status=`); a repeated one is a mistake that must not be passed over. */
function singleValues(queries: Record<string, string[]>): Record<string, string> {
  const single: Record<string, string> = {};
  for (const [name, values] of Object.entries(queries)) {
    if (values.length > 1) throw invalidField(name, "must be given once");
    if (values[0]) single[name] = values[0];
  }
  return single;
}
