/**
 * The tenant and token that the command line uses by itself, kept in DATA_DIR with mode 0600. Made at the first start:
 * tenant "default" and a token of it. Whoever can read DATA_DIR can use it, and nobody else.
 */
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import * as v from "valibot";
import { asSystem } from "../db/tenant_scope.ts";
import { InputError } from "../errors.ts";
import { createTenant, findTenant, listTenants } from "../store/tenants.ts";
import { createToken, findToken } from "../store/tokens.ts";

const LocalToken = v.object({ tenant_id: v.pipe(v.string(), v.uuid()), token: v.pipe(v.string(), v.minLength(1)) });
export type LocalToken = v.InferOutput<typeof LocalToken>;

const DEFAULT_TENANT = "default";

/** The default tenant's lies in token.json, another one's beside it; a name may hold anything, so its hash stands for it. */
function pathIn(dataDir: string, tenant: string): string {
  const suffix =
    tenant === DEFAULT_TENANT ? "" : `-${new Bun.CryptoHasher("sha256").update(tenant).digest("hex").slice(0, 16)}`;
  return join(dataDir, `token${suffix}.json`);
}

/** Null when there is none or it cannot be understood. */
export async function readLocalToken(dataDir: string, tenant: string): Promise<LocalToken | null> {
  const text = await readFile(pathIn(dataDir, tenant), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return v.parse(LocalToken, JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * The kept token of the tenant (its name or id) if the database still knows it, else a new one. The default tenant is
 * made when it is missing. Throws InputError `tenant.not_found` for any other.
 */
export async function ensureLocalToken(pool: Sql, dataDir: string, tenant: string): Promise<LocalToken> {
  const sql = asSystem(pool);
  const kept = await readLocalToken(dataDir, tenant);
  if (kept && (await findToken(sql, kept.token))?.tenantId === kept.tenant_id) return kept;
  const tenantId = await tenantIdOf(sql, tenant);
  const { token } = await createToken(sql, {
    tenantId,
    name: `command line on ${hostname()}`,
    scope: "write",
    expiresAt: null,
  });
  const local: LocalToken = { tenant_id: tenantId, token };
  const temporary = `${pathIn(dataDir, tenant)}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(local)}\n`, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, pathIn(dataDir, tenant));
  return local;
}

/** For a server that holds the database alone: of its own tenant and of every other one, so that commands find it for each. */
export async function ensureLocalTokens(pool: Sql, dataDir: string, tenant: string): Promise<void> {
  await ensureLocalToken(pool, dataDir, tenant);
  for (const { name } of await listTenants(asSystem(pool))) await ensureLocalToken(pool, dataDir, name);
}

async function tenantIdOf(sql: Sql, tenant: string): Promise<string> {
  const found = await findTenant(sql, tenant);
  if (found) return found.tenantId;
  if (tenant === DEFAULT_TENANT) return (await createTenant(sql, DEFAULT_TENANT)).tenantId;
  throw new InputError("tenant.not_found", `SLUICE_TENANT: there is no tenant ${tenant}`);
}
