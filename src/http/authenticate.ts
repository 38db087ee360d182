/**
 * Who calls and what they may do. A bearer token belongs to one tenant (scopes read and write) or is an admin's, who may
 * act for any tenant that exists. Rows of another tenant do not exist for a caller: asking for one by id is a 404.
 */
import type { Sql } from "postgres";
import { asSystem } from "../db/tenant_scope.ts";
import { InputError } from "../errors.ts";
import type { OwnLimits } from "../store/tenant_limits.ts";
import { tenantExists } from "../store/tenants.ts";
import { lookUpToken, type TokenScope } from "../store/tokens.ts";
import type { Guesses } from "./guesses.ts";

/** Lowest scope that a route asks for. */
export type Access = "public" | "read" | "write" | "admin";

export interface Caller {
  tokenId: string;
  name: string;
  scope: TokenScope;
  /** Null for admins. */
  tenantId: string | null;
  /** Of its tenant; a visitor of the console has none. */
  limits?: OwnLimits;
}

/** Who calls a public route: somebody without any tenant or right. */
export const NOBODY: Caller = {
  tokenId: "",
  name: "nobody",
  scope: "read",
  tenantId: "00000000-0000-0000-0000-000000000000",
};

/**
 * `address`: the client's. Throws InputError `auth.missing`, `auth.invalid`, `auth.expired`, `auth.revoked`, SnoozeError
 * `auth.too_many_guesses`.
 */
export async function authenticate(
  headers: Headers,
  { sql, guesses }: { sql: Sql; guesses: Guesses },
  address: string | undefined,
): Promise<Caller> {
  const header = headers.get("authorization");
  if (header === null) throw new InputError("auth.missing", "The request has no bearer token");
  const token = /^Bearer +([^\s]{1,200})$/i.exec(header)?.[1];
  guesses.check(address, token ?? "");
  const found = token === undefined ? null : await lookUpToken(asSystem(sql), token);
  if (token === undefined || found === null) {
    guesses.failed(address);
    throw new InputError("auth.invalid", "The bearer token is not known");
  }
  if (found.state !== "valid") throw new InputError(`auth.${found.state}`, `The bearer token is ${found.state}`);
  guesses.succeeded(token);
  return found;
}

/** Throws InputError `auth.read_only`, `auth.admin_only`. */
export function authorise(caller: Caller, access: Access): void {
  if (access === "admin" && caller.scope !== "admin")
    throw new InputError("auth.admin_only", "This needs an admin token");
  if (access === "write" && caller.scope === "read") throw new InputError("auth.read_only", "This token may only read");
}

/**
 * The tenant to act for: the one named, else the token's own; lower case. Throws InputError `auth.wrong_tenant`,
 * `request.tenant_required`, `tenant.not_found`.
 */
export async function tenantFor(caller: Caller, named: string | undefined, sql: Sql): Promise<string> {
  const wanted = named?.toLowerCase();
  if (caller.tenantId !== null) {
    if (wanted === undefined || wanted === caller.tenantId) return caller.tenantId;
    throw new InputError("auth.wrong_tenant", "The token belongs to another tenant", { tenant_id: wanted });
  }
  if (wanted === undefined) throw new InputError("request.tenant_required", "tenant_id is missing");
  if (!(await tenantExists(asSystem(sql), wanted)))
    throw new InputError("tenant.not_found", `There is no tenant ${wanted}`);
  return wanted;
}
