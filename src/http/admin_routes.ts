/** Tenants and tokens over HTTP, for admins; the command line does the same on the database itself. */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { setLimits } from "../store/tenant_limits.ts";
import { createTenant, findTenant, listTenants, type Tenant } from "../store/tenants.ts";
import { createToken, listTokens, revokeToken, TOKEN_SCOPES, type Token } from "../store/tokens.ts";
import { invalidField } from "./check.ts";
import { decodeCursor, IdKey, pageOf } from "./cursor.ts";
import { instant, instantNamed, nextCursor, pageCursor, pageLimit, shortText, uuid } from "./fields.ts";
import { jsonRoute, plainRoute } from "./route.ts";
import { tenantNamed } from "./tenancy.ts";

const limit = v.exactOptional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))));
const Limits = v.pipe(
  v.strictObject({ open_jobs: limit, queued_items: limit, upload_bytes_per_day: limit, requests_per_minute: limit }),
  v.description("The tenant's own limits: null is none; one that is left out is the installation's default."),
);
const TenantAnswer = v.pipe(
  v.strictObject({ tenant_id: uuid, name: v.string(), created_at: instant, limits: Limits }),
  v.title("Tenant"),
);
const tenantAnswer = (tenant: Tenant): v.InferInput<typeof TenantAnswer> => ({
  tenant_id: tenant.tenantId,
  name: tenant.name,
  created_at: tenant.createdAt,
  limits: tenant.limits,
});

const scope = v.picklist(TOKEN_SCOPES, `must be one of ${TOKEN_SCOPES.join(", ")}`);

const tokenFields = {
  token_id: uuid,
  tenant_id: v.nullable(uuid),
  name: v.string(),
  scope,
  state: v.picklist(["valid", "expired", "revoked"]),
  created_at: instant,
  expires_at: v.nullable(instant),
  revoked_at: v.nullable(instant),
  last_used_at: v.nullable(instant),
};
const TokenAnswer = v.pipe(v.strictObject(tokenFields), v.title("Token"));
const tokenAnswer = (token: Token): v.InferInput<typeof TokenAnswer> => ({
  token_id: token.tokenId,
  tenant_id: token.tenantId,
  name: token.name,
  scope: token.scope,
  state: token.state,
  created_at: token.createdAt,
  expires_at: token.expiresAt,
  revoked_at: token.revokedAt,
  last_used_at: token.lastUsedAt,
});

const tag = "Administration";

const makeTenant = jsonRoute({
  method: "post",
  path: "/v1/tenants",
  summary: "Create a tenant",
  tag,
  access: "admin",
  errors: ["tenant.duplicate_name"],
  body: v.strictObject({ name: shortText(200) }),
  status: 201,
  answer: TenantAnswer,
  handle: async ({ deps, body }) => tenantAnswer(await createTenant(deps.sql, body.name)),
});

const tenants = jsonRoute({
  method: "get",
  path: "/v1/tenants",
  summary: "List tenants by name",
  tag,
  access: "admin",
  query: { limit: pageLimit(50, 500), cursor: pageCursor },
  answer: v.strictObject({ tenants: v.array(TenantAnswer), next_cursor: nextCursor }),
  async handle({ deps, query: { limit, cursor } }) {
    const after = decodeCursor(IdKey, cursor)?.[0] ?? null;
    const rows = await listTenants(deps.sql, { limit: limit + 1, after });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.tenantId]);
    return { tenants: page.map(tenantAnswer), next_cursor };
  },
});

const changeTenant = jsonRoute({
  method: "patch",
  path: "/v1/tenants/{id}",
  summary: "Set a tenant's limits, all of them anew",
  tag,
  access: "admin",
  errors: ["tenant.not_found"],
  params: { id: uuid },
  body: v.strictObject({ limits: Limits }),
  answer: TenantAnswer,
  async handle({ deps, params, body, actFor }) {
    const tenant = (await setLimits(deps.sql, params.id, body.limits)) ? await findTenant(deps.sql, params.id) : null;
    if (tenant === null) throw new InputError("tenant.not_found", `There is no tenant ${params.id}`);
    actFor(tenant.tenantId);
    return tenantAnswer(tenant);
  },
});

const makeToken = jsonRoute({
  method: "post",
  path: "/v1/tokens",
  summary: "Create a token; its text is shown this once",
  tag,
  access: "admin",
  errors: ["request.tenant_required"],
  body: v.strictObject({
    tenant_id: v.optional(v.pipe(uuid, v.description("Of every token but an admin's."))),
    name: shortText(200),
    scope,
    expires_at: v.optional(instantNamed),
  }),
  status: 201,
  answer: v.strictObject({ ...tokenFields, token: v.string() }),
  async handle(call) {
    const { body } = call;
    const admin = body.scope === "admin";
    if (admin && body.tenant_id !== undefined) throw invalidField("tenant_id", "an admin token belongs to no tenant");
    const expiresAt = body.expires_at ?? null;
    if (expiresAt && expiresAt.getTime() <= Date.now()) throw invalidField("expires_at", "must be in the future");
    const tenantId = admin ? null : await tenantNamed(call, body.tenant_id);
    const created = await createToken(call.deps.sql, { tenantId, name: body.name, scope: body.scope, expiresAt });
    return { ...tokenAnswer(created), token: created.token };
  },
});

const tokens = jsonRoute({
  method: "get",
  path: "/v1/tokens",
  summary: "List tokens, newest first",
  tag,
  access: "admin",
  query: {
    tenant_id: v.optional(v.pipe(uuid, v.description("Of this tenant only; else of all, and the admins'."))),
    limit: pageLimit(50, 500),
    cursor: pageCursor,
  },
  answer: v.strictObject({ tokens: v.array(TokenAnswer), next_cursor: nextCursor }),
  async handle(call) {
    const { tenant_id: named, limit, cursor } = call.query;
    const after = decodeCursor(IdKey, cursor)?.[0] ?? null;
    const tenantId = named === undefined ? null : await tenantNamed(call, named);
    const rows = await listTokens(call.deps.sql, tenantId, { limit: limit + 1, after });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.tokenId]);
    return { tokens: page.map(tokenAnswer), next_cursor };
  },
});

const endToken = plainRoute({
  method: "delete",
  path: "/v1/tokens/{id}",
  summary: "Revoke a token",
  tag,
  access: "admin",
  params: { id: uuid },
  mediaType: null,
  async handle({ deps, params }) {
    if (!(await revokeToken(deps.sql, params.id)))
      throw new InputError("token.not_found", `There is no unrevoked token ${params.id}`);
    return new Response(null, { status: 204 });
  },
});

export const adminRoutes = [makeTenant, tenants, changeTenant, makeToken, tokens, endToken];
