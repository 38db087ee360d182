/**
 * What every scenario stands on: a database and buckets of its own, a tenant, a folder that changes, processes that serve.
 * `settle` ends a scenario: the faults are over, everything that was acknowledged must come to its end by itself.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { realServices } from "../support/services.ts";
import { startAudit } from "./audit.ts";
import { Fleet } from "./fleet.ts";
import { Load } from "./load.ts";
import type { Random } from "./random.ts";
import type { Report } from "./report.ts";

export interface SuiteContext {
  binary: string;
  random: Random;
  report: Report;
  /** Where TEST_DATABASE_URL and TEST_S3_ENDPOINT lead to. */
  databaseUrl: string;
  s3Endpoint: string;
}

export interface StageOptions {
  /** A server instead of the one that TEST_DATABASE_URL names; the database is made in it. */
  databaseUrl?: string;
  /** What the processes see instead of the true addresses (a proxy in front of them). */
  fleetEnv?: (env: Record<string, string>) => Record<string, string>;
  processes: number;
  files?: number;
  syncMs?: number;
  uploadMs?: number;
}

export interface Stage {
  suite: SuiteContext;
  /** Environment that leads to the services directly. */
  env: Record<string, string>;
  /** To the database, directly. */
  sql: Sql;
  fleet: Fleet;
  load: Load;
  root: string;
  folder: string;
  tenantId: string;
  token: string;
  /** Runs a command of the binary and gives its JSON. */
  command<T>(args: string[]): Promise<{ json: T; code: number | null }>;
  close(): Promise<void>;
}

/** Short leases, so that the work of a dead process is taken over soon; attempts that no number of kills uses up. */
const FLEET = {
  LEASE_SECONDS: "2",
  HEARTBEAT_SECONDS: "1",
  ITEM_ATTEMPTS_MAX: "100",
  WORKER_THREADS: "1",
  SHUTDOWN_SECONDS: "8",
  SECRET_KEY: "a secret key for crash tests only",
};

/** Opens a scenario; its processes serve (all started at once on an empty database), its load has not begun. */
export async function openStage(suite: SuiteContext, options: StageOptions): Promise<Stage> {
  const services = (await realServices())!;
  const folder = mkdtempSync(join(tmpdir(), "sluice-faults-"));
  const root = join(folder, "tree");
  mkdirSync(root);
  const env: Record<string, string> = {
    ...services.env,
    FILE_CATALOG_ROOTS: root,
    DATA_DIR: join(folder, "data"),
    ...FLEET,
  };
  if (options.databaseUrl) env["DATABASE_URL"] = options.databaseUrl;
  const fleetEnv = { ...env, ...options.fleetEnv?.(env) };
  const { DATA_DIR: _, ...withoutFolder } = fleetEnv;
  const fleet = new Fleet({ binary: suite.binary, folder, env: withoutFolder, report: suite.report });
  const sql = connectDatabase({ url: env["DATABASE_URL"]! }, { max: 2, applicationName: "sluice crash suite" });

  const close = async (): Promise<void> => {
    for (const member of fleet.members.values()) member.kill();
    await endDatabase(sql, 1);
    await services.close();
    rmSync(folder, { recursive: true, force: true });
  };
  const command = <T>(args: string[]) => commandJson<T>(suite.binary, folder, env, args);

  try {
    const members = Array.from({ length: options.processes }, (__, slot) => fleet.launch(slot));
    for (const member of members) if (!(await member.ready())) throw new Error("a process did not start");
    const { tenant_id: tenantId } = (await command<{ tenant_id: string }>(["tenant", "create", "acme"])).json;
    const made = await command<{ token: string }>(["token", "create", "--tenant", tenantId, "--name", "faults"]);
    const { token } = made.json;
    await startAudit(sql);
    const load = new Load({
      root,
      random: suite.random.fork(),
      report: suite.report,
      urls: () => fleet.urls(),
      token,
      tenantId,
      files: options.files ?? 60,
      syncMs: options.syncMs ?? 1500,
      uploadMs: options.uploadMs ?? 400,
    });
    await load.connect();
    return { suite, env, sql, fleet, load, root, folder, tenantId, token, command, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs a command of the binary and gives its JSON. */
export async function commandJson<T>(
  binary: string,
  cwd: string,
  env: Record<string, string>,
  args: string[],
): Promise<{ json: T; code: number | null }> {
  const child = Bun.spawn([binary, ...args, "--json"], { cwd, env, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  if (!stdout.startsWith("{")) throw new Error(`sluice ${args.join(" ")} printed no JSON: ${stdout} ${stderr}`);
  return { json: JSON.parse(stdout) as T, code: child.exitCode };
}
