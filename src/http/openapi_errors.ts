/**
 * Which error codes a route may answer with: those that follow from what it is (a token is needed, a body is read, a row
 * is looked up by its id) and those that it names itself.
 */
import { CODES, type ErrorCode } from "../errors.ts";
import type { Route } from "./route.ts";

/** What any route may answer beside its own codes. */
export const ANYWHERE: readonly ErrorCode[] = [
  "database.unavailable",
  "database.refused",
  "database.timeout",
  "database.conflict",
  "internal.unexpected",
  "request.busy",
];

/** The kind of row that an id in the path names → what it means that there is none. */
const NOT_FOUND: Readonly<Record<string, ErrorCode>> = {
  jobs: "job.not_found",
  documents: "document.not_found",
  connections: "connection.not_found",
  webhooks: "webhook.not_found",
  tokens: "token.not_found",
};

/** Sorted, each once; without those of `ANYWHERE`. */
export function errorsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([...tokenErrors(route), ...tenantErrors(route), ...inputErrors(route)]);
  if (route.keyed)
    for (const code of ["bad_idempotency_key", "idempotency_key_reused", "in_progress"] as const)
      codes.add(`request.${code}`);
  if ("id" in route.params) {
    const missing = NOT_FOUND[route.path.split("/")[2] ?? ""];
    if (missing) codes.add(missing);
  }
  for (const code of route.errors ?? []) codes.add(code);
  return [...codes].sort();
}

function tokenErrors({ access }: Route): ErrorCode[] {
  if (access === "public") return [];
  const scope: ErrorCode[] = access === "admin" ? ["auth.admin_only"] : access === "write" ? ["auth.read_only"] : [];
  return [
    "auth.missing",
    "auth.invalid",
    "auth.expired",
    "auth.revoked",
    "auth.too_many_guesses",
    "tenant.too_many_requests",
    ...scope,
  ];
}

/** Where a tenant may be named. */
function tenantErrors({ query, body, access }: Route): ErrorCode[] {
  const named = "tenant_id" in query || (body !== null && "entries" in body && hasTenant(body.entries));
  if (!named) return [];
  return [
    "auth.wrong_tenant",
    "tenant.not_found",
    ...(access === "admin" ? [] : (["request.tenant_required"] as const)),
  ];
}

const hasTenant = (entries: unknown): boolean =>
  typeof entries === "object" && entries !== null && "tenant_id" in entries;

function inputErrors({ params, query, body, bodyType }: Route): ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (body || Object.keys({ ...params, ...query }).length > 0) codes.push("request.invalid");
  if ("cursor" in query) codes.push("request.bad_cursor");
  if (body && bodyType === "application/json")
    codes.push("request.bad_json", "request.wrong_content_type", "request.too_large", "request.truncated");
  return codes;
}

/** By status, ascending. */
export function byStatus(codes: readonly ErrorCode[]): [status: number, codes: ErrorCode[]][] {
  const groups = Map.groupBy(codes, (code) => CODES[code].status);
  return [...groups].sort(([a], [b]) => a - b);
}
