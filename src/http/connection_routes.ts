/**
 * Connections over HTTP. What a configuration may hold is known to the connector of its type alone, which is asked
 * before anything is saved; which types can be connected at all stands in connectable.ts.
 */
import * as v from "valibot";
import type { JsonObject, SourceType } from "../connector/connector.ts";
import { InputError } from "../errors.ts";
import {
  type ConnectionRow,
  deleteConnection,
  findConnection,
  insertConnection,
  listConnections,
  updateConnection,
} from "../store/connections.ts";
import { ConnectionConfig, refuseUnconnectable } from "./connectable.ts";
import { ConnectionSecrets, fittingSecrets, refuseOldSecretsAt, sealSecrets } from "./connection_secrets.ts";
import { decodeCursor, IdKey, pageOf } from "./cursor.ts";
import {
  instant,
  jsonObject,
  nextCursor,
  pageCursor,
  pageLimit,
  shortText,
  sourceType,
  tenantFilter,
  tenantId,
  uuid,
} from "./fields.ts";
import { jsonRoute, plainRoute } from "./route.ts";
import { found, tenantNamed, tenantOwning } from "./tenancy.ts";
import { tryConnection } from "./try_connection.ts";

const Connection = v.pipe(
  v.strictObject({
    connection_id: uuid,
    tenant_id: uuid,
    source_type: sourceType,
    name: v.string(),
    config: jsonObject,
    has_secrets: v.boolean(),
    created_at: instant,
    updated_at: instant,
  }),
  v.title("Connection"),
);

const connectionAnswer = (row: ConnectionRow): v.InferInput<typeof Connection> => ({
  connection_id: row.connectionId,
  tenant_id: row.tenantId,
  source_type: row.sourceType,
  name: row.name,
  config: row.config,
  has_secrets: row.secrets !== null,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});

const duplicate = (name: string): InputError =>
  new InputError("connection.duplicate_name", `There is a connection named ${name}`, { name });

const id = { id: uuid };
const tag = "Connections";
/** Why a connection cannot be saved. */
const UNSAVED = [
  "connection.duplicate_name",
  "connection.no_secret_key",
  "connector.bad_config",
  "connector.not_configured",
  "connector.root_missing",
  "connector.root_not_allowed",
] as const;

const create = jsonRoute({
  method: "post",
  path: "/v1/connections",
  summary: "Create a connection",
  tag,
  access: "write",
  errors: [...UNSAVED, "connector.not_available"],
  body: v.strictObject({
    tenant_id: tenantId,
    source_type: sourceType,
    name: shortText(200),
    config: ConnectionConfig,
    secrets: v.optional(ConnectionSecrets),
  }),
  status: 201,
  answer: Connection,
  async handle(call) {
    const { deps, body } = call;
    const tenant = await tenantNamed(call, body.tenant_id);
    refuseUnconnectable(body.source_type);
    const config = body.config as JsonObject;
    const secrets = body.secrets && fittingSecrets(config.kind, body.secrets);
    // Those of Confluence may come later; a bucket without any is read with the operator's.
    await deps.validateConnectionConfig(body.source_type, config, secrets ?? (config.kind === "s3" ? {} : undefined));
    const connectionId = Bun.randomUUIDv7();
    const row = await insertConnection(deps.sql, {
      tenantId: tenant,
      connectionId,
      sourceType: body.source_type,
      name: body.name,
      config,
      secrets: secrets ? sealSecrets(deps.config, connectionId, secrets) : null,
    });
    if (row === null) throw duplicate(body.name);
    return connectionAnswer(row);
  },
});

