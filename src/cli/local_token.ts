/**
 * The tenant and token that the command line uses by itself, kept in DATA_DIR with mode 0600. Made at the first start:
 * tenant "default" and a token of it. Whoever can read DATA_DIR can use it, and nobody else.
 */
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import * as v from "valibot";
import { createTenant, findTenantNamed } from "../store/tenants.ts";
import { createToken, findToken } from "../store/tokens.ts";

const LocalToken = v.object({ tenant_id: v.pipe(v.string(), v.uuid()), token: v.pipe(v.string(), v.minLength(1)) });
export type LocalToken = v.InferOutput<typeof LocalToken>;

const pathIn = (dataDir: string): string => join(dataDir, "token.json");

/** Null when there is none or it cannot be understood. */
export async function readLocalToken(dataDir: string): Promise<LocalToken | null> {
  const text = await readFile(pathIn(dataDir), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return v.parse(LocalToken, JSON.parse(text));
  } catch {
    return null;
  }
}

/** The kept token if the database still knows it, else a new one. */
export async function ensureLocalToken(sql: Sql, dataDir: string): Promise<LocalToken> {
  const kept = await readLocalToken(dataDir);
  if (kept && (await findToken(sql, kept.token))?.tenantId === kept.tenant_id) return kept;
  const tenant = (await findTenantNamed(sql, "default")) ?? (await createTenant(sql, "default"));
  const { token } = await createToken(sql, {
    tenantId: tenant.tenantId,
    name: `command line on ${hostname()}`,
    scope: "write",
    expiresAt: null,
  });
  const local: LocalToken = { tenant_id: tenant.tenantId, token };
  const temporary = `${pathIn(dataDir)}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(local)}\n`, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, pathIn(dataDir));
  return local;
}
