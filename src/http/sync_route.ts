/** `POST /v1/ingest/sources/sync`: asks for a sync. What can be known to be impossible is refused here and makes no job. */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { enqueueSync } from "../queue/enqueue_sync.ts";
import { type ConnectionRow, connectionsOfJob, findConnectionNamed, SERVED_BY } from "../store/connections.ts";
import { ensureEnvironmentConnection } from "../store/environment_connection.ts";
import type { Caller } from "./authenticate.ts";
import { shortText, sourceType, tenantId, uuid } from "./fields.ts";
import { jsonRoute } from "./route.ts";
import { tenantNamed } from "./tenancy.ts";

/** Uploads come by themselves: there is nothing to list. */
const NOT_SYNCABLE = "FILE_UPLOAD_OBJECT";

const SyncRequest = v.strictObject({
  tenant_id: tenantId,
  source_types: v.pipe(
    v.array(sourceType),
    v.minLength(1, "must not be empty"),
    v.check((types) => new Set(types).size === types.length, "must not name a type twice"),
    v.description("Every connection of these types is synced."),
  ),
  force_reindex: v.optional(v.pipe(v.boolean(), v.description("Ingest even what is unchanged.")), false),
  connection: v.optional(v.pipe(shortText(200), v.description("Id or name of the one connection to sync."))),
  confirm_deletions: v.optional(
    v.pipe(v.boolean(), v.description("Delete although more than a quarter of a connection's sources is missing.")),
    false,
  ),
});
type SyncRequest = v.InferOutput<typeof SyncRequest>;

export const JobAccepted = { job_id: uuid, job_status: v.picklist(["queued", "processing"]) };

/** Who asked, as it stands in the job. */
export const requestedBy = (caller: Caller): string => `${caller.name} (token ${caller.tokenId})`;

export const syncRoute = jsonRoute({
  method: "post",
  path: "/v1/ingest/sources/sync",
  summary: "Sync sources; joins a sync that was asked for in the same words and has not begun",
  tag: "Ingest",
  access: "write",
  errors: [
    "connection.not_found",
    "connector.not_configured",
    "connector.not_syncable",
    "queue.full",
    "tenant.queue_full",
    "tenant.too_many_jobs",
  ],
  body: SyncRequest,
  status: 202,
  answer: v.strictObject(JobAccepted),
  async handle(call) {
    const { deps, body } = call;
    const tenant = await tenantNamed(call, body.tenant_id);
    if (body.source_types.includes(NOT_SYNCABLE))
      throw new InputError("connector.not_syncable", `${NOT_SYNCABLE} has no source that could be listed`, {
        source_types: [NOT_SYNCABLE],
      });
    await deps.intake.requireRoom();
    const { confluence } = deps.config;
    if (confluence.connection !== null && body.source_types.some((type) => type.startsWith("CONFLUENCE_")))
      await ensureEnvironmentConnection(deps.sql, tenant, confluence.tenant);
    const connections = await connectionsFor(tenant, body, call.deps.sql);
    const has = new Set<string>(connections.map((connection) => connection.sourceType));
    const missing = body.source_types.filter((type) => !has.has(type) && !has.has(SERVED_BY[type] ?? type));
    if (missing.length > 0)
      throw new InputError("connector.not_configured", `There is no connection for ${missing.join(", ")}`, {
        source_types: missing,
      });
    const { jobId, merged } = await enqueueSync(deps.sql, {
      tenantId: tenant,
      payload: {
        source_types: body.source_types,
        connection_id: body.connection === undefined ? null : connections[0]!.connectionId,
        force_reindex: body.force_reindex,
        confirm_deletions: body.confirm_deletions,
      },
      requestedBy: requestedBy(call.caller),
      correlationId: call.correlationId,
      limits: deps.config.tenantLimits,
    });
    deps.wake.ring();
    call.log.info({ job_id: jobId, source_types: body.source_types, merged }, "sync job queued");
    return { job_id: jobId, job_status: "queued" as const };
  },
});

/** Throws InputError `connection.not_found` for a connection that is named but does not exist. */
async function connectionsFor(
  tenant: string,
  body: SyncRequest,
  sql: Parameters<typeof connectionsOfJob>[0],
): Promise<ConnectionRow[]> {
  if (body.connection === undefined)
    return connectionsOfJob(sql, tenant, { source_types: body.source_types, connection_id: null });
  const connection = await findConnectionNamed(sql, tenant, body.connection);
  if (connection === null) throw new InputError("connection.not_found", `There is no connection ${body.connection}`);
  return [connection];
}
