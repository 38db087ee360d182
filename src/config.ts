/**
 * The environment → one frozen, plain Config. The only place that reads process.env. Every fault is collected and
 * reported at once, with the name of the variable, so that an operator corrects a file once and not ten times.
 * Secrets may come from a file named by NAME_FILE. The result is structured-cloneable: worker threads receive it whole.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { parseEnv } from "node:util";
import * as v from "valibot";
import {
  CONFLUENCE_SECRET_NAMES,
  CONFLUENCE_VARIABLES,
  confluenceFaults,
  confluenceOf,
} from "./confluence_environment.ts";
import { InputError } from "./errors.ts";
import { parseFailpoints } from "./failpoint.ts";
import type { LogLevel } from "./log.ts";
import type { ObjectsConfig } from "./store/objects.ts";
import type { TracingConfig } from "./trace.ts";

/** Variables whose value may be given as a file path in NAME_FILE. */
const SECRETS = [
  "DATABASE_URL",
  "S3_ACCESS_KEY_ID",
  "S3_SECRET_ACCESS_KEY",
  "EMBEDDINGS_API_KEY",
  "SECRET_KEY",
  "OTEL_EXPORTER_OTLP_HEADERS",
  ...CONFLUENCE_SECRET_NAMES,
] as const;

const text = v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"));
const httpUrl = v.pipe(text, v.url("must be a URL"), v.regex(/^https?:\/\//, "must start with http:// or https://"));

/** A whole number within bounds; `fallback` where the variable is not set. */
const integer = (fallback: number, min: number, max: number) =>
  v.optional(
    v.pipe(
      v.string(),
      v.trim(),
      v.regex(/^\d+$/, "must be a whole number"),
      v.transform(Number),
      v.minValue(min, `must be at least ${min}`),
      v.maxValue(max, `must be at most ${max}`),
    ),
    String(fallback),
  );

const Environment = v.object({
  ...CONFLUENCE_VARIABLES,
  DATABASE_URL: v.optional(
    v.pipe(text, v.regex(/^postgres(ql)?:\/\//, "must start with postgres:// or postgresql://")),
  ),
  DATABASE_POOL_MAX: integer(4, 1, 50),
  DATA_DIR: v.optional(text, ".sluice"),
  SLUICE_TENANT: v.optional(text, "default"),
  HOST: v.optional(text, "127.0.0.1"),
  PORT: integer(8100, 0, 65535),
  // One core is left to the API and to Postgres. On two cores a second thread takes about 120 MB more, and runs of the
  // same corpus were sometimes faster and sometimes slower with it.
  WORKER_THREADS: integer(Math.max(1, availableParallelism() - 1), 1, 128),
  LOG_LEVEL: v.optional(v.picklist(["trace", "debug", "info", "warn", "error", "fatal", "silent"])),

  S3_ENDPOINT: v.optional(httpUrl),
  S3_REGION: v.optional(text),
  AWS_REGION: v.optional(text),
  S3_ACCESS_KEY_ID: v.optional(text),
  S3_SECRET_ACCESS_KEY: v.optional(text),
  S3_BUCKET_RAW: v.optional(text),
  S3_BUCKET_MARKDOWN: v.optional(text),

  EMBEDDINGS_PROVIDER: v.optional(v.picklist(["hash", "openai"])),
  EMBEDDINGS_URL: v.optional(httpUrl),
  EMBEDDINGS_MODEL: v.optional(text),
  EMBEDDINGS_API_KEY: v.optional(text),
  EMBEDDINGS_DIMENSIONS: v.optional(integer(0, 1, 16_000)),
  EMBEDDINGS_BATCH_SIZE: integer(64, 1, 2048),
  EMBEDDINGS_TIMEOUT_SECONDS: integer(60, 1, 600),
  EMBEDDINGS_DEADLINE_SECONDS: integer(900, 1, 86_400),

  CHUNK_TARGET_TOKENS: integer(400, 16, 8192),
  CHUNK_MAX_TOKENS: integer(512, 32, 8192),
  CHUNK_MIN_TOKENS: integer(80, 0, 4096),
  CHUNK_OVERLAP_TOKENS: integer(40, 0, 4096),

  FILE_CATALOG_ROOTS: v.optional(text),
  FILE_MAX_BYTES: integer(256 * 1024 * 1024, 1, 8 * 1024 ** 3),
  UPLOAD_MAX_BYTES: integer(256 * 1024 * 1024, 1, 8 * 1024 ** 3),
  UPLOAD_MAX_FILES: integer(100, 1, 10_000),
  HTTP_REQUESTS_MAX: integer(256, 1, 100_000),
  HTTP_UPLOADS_MAX: integer(16, 1, 10_000),
  QUEUE_ITEMS_MAX: integer(2_000_000, 1, 1_000_000_000),
  SECRET_KEY: v.optional(v.pipe(text, v.minLength(16, "must have at least 16 characters"))),

  CONVERT_DEADLINE_SECONDS: integer(60, 1, 3600),
  CONVERT_MEMORY_MAX_MB: integer(1024, 64, 65_536),
  ITEM_ATTEMPTS_MAX: integer(5, 1, 100),
  ITEM_DEADLINE_SECONDS: integer(300, 1, 86_400),
  LEASE_SECONDS: integer(60, 2, 3600),
  HEARTBEAT_SECONDS: integer(10, 1, 600),
  SHUTDOWN_SECONDS: integer(20, 0, 600),
  TENANT_OPEN_JOBS: v.optional(integer(0, 1, 1_000_000)),
  TENANT_QUEUED_ITEMS: v.optional(integer(0, 1, 1_000_000_000)),
  TENANT_UPLOAD_BYTES_PER_DAY: v.optional(integer(0, 1, Number.MAX_SAFE_INTEGER)),
  TENANT_REQUESTS_PER_MINUTE: v.optional(integer(0, 1, 10_000_000)),
  WEBHOOK_ALLOW_PRIVATE_NETWORK: v.optional(v.picklist(["true", "false"], "must be true or false"), "false"),
  NOTIFY_SOCKET: v.optional(text),
  OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(httpUrl),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: v.optional(httpUrl),
  OTEL_EXPORTER_OTLP_HEADERS: v.optional(text),
  OTEL_SERVICE_NAME: v.optional(text, "sluice"),
  OTEL_TRACES_SAMPLER_ARG: v.optional(
    v.pipe(text, v.transform(Number), v.number("must be a number"), v.minValue(0), v.maxValue(1, "must be at most 1")),
    "1",
  ),
  WATCHDOG_USEC: v.optional(integer(0, 1, Number.MAX_SAFE_INTEGER)),
  RETENTION_JOBS_DAYS: v.optional(integer(0, 1, 36_500)),
  RETENTION_VERSIONS_DAYS: v.optional(integer(0, 1, 36_500)),
  RETENTION_VERSIONS_KEEP: integer(1, 0, 10_000),
  RETENTION_PURGED_DAYS: v.optional(integer(0, 1, 36_500)),
  RETENTION_ORPHANS_DAYS: integer(7, 1, 3650),
  SLUICE_FAILPOINTS: v.optional(
    v.pipe(
      text,
      v.check((list) => parseFailpoints(list) !== null, "is no list of failpoints"),
    ),
  ),
});

export type Config = ReturnType<typeof readConfig>;

/** Lines of NAME=value in the file that SLUICE_ENV_FILE names; the environment itself goes before them. */
function withEnvFile(env: Record<string, string | undefined>, faults: string[]): Record<string, string | undefined> {
  const path = env["SLUICE_ENV_FILE"];
  if (!path) return env;
  try {
    return { ...parseEnv(readFileSync(path, "utf8")), ...env };
  } catch (error) {
    faults.push(`SLUICE_ENV_FILE: cannot read ${path}: ${(error as Error).message}`);
    return env;
  }
}

function withSecretFiles(
  env: Record<string, string | undefined>,
  faults: string[],
): Record<string, string | undefined> {
  const merged = { ...env };
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`];
    if (!path) continue;
    if (env[name]) faults.push(`${name} and ${name}_FILE are both set: keep one`);
    try {
      merged[name] = readFileSync(path, "utf8").trim();
    } catch (error) {
      faults.push(`${name}_FILE: cannot read ${path}: ${(error as Error).message}`);
    }
  }
  return merged;
}

function crossChecks(env: v.InferOutput<typeof Environment>): string[] {
  const faults = confluenceFaults(env);
  const s3 = [env.S3_ENDPOINT, env.S3_BUCKET_RAW, env.S3_BUCKET_MARKDOWN];
  if (s3.some(Boolean) && !(env.S3_BUCKET_RAW && env.S3_BUCKET_MARKDOWN))
    faults.push("S3_BUCKET_RAW and S3_BUCKET_MARKDOWN must both be set to keep objects in S3");
  if (Boolean(env.S3_ACCESS_KEY_ID) !== Boolean(env.S3_SECRET_ACCESS_KEY))
    faults.push("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together");
  if (env.EMBEDDINGS_PROVIDER === "openai" && !env.EMBEDDINGS_MODEL)
    faults.push("EMBEDDINGS_MODEL must be set when EMBEDDINGS_PROVIDER is openai");
  if (env.EMBEDDINGS_PROVIDER === "hash" && env.EMBEDDINGS_URL)
    faults.push("EMBEDDINGS_URL has no use with EMBEDDINGS_PROVIDER=hash: remove one of them");
  if (env.CHUNK_TARGET_TOKENS > env.CHUNK_MAX_TOKENS)
    faults.push("CHUNK_TARGET_TOKENS must not exceed CHUNK_MAX_TOKENS");
  if (env.CHUNK_MIN_TOKENS > env.CHUNK_TARGET_TOKENS)
    faults.push("CHUNK_MIN_TOKENS must not exceed CHUNK_TARGET_TOKENS");
  if (env.CHUNK_OVERLAP_TOKENS >= env.CHUNK_TARGET_TOKENS)
    faults.push("CHUNK_OVERLAP_TOKENS must be less than CHUNK_TARGET_TOKENS");
  if (env.HEARTBEAT_SECONDS * 2 > env.LEASE_SECONDS)
    faults.push("LEASE_SECONDS must be at least twice HEARTBEAT_SECONDS");
  for (const root of env.FILE_CATALOG_ROOTS?.split(":").filter(Boolean) ?? [])
    if (!isAbsolute(root)) faults.push(`FILE_CATALOG_ROOTS: ${root} is not an absolute path`);
  return faults;
}

/**
 * Reads and checks the configuration.
 * @throws InputError `config.invalid` whose message lists every fault, a line each.
 */
export function readConfig(
  defaultLogLevel: LogLevel = "info",
  environment: Record<string, string | undefined> = process.env,
) {
  const faults: string[] = [];
  const env = withEnvFile(environment, faults);
  // An empty variable means "not set": unit files and compose files cannot unset one.
  const given = Object.fromEntries(Object.entries(withSecretFiles(env, faults)).filter(([, value]) => value !== ""));
  const parsed = v.safeParse(Environment, given);
  if (!parsed.success)
    for (const issue of parsed.issues)
      faults.push(`${issue.path?.map((p) => p.key).join(".") ?? "environment"}: ${issue.message}`);
  else faults.push(...crossChecks(parsed.output));
  if (!parsed.success || faults.length > 0)
    throw new InputError(
      "config.invalid",
      `The configuration has ${faults.length} fault(s):\n${faults.map((f) => `  ${f}`).join("\n")}`,
    );
  return shape(parsed.output, defaultLogLevel);
}

/** A variable that somebody names on the command line, e.g. to take a secret from; null when unset or empty. */
export const readVariable = (name: string): string | null => process.env[name] || null;

const s3AccessOf = (env: v.InferOutput<typeof Environment>) => ({
  endpoint: env.S3_ENDPOINT,
  region: env.S3_REGION ?? env.AWS_REGION ?? "us-east-1",
  accessKeyId: env.S3_ACCESS_KEY_ID,
  secretAccessKey: env.S3_SECRET_ACCESS_KEY,
});

function objectsOf(env: v.InferOutput<typeof Environment>, dataDir: string): ObjectsConfig {
  const localRoot = `${dataDir}/objects`;
  if (!env.S3_BUCKET_RAW || !env.S3_BUCKET_MARKDOWN) return { kind: "local", root: localRoot };
  return {
    kind: "s3",
    ...s3AccessOf(env),
    bucketRaw: env.S3_BUCKET_RAW,
    bucketMarkdown: env.S3_BUCKET_MARKDOWN,
    localRoot,
  };
}

/** As the OpenTelemetry specification names them; null without an endpoint. */
function tracingOf(env: v.InferOutput<typeof Environment>): TracingConfig | null {
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base.replace(/\/+$/, "")}/v1/traces`);
  if (!url) return null;
  const pairs = (env.OTEL_EXPORTER_OTLP_HEADERS ?? "").split(",").filter((pair) => pair.includes("="));
  const headers = pairs.map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
  });
  return {
    url,
    headers: Object.fromEntries(headers),
    serviceName: env.OTEL_SERVICE_NAME,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
  };
}

function shape(env: v.InferOutput<typeof Environment>, defaultLogLevel: LogLevel) {
  const dataDir = resolve(env.DATA_DIR);
  const provider = env.EMBEDDINGS_PROVIDER ?? (env.EMBEDDINGS_URL || env.EMBEDDINGS_MODEL ? "openai" : "hash");
  return {
    dataDir,
    /** Name or id of the tenant that the command line works for. */
    tenant: env.SLUICE_TENANT,
    logLevel: env.LOG_LEVEL ?? defaultLogLevel,
    http: { host: env.HOST, port: env.PORT },
    /** `url` is null in embedded mode. */
    database: { url: env.DATABASE_URL ?? null, poolMax: env.DATABASE_POOL_MAX },
    objects: objectsOf(env, dataDir),
    /** Access to S3 prefixes that serve as catalogs; the same account as the object store. */
    s3Source: s3AccessOf(env),
    embeddings: {
      provider,
      url: env.EMBEDDINGS_URL ?? null,
      model: env.EMBEDDINGS_MODEL ?? null,
      apiKey: env.EMBEDDINGS_API_KEY ?? null,
      dimensions: env.EMBEDDINGS_DIMENSIONS ?? null,
      batchSize: env.EMBEDDINGS_BATCH_SIZE,
      timeoutMs: env.EMBEDDINGS_TIMEOUT_SECONDS * 1000,
      deadlineSeconds: env.EMBEDDINGS_DEADLINE_SECONDS,
    },
    chunking: {
      targetTokens: env.CHUNK_TARGET_TOKENS,
      maxTokens: env.CHUNK_MAX_TOKENS,
      minTokens: env.CHUNK_MIN_TOKENS,
      overlapTokens: env.CHUNK_OVERLAP_TOKENS,
    },
    fileCatalogRoots: env.FILE_CATALOG_ROOTS?.split(":").filter(Boolean) ?? [],
    fileMaxBytes: env.FILE_MAX_BYTES,
    upload: { maxBytes: env.UPLOAD_MAX_BYTES, maxFiles: env.UPLOAD_MAX_FILES },
    /** Of this process at once; the queue's is of all. */
    intake: { requests: env.HTTP_REQUESTS_MAX, uploads: env.HTTP_UPLOADS_MAX, queueItems: env.QUEUE_ITEMS_MAX },
    /** Of each tenant that has no limit of its own; null: none. */
    tenantLimits: {
      open_jobs: env.TENANT_OPEN_JOBS ?? null,
      queued_items: env.TENANT_QUEUED_ITEMS ?? null,
      upload_bytes_per_day: env.TENANT_UPLOAD_BYTES_PER_DAY ?? null,
      requests_per_minute: env.TENANT_REQUESTS_PER_MINUTE ?? null,
    },
    secretKey: env.SECRET_KEY ?? null,
    confluence: confluenceOf(env),
    webhooks: { allowPrivateNetwork: env.WEBHOOK_ALLOW_PRIVATE_NETWORK === "true" },
    /** For crash tests only. */
    failpoints: parseFailpoints(env.SLUICE_FAILPOINTS ?? "") ?? [],
    convert: {
      deadlineMs: env.CONVERT_DEADLINE_SECONDS * 1000,
      memoryMaxBytes: env.CONVERT_MEMORY_MAX_MB * 1024 * 1024,
    },
    worker: {
      threads: env.WORKER_THREADS,
      attemptsMax: env.ITEM_ATTEMPTS_MAX,
      itemDeadlineMs: env.ITEM_DEADLINE_SECONDS * 1000,
      leaseSeconds: env.LEASE_SECONDS,
      heartbeatMs: env.HEARTBEAT_SECONDS * 1000,
      shutdownMs: env.SHUTDOWN_SECONDS * 1000,
    },
    tracing: tracingOf(env),
    /** Set by systemd for a unit of Type=notify. */
    systemd: { notifySocket: env.NOTIFY_SOCKET ?? null, watchdogUsec: env.WATCHDOG_USEC ?? null },
    /** Null: kept for ever. */
    retention: {
      jobsDays: env.RETENTION_JOBS_DAYS ?? null,
      versionsDays: env.RETENTION_VERSIONS_DAYS ?? null,
      versionsKeep: env.RETENTION_VERSIONS_KEEP,
      purgedDays: env.RETENTION_PURGED_DAYS ?? null,
      orphansDays: env.RETENTION_ORPHANS_DAYS,
    },
  };
}
