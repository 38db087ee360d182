/** `sluice doctor`: looks at everything the service stands on and says, for each fault, what to do. */
import { access, constants, mkdir, statfs } from "node:fs/promises";
import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import { readAccess } from "../db/access.ts";
import { withTimeout } from "../db/deadline.ts";
import { migrationStatus } from "../db/migrate.ts";
import { serverFacts } from "../db/server_facts.ts";
import { createEmbedder } from "../embed/provider.ts";
import { CODES, messageOf, SluiceError } from "../errors.ts";
import { type CheckResult, openObjectStore } from "../store/objects.ts";
import type { Launch } from "./launch.ts";
import { withDatabase } from "./operate.ts";
import { EXIT, print, printJson } from "./terminal.ts";

const CHECK_MS = 20_000;
const DISK_FREE_MIN = 1024 ** 3;
const CLOCK_SKEW_MAX_S = 5;
const POSTGRES = { min: 150_000, next: 190_000 };
const VECTOR_MIN = "0.7";

/** Runs every check, whatever the ones before found; exit code 1 when one failed. */
export async function doctor(
  options: { fix: boolean; json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  const checks: CheckResult[] = [
    ...(await guarded("data directory", () => checkDataDir(config))),
    ...(await guarded("database", () => withDatabase(config, launch, checkDatabase))),
    ...(await guarded("objects", () => checkObjects(config, options.fix))),
    ...(await guarded("embeddings", () => checkEmbeddings(config))),
    ...(await guarded("conversion", () => checkConversion(launch))),
  ];
  const failed = checks.some((check) => check.status === "fail");
  if (options.json) printJson({ ok: !failed, checks });
  else {
    const sign = { ok: "✓", warn: "!", fail: "✗" };
    for (const check of checks) {
      print(`${sign[check.status]} ${check.name}: ${check.detail}`);
      if (check.status !== "ok" && check.help) print(`    ${check.help}`);
    }
  }
  return failed ? EXIT.failed : EXIT.ok;
}

/** A check that throws is a finding, not the end of the examination. */
async function guarded(name: string, work: () => Promise<CheckResult[]>): Promise<CheckResult[]> {
  try {
    return await withTimeout(work(), CHECK_MS, name);
  } catch (error) {
    const help = error instanceof SluiceError ? { help: CODES[error.code].help } : {};
    return [{ name, status: "fail", detail: messageOf(error), ...help }];
  }
}

async function checkDataDir({ dataDir }: Config): Promise<CheckResult[]> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await access(dataDir, constants.W_OK | constants.R_OK | constants.X_OK);
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  return [
    { name: "data directory", status: "ok", detail: `${dataDir} can be written` },
    {
      name: "disk",
      status: free < DISK_FREE_MIN ? "warn" : "ok",
      detail: `${(free / 1024 ** 3).toFixed(1)} GiB free`,
      help: "Uploads are spooled here and, in embedded mode, everything is kept here: free some space.",
    },
  ];
}

async function checkDatabase(sql: Sql): Promise<CheckResult[]> {
  const {
    version,
    versionNumber: num,
    vectorInstalled: vector,
    vectorAvailable: available,
    clockSkewSeconds: skew,
    mayCreate,
  } = await serverFacts(sql);
  const pending = (await migrationStatus(sql)).filter((migration) => migration.appliedAt === null);
  const access = await readAccess(sql);
  const found = vector ?? available;
  return [
    {
      name: "database",
      status: num < POSTGRES.min ? "fail" : num >= POSTGRES.next ? "warn" : "ok",
      detail: `PostgreSQL ${version}`,
      help: "Versions 15 to 18 are tested.",
    },
    {
      name: "pgvector",
      status:
        found && Bun.semver.satisfies(`${found}.0`.split(".").slice(0, 3).join("."), `>=${VECTOR_MIN}.0`)
          ? "ok"
          : "fail",
      detail: vector ? `version ${vector}` : available ? `version ${available} can be installed` : "not there",
      help: `Install pgvector ${VECTOR_MIN} or newer on the database server; "sluice migrate" creates the extension.`,
    },
    {
      name: "database rights",
      status: mayCreate || pending.length === 0 ? "ok" : "fail",
      detail: mayCreate ? "may create tables" : "may not create tables",
      help: 'Grant CREATE on the schema, or run "sluice migrate" with a role that has it.',
    },
    {
      name: "schema",
      status: pending.length > 0 ? "warn" : "ok",
      detail: pending.length > 0 ? `${pending.length} migration(s) pending` : "up to date",
      help: 'Run "sluice migrate"; "serve" and "ingest" do it by themselves.',
    },
    {
      name: "tenants",
      status: access.separated || pending.length > 0 ? "ok" : "fail",
      detail: access.separated
        ? "row-level security is in force; the service acts as roles that own nothing"
        : pending.length > 0
          ? "secured together with the schema"
          : "row-level security is not in force: only the service's own conditions keep tenants apart",
      help: `A database administrator must run: ${access.gaps.join(" ")} Then run "sluice migrate".`,
    },
    {
      name: "clock",
      status: Math.abs(skew) > CLOCK_SKEW_MAX_S ? "warn" : "ok",
      detail: `${Math.abs(skew).toFixed(1)} s from the database's`,
      help: "Let both machines synchronise their clocks; leases and retries are timed by the database's.",
    },
  ];
}

async function checkObjects(config: Config, fix: boolean): Promise<CheckResult[]> {
  const objects = await openObjectStore(config.objects);
  try {
    const created = fix ? await objects.createBuckets() : [];
    return [
      ...created.map((name): CheckResult => ({ name: "objects", status: "ok", detail: `created ${name}` })),
      ...(await objects.check()),
    ];
  } finally {
    await objects.close();
  }
}

async function checkEmbeddings(config: Config): Promise<CheckResult[]> {
  const embedder = createEmbedder(config.embeddings);
  const answer = await embedder.check();
  if (!answer.ok)
    return [
      {
        name: "embeddings",
        status: "fail",
        detail: `${embedder.model}: ${answer.error.message}`,
        help: CODES[answer.error.code].help,
      },
    ];
  return [
    {
      name: "embeddings",
      status: embedder.semantic ? "ok" : "warn",
      detail: `${embedder.model} gives ${answer.dimensions} dimensions, in ${Math.round(answer.milliseconds)} ms`,
      help: "Feature hashing finds equal words, not equal meaning: set EMBEDDINGS_URL and EMBEDDINGS_MODEL for semantic search.",
    },
  ];
}

async function checkConversion(launch: Launch): Promise<CheckResult[]> {
  const { ConvertChild } = await import("../worker/isolate.ts");
  const child = new ConvertChild({ command: launch.childCommand, deadlineMs: 10_000, memoryMaxBytes: 1024 ** 3 });
  try {
    await child.convert({ bytes: new TextEncoder().encode("# It works"), name: "check.md", format: "markdown" });
    return [{ name: "conversion", status: "ok", detail: "the isolated process starts" }];
  } finally {
    await child.close();
  }
}
