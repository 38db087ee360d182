/** `sluice migrate`, `sluice tenant …` and `sluice token …`: they work on the database itself and need no API. */
import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import { type Access, readAccess } from "../db/access.ts";
import { connectDatabase, endDatabase, type PoolOptions } from "../db/connect.ts";
import { migrate, migrationStatus, prepareDatabase } from "../db/migrate.ts";
import { InputError } from "../errors.ts";
import { createLog } from "../log.ts";
import { LIMIT_NAMES, type LimitName, type OwnLimits, setLimits } from "../store/tenant_limits.ts";
import { createTenant, findTenant, listTenants } from "../store/tenants.ts";
import { createToken, listTokens, revokeToken, type TokenScope } from "../store/tokens.ts";
import type { Launch } from "./launch.ts";
import { openDatabase } from "./runtime.ts";
import { EXIT, print, printJson, table } from "./terminal.ts";

/** Runs `work` with a connection, and closes whatever was opened for it. */
export async function withDatabase<T>(
  config: Config,
  launch: Launch,
  work: (sql: Sql) => Promise<T>,
  options: Partial<PoolOptions> = {},
): Promise<T> {
  const database = await openDatabase(config, launch, createLog(config.logLevel));
  const sql = connectDatabase(database.target, { max: 2, applicationName: "sluice", ...options });
  try {
    return await work(sql);
  } finally {
    await endDatabase(sql);
    await database.stop();
  }
}

/** Brings the schema up to date; with `status` or `dryRun` only says what is applied or pending. */
export async function migrateCommand(
  options: { status: boolean; dryRun: boolean; json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    if (options.status || options.dryRun) {
      const access = await readAccess(sql);
      const status = (await migrationStatus(sql)).filter((m) => !options.dryRun || m.appliedAt === null);
      if (options.json)
        printJson({ migrations: status.map(({ appliedAt, ...rest }) => ({ ...rest, applied_at: appliedAt })), access });
      else if (status.length === 0) print("Nothing to apply.");
      else
        print(
          table([
            ["MIGRATION", "APPLIED"],
            ...status.map((m) => [m.name, m.appliedAt ?? (options.dryRun ? "would be applied" : "pending")]),
          ]),
        );
      if (!options.json) sayGaps(access);
      return EXIT.ok;
    }
    const { applied, ...access } = await prepareDatabase(sql);
    if (options.json) printJson({ applied, access });
    else print(applied.length === 0 ? "The schema is up to date." : `Applied ${applied.join(", ")}.`);
    if (!options.json) sayGaps(access);
    return EXIT.ok;
  });
}

function sayGaps({ gaps }: Access): void {
  if (gaps.length === 0) return;
  print("Row-level security is not in force. A database administrator must run this, then run sluice migrate again:");
  for (const statement of gaps) print(`    ${statement}`);
}

/** Prints the id of the new tenant; migrates first, so that it works on an empty database. */
export async function tenantCreate(
  name: string,
  options: { json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    await migrate(sql);
    const tenant = await createTenant(sql, name);
    if (options.json) printJson({ tenant_id: tenant.tenantId });
    else print(`Tenant ${name}: ${tenant.tenantId}`);
    return EXIT.ok;
  });
}

const LIMIT_OPTIONS = {
  open_jobs: "openJobs",
  queued_items: "queuedItems",
  upload_bytes_per_day: "uploadBytesPerDay",
  requests_per_minute: "requestsPerMinute",
} as const satisfies Record<LimitName, string>;
/** Each a number, `none`, or `default` for the installation's. */
export type LimitOptions = Partial<Record<(typeof LIMIT_OPTIONS)[LimitName], string>>;

