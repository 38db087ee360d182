/** Webhooks over HTTP: set, look at, delete and try them. What they are sent is decided in worker/webhook_send.ts. */
import { randomBytes } from "node:crypto";
import * as v from "valibot";
import { AddressGuard } from "../connector/address_guard.ts";
import { InputError, PermanentError, TransientError } from "../errors.ts";
import { DELIVERY_STATUSES, listDeliveries } from "../store/webhook_deliveries.ts";
import {
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  openWebhookSecret,
  sealedSecretOf,
  sealWebhookSecret,
  type Webhook,
} from "../store/webhooks.ts";
import { sendMessage } from "../worker/webhook_send.ts";
import { decodeCursor, IdKey, NewestKey, pageOf } from "./cursor.ts";
import {
  count,
  instant,
  nextCursor,
  pageCursor,
  pageLimit,
  shortText,
  tenantFilter,
  tenantId,
  uuid,
} from "./fields.ts";
import { jsonRoute, plainRoute } from "./route.ts";
import { found, notFound, tenantNamed, tenantOwning } from "./tenancy.ts";

const webhookFields = {
  webhook_id: uuid,
  tenant_id: uuid,
  connection_id: v.nullable(v.pipe(uuid, v.description("Told only of syncs of this connection; null: of all jobs."))),
  url: v.string(),
  created_at: instant,
  deliveries: v.pipe(
    v.strictObject({ pending: count, delivered: count, failed: count }),
    v.description("How many of the last 30 days."),
  ),
};
const WebhookAnswer = v.pipe(v.strictObject(webhookFields), v.title("Webhook"));

const answerOf = (webhook: Webhook): v.InferInput<typeof WebhookAnswer> => ({
  webhook_id: webhook.webhookId,
  tenant_id: webhook.tenantId,
  connection_id: webhook.connectionId,
  url: webhook.url,
  created_at: webhook.createdAt,
  deliveries: webhook.deliveries,
});

const id = { id: uuid };
const tag = "Webhooks";

const create = jsonRoute({
  method: "post",
  path: "/v1/webhooks",
  summary: "Have an address told whenever a job ends; its secret is shown this once",
  tag,
  access: "write",
  errors: ["connection.not_found", "connection.no_secret_key", "webhook.bad_url", "webhook.address_refused"],
  body: v.strictObject({
    tenant_id: tenantId,
    url: shortText(2000),
    connection_id: v.optional(v.pipe(uuid, v.description("Only syncs of this connection."))),
    secret: v.optional(
      v.pipe(
        v.string(),
        v.minLength(16, "must have at least 16 characters"),
        v.maxLength(200, "must have at most 200 characters"),
        v.regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters"),
        v.description("Signs what is sent; made when left out."),
      ),
    ),
  }),
  status: 201,
  answer: v.strictObject({ ...webhookFields, secret: v.string() }),
  async handle(call) {
    const { deps, body } = call;
    const tenant = await tenantNamed(call, body.tenant_id);
    const url = await acceptUrl(body.url, deps.config.webhooks.allowPrivateNetwork);
    const webhookId = Bun.randomUUIDv7();
    const secret = body.secret ?? `whsec_${randomBytes(32).toString("base64url")}`;
    const created = await insertWebhook(deps.sql, {
      tenantId: tenant,
      webhookId,
      connectionId: body.connection_id ?? null,
      url,
      secret: sealWebhookSecret(deps.config.secretKey, webhookId, secret),
    });
    return { ...answerOf(found(created, "connection", body.connection_id ?? "")), secret };
  },
});

/** Throws InputError `webhook.bad_url`, `webhook.address_refused`. A name that cannot be resolved now may be later. */
async function acceptUrl(given: string, allowPrivate: boolean): Promise<string> {
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.hash)
    throw new InputError("webhook.bad_url", "The url is no address that could be called");
  await new AddressGuard(allowPrivate).reach(url).catch((error: unknown) => {
    if (error instanceof PermanentError) throw new InputError("webhook.address_refused", error.message, error.details);
    if (!(error instanceof TransientError)) throw error;
  });
  return url.href;
}

