/**
 * What every page works with: who looks, at which tenant, and the process around it. Whom a visitor may see is decided
 * by the same functions as in the API (http/tenancy.ts), which take a visit for a call.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { asSystem, inScope } from "../db/tenant_scope.ts";
import { InputError } from "../errors.ts";
import type { AppEnv, Deps } from "../http/app_deps.ts";
import type { Caller } from "../http/authenticate.ts";
import { check } from "../http/check.ts";
import type { Fields } from "../http/route.ts";
import { notFound, tenantNamed, tenantOwning } from "../http/tenancy.ts";
import { findSession, type Session } from "../store/console_sessions.ts";
import { listTenants, type OwnedKind, type Tenant } from "../store/tenants.ts";

export interface Visit {
  context: Context<AppEnv>;
  deps: Deps;
  caller: Caller;
  session: Session;
  /** Of the session. */
  secret: string;
  /** The tenant shown; null only where an admin finds none at all. */
  tenant: { tenantId: string; name: string } | null;
  /** Those that an admin may choose from; empty for others. */
  tenants: Tenant[];
  actFor(tenantId: string): void;
}

/** Null when the session is unknown or over. */
export async function visitOf(context: Context<AppEnv>, deps: Deps, secret: string): Promise<Visit | null> {
  const session = await findSession(asSystem(deps.sql), secret);
  if (session === null) return null;
  const { tokenId, name, scope, tenantId } = session;
  context.set("tokenId", tokenId);
  context.set("tenantId", tenantId);
  const tenants = scope === "admin" ? await listTenants(asSystem(deps.sql)) : [];
  let acting = tenantId;
  const sql = inScope(deps.sql, () => (acting === null ? null : { tenantId: acting }));
  return {
    ...{ context, deps: { ...deps, sql }, session, secret, tenants },
    caller: { tokenId, name, scope, tenantId },
    tenant: session.shown ?? tenants[0] ?? null,
    actFor(named) {
      acting = named;
      context.set("tenantId", named);
    },
  };
}

/** The tenant whose lists are shown. Throws InputError `request.tenant_required` where there is none. */
export const shownTenant = (visit: Visit): Promise<string> => tenantNamed(visit, visit.tenant?.tenantId);

const isUuid = (text: string | null): text is string => v.is(v.pipe(v.string(), v.uuid()), text);

/** The tenant that a visitor named. Throws as the API does for one that is not theirs or does not exist. */
export async function tenantNamedBy(visit: Visit, named: string | null): Promise<string> {
  if (!isUuid(named)) throw new InputError("tenant.not_found", "There is no such tenant");
  return tenantNamed(visit, named);
}

/**
 * The id in the path and the tenant that owns what it names; the page shows that tenant from here on. What is no id
 * names nothing: 404, as for a row of another tenant.
 */
export async function ownedById(visit: Visit, kind: OwnedKind): Promise<{ id: string; tenantId: string }> {
  const id = visit.context.req.param("id") ?? "";
  if (!isUuid(id)) throw notFound(kind, id);
  const tenantId = await tenantOwning(visit, kind, id);
  visit.tenant = visit.tenants.find((tenant) => tenant.tenantId === tenantId) ?? visit.tenant;
  return { id, tenantId };
}

/** The query string, checked; parameters that are empty or not asked for are passed over. */
export function queryOf<F extends Fields>(visit: Visit, fields: F): v.InferOutput<v.ObjectSchema<F, undefined>> {
  const given = [...new URL(visit.context.req.url).searchParams].filter(([, value]) => value !== "");
  return check(v.object(fields), Object.fromEntries(given), "query string");
}

export const mayWrite = (visit: Visit): boolean => visit.caller.scope !== "read";