/** Changes the limits that are given; prints all of the tenant's own. */
export async function tenantSet(
  idOrName: string,
  options: LimitOptions & { json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    const tenant = await findTenant(sql, idOrName);
    if (!tenant) throw new InputError("tenant.not_found", `there is no tenant ${idOrName}`);
    const limits: OwnLimits = { ...tenant.limits };
    for (const name of LIMIT_NAMES) {
      const text = options[LIMIT_OPTIONS[name]];
      if (text === "default") delete limits[name];
      else if (text !== undefined) limits[name] = limitOf(name, text);
    }
    await setLimits(sql, tenant.tenantId, limits);
    if (options.json) printJson({ tenant_id: tenant.tenantId, limits });
    else print(table(LIMIT_NAMES.map((name) => [name, name in limits ? String(limits[name] ?? "none") : "default"])));
    return EXIT.ok;
  });
}

/** Null for none. */
function limitOf(name: string, text: string): number | null {
  if (text === "none") return null;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InputError("cli.bad_option", `${name}: ${text} is no whole number from 1 on, "none" or "default"`);
}

/** By name. */
export async function tenantList(options: { json: boolean }, config: Config, launch: Launch): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    const tenants = await listTenants(sql);
    if (options.json) printJson({ tenants: tenants.map((t) => ({ tenant_id: t.tenantId, name: t.name })) });
    else print(table([["TENANT", "NAME"], ...tenants.map((t) => [t.tenantId, t.name])]));
    return EXIT.ok;
  });
}

export interface TokenOptions {
  tenant?: string;
  name: string;
  scope?: TokenScope;
  expiresDays?: number;
  json: boolean;
}

/** Prints the token, which nobody can ask for again. Without a scope: `write` for a tenant, else `admin`. */
export async function tokenCreate(options: TokenOptions, config: Config, launch: Launch): Promise<number> {
  const scope = options.scope ?? (options.tenant ? "write" : "admin");
  if ((scope === "admin") === Boolean(options.tenant))
    throw new InputError(
      "request.invalid",
      scope === "admin"
        ? "an admin token belongs to no tenant: leave --tenant out"
        : "--tenant ID is needed for a token of this scope",
    );
  return withDatabase(config, launch, async (sql) => {
    const expiresAt = options.expiresDays ? new Date(Date.now() + options.expiresDays * 86_400_000) : null;
    const tenant = options.tenant ? await findTenant(sql, options.tenant) : null;
    if (options.tenant && !tenant) throw new InputError("tenant.not_found", `there is no tenant ${options.tenant}`);
    const created = await createToken(sql, {
      tenantId: tenant?.tenantId ?? null,
      name: options.name,
      scope,
      expiresAt,
    });
    if (options.json) printJson({ token: created.token, token_id: created.tokenId });
    else print(`${created.token}\nKeep it: it is shown only once.`);
    return EXIT.ok;
  });
}

/** Newest first, whatever their state. */
export async function tokenList(
  options: { tenant?: string; json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    const tokens = await listTokens(sql, options.tenant ?? null);
    if (options.json)
      printJson({
        tokens: tokens.map((t) => ({
          token_id: t.tokenId,
          tenant_id: t.tenantId,
          name: t.name,
          scope: t.scope,
          state: t.state,
          created_at: t.createdAt,
          expires_at: t.expiresAt,
          revoked_at: t.revokedAt,
          last_used_at: t.lastUsedAt,
        })),
      });
    else
      print(
        table([
          ["TOKEN ID", "NAME", "SCOPE", "TENANT", "STATE", "LAST USED"],
          ...tokens.map((t) => [
            ...[t.tokenId, t.name, t.scope, t.tenantId ?? "-", t.state],
            t.lastUsedAt?.toISOString().slice(0, 16) ?? "never",
          ]),
        ]),
      );
    return EXIT.ok;
  });
}

/** Throws InputError `token.not_found`, also for a token that was revoked before. */
export async function tokenRevoke(tokenId: string, config: Config, launch: Launch): Promise<number> {
  return withDatabase(config, launch, async (sql) => {
    if (!(await revokeToken(sql, tokenId)))
      throw new InputError("token.not_found", `there is no unrevoked token ${tokenId}`);
    print(`Revoked ${tokenId}.`);
    return EXIT.ok;
  });
}