const list = jsonRoute({
  method: "get",
  path: "/v1/webhooks",
  summary: "List webhooks, newest first",
  tag,
  access: "read",
  query: { tenant_id: tenantFilter, limit: pageLimit(50, 500), cursor: pageCursor },
  answer: v.strictObject({ webhooks: v.array(WebhookAnswer), next_cursor: nextCursor }),
  async handle(call) {
    const { limit, cursor } = call.query;
    const after = decodeCursor(IdKey, cursor)?.[0] ?? null;
    const tenant = await tenantNamed(call, call.query.tenant_id);
    const rows = await listWebhooks(call.deps.sql, tenant, limit + 1, after);
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.webhookId]);
    return { webhooks: page.map(answerOf), next_cursor };
  },
});

const get = jsonRoute({
  method: "get",
  path: "/v1/webhooks/{id}",
  summary: "Get a webhook",
  tag,
  access: "read",
  params: id,
  answer: WebhookAnswer,
  handle: async (call) => answerOf((await webhookOf(call)).webhook),
});

const remove = plainRoute({
  method: "delete",
  path: "/v1/webhooks/{id}",
  summary: "Delete a webhook with its deliveries",
  tag,
  access: "write",
  params: id,
  mediaType: null,
  async handle(call) {
    const tenant = await tenantOwning(call, "webhook", call.params.id);
    if (!(await deleteWebhook(call.deps.sql, tenant, call.params.id))) throw notFound("webhook", call.params.id);
    return new Response(null, { status: 204 });
  },
});

const test = jsonRoute({
  method: "post",
  path: "/v1/webhooks/{id}/test",
  summary: "Send the event webhook.test now, once; what fails is part of the answer",
  tag,
  access: "write",
  errors: ["connection.no_secret_key", "connector.secrets_unreadable"],
  params: id,
  answer: v.strictObject({
    ok: v.boolean(),
    status: v.nullable(v.pipe(v.number(), v.integer(), v.description("What the receiver answered."))),
    code: v.nullable(v.string()),
    message: v.nullable(v.string()),
    ms: count,
  }),
  async handle(call) {
    const { sql, config } = call.deps;
    const { tenant, webhook } = await webhookOf(call);
    const sealed = found(await sealedSecretOf(sql, tenant, webhook.webhookId), "webhook", webhook.webhookId);
    return sendMessage(
      { url: webhook.url, secret: openWebhookSecret(config.secretKey, webhook.webhookId, sealed) },
      {
        event: "webhook.test",
        delivery_id: Bun.randomUUIDv7(),
        webhook_id: webhook.webhookId,
        tenant_id: tenant,
        job: null,
      },
      new AddressGuard(config.webhooks.allowPrivateNetwork),
      call.request.signal,
    );
  },
});

const Delivery = v.pipe(
  v.strictObject({
    delivery_id: uuid,
    job_id: uuid,
    delivery_status: v.picklist(DELIVERY_STATUSES),
    attempt: count,
    response_status: v.nullable(v.pipe(v.number(), v.integer())),
    error_code: v.nullable(v.string()),
    error_message: v.nullable(v.string()),
    created_at: instant,
    next_attempt_at: v.nullable(instant),
    finished_at: v.nullable(instant),
  }),
  v.title("Delivery"),
);

const deliveries = jsonRoute({
  method: "get",
  path: "/v1/webhooks/{id}/deliveries",
  summary: "List what a webhook was told, newest first",
  tag,
  access: "read",
  params: id,
  query: {
    status: v.optional(v.picklist(DELIVERY_STATUSES, `must be one of ${DELIVERY_STATUSES.join(", ")}`)),
    limit: pageLimit(50, 500),
    cursor: pageCursor,
  },
  answer: v.strictObject({
    deliveries: v.array(Delivery),
    next_cursor: nextCursor,
  }),
  async handle(call) {
    const { status, limit, cursor } = call.query;
    const position = decodeCursor(NewestKey, cursor);
    const { tenant } = await webhookOf(call);
    const webhook = { tenantId: tenant, webhookId: call.params.id };
    const rows = await listDeliveries(call.deps.sql, webhook, { status: status ?? null, limit: limit + 1, position });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.exact_created_at, row.delivery_id]);
    return { deliveries: page.map(({ exact_created_at: _, ...row }) => row), next_cursor };
  },
});

type CallById = Parameters<typeof tenantOwning>[0] & { params: { id: string } };

async function webhookOf(call: CallById): Promise<{ tenant: string; webhook: Webhook }> {
  const tenant = await tenantOwning(call, "webhook", call.params.id);
  const webhook = found(await findWebhook(call.deps.sql, tenant, call.params.id), "webhook", call.params.id);
  return { tenant, webhook };
}

export const webhookRoutes = [create, list, get, remove, test, deliveries];
