/**
 * For which tenant a call acts: the one it names, the token's own, or the one that owns the row it asks for by id.
 * Every handler gets its tenant here and nowhere else, so that no row of another tenant can be reached.
 */
import { asSystem } from "../db/tenant_scope.ts";
import { type ErrorCode, InputError } from "../errors.ts";
import { findOwner, type OwnedKind } from "../store/tenants.ts";
import type { AppDeps } from "./app_deps.ts";
import { type Caller, tenantFor } from "./authenticate.ts";

interface Acting {
  deps: AppDeps;
  caller: Caller;
  actFor(tenantId: string): void;
}

/** Throws InputError `auth.wrong_tenant`, `request.tenant_required`, `tenant.not_found`. */
export async function tenantNamed(call: Acting, tenantId: string | undefined): Promise<string> {
  const tenant = await tenantFor(call.caller, tenantId, call.deps.sql);
  call.actFor(tenant);
  return tenant;
}

/** The tenant within which to look for a row by its id: an admin's look may lead into any tenant. */
export async function tenantOwning(call: Acting, kind: OwnedKind, id: string): Promise<string> {
  const tenant = call.caller.tenantId ?? (await findOwner(asSystem(call.deps.sql), kind, id));
  if (tenant === null) throw notFound(kind, id);
  call.actFor(tenant);
  return tenant;
}

const NOT_FOUND: Record<OwnedKind, ErrorCode> = {
  job: "job.not_found",
  document: "document.not_found",
  connection: "connection.not_found",
  webhook: "webhook.not_found",
};

/** Says no more than that the caller can see no such row. */
export const notFound = (kind: OwnedKind, id: string): InputError =>
  new InputError(NOT_FOUND[kind], `There is no ${kind} ${id}`);

/** The row, or the 404 of its kind. */
export function found<T>(row: T | null, kind: OwnedKind, id: string): T {
  if (row === null) throw notFound(kind, id);
  return row;
}