const list = jsonRoute({
  method: "get",
  path: "/v1/connections",
  summary: "List connections, newest first",
  tag,
  access: "read",
  query: { tenant_id: tenantFilter, limit: pageLimit(50, 500), cursor: pageCursor },
  answer: v.strictObject({ connections: v.array(Connection), next_cursor: nextCursor }),
  async handle(call) {
    const { limit, cursor } = call.query;
    const after = decodeCursor(IdKey, cursor)?.[0] ?? null;
    const tenant = await tenantNamed(call, call.query.tenant_id);
    const rows = await listConnections(call.deps.sql, tenant, limit + 1, after);
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.connectionId]);
    return { connections: page.map(connectionAnswer), next_cursor };
  },
});

const get = jsonRoute({
  method: "get",
  path: "/v1/connections/{id}",
  summary: "Get a connection",
  tag,
  access: "read",
  params: id,
  answer: Connection,
  async handle(call) {
    const tenant = await tenantOwning(call, "connection", call.params.id);
    return connectionAnswer(
      found(await findConnection(call.deps.sql, tenant, call.params.id), "connection", call.params.id),
    );
  },
});

const change = jsonRoute({
  method: "patch",
  path: "/v1/connections/{id}",
  summary: "Change the name, the configuration or the secrets of a connection",
  tag,
  access: "write",
  errors: [...UNSAVED, "connection.secrets_required"],
  params: id,
  body: v.pipe(
    v.strictObject({
      name: v.optional(shortText(200)),
      config: v.optional(ConnectionConfig),
      secrets: v.optional(
        v.pipe(v.nullable(ConnectionSecrets), v.description("Replace all that were saved; null removes them.")),
      ),
    }),
    v.check(
      (body) => body.name !== undefined || body.config !== undefined || body.secrets !== undefined,
      "must name something to change",
    ),
  ),
  answer: Connection,
  async handle(call) {
    const { deps, body } = call;
    const connectionId = call.params.id;
    const tenant = await tenantOwning(call, "connection", connectionId);
    const before = found(await findConnection(deps.sql, tenant, connectionId), "connection", connectionId);
    const config = body.config as JsonObject | undefined;
    const given = body.secrets && fittingSecrets((config ?? before.config).kind, body.secrets);
    if (config !== undefined)
      await deps.validateConnectionConfig(before.sourceType as SourceType, config, given ?? undefined);
    if (config !== undefined && given === undefined) refuseOldSecretsAt(config, before);
    const secrets = given && sealSecrets(deps.config, connectionId, given);
    const change = { name: body.name, config, secrets };
    const row = await updateConnection(deps.sql, tenant, connectionId, change).catch((error: unknown) => {
      // 23505 unique_violation: the name is the only thing here that must be unique.
      if (error instanceof Error && "code" in error && error.code === "23505") throw duplicate(body.name ?? "");
      throw error;
    });
    return connectionAnswer(found(row, "connection", connectionId));
  },
});

const remove = plainRoute({
  method: "delete",
  path: "/v1/connections/{id}",
  summary: "Delete a connection; its documents stay",
  tag,
  access: "write",
  params: id,
  mediaType: null,
  async handle(call) {
    const tenant = await tenantOwning(call, "connection", call.params.id);
    const gone = await deleteConnection(call.deps.sql, tenant, call.params.id);
    found(gone ? true : null, "connection", call.params.id);
    return new Response(null, { status: 204 });
  },
});

const test = jsonRoute({
  method: "post",
  path: "/v1/connections/{id}/test",
  summary: "Try what a sync would need, without reading content; what fails is part of the answer",
  tag,
  access: "write",
  params: id,
  answer: v.strictObject({
    ok: v.boolean(),
    checks: v.array(
      v.strictObject({ name: v.string(), ok: v.boolean(), message: v.string(), code: v.optional(v.string()) }),
    ),
  }),
  async handle({ deps, params, request, ...call }) {
    const tenant = await tenantOwning({ deps, ...call }, "connection", params.id);
    found(await findConnection(deps.sql, tenant, params.id), "connection", params.id);
    return tryConnection(() => deps.openConnector(tenant, params.id), request.signal);
  },
});

export const connectionRoutes = [create, list, get, change, remove, test];
