/**
 * The app against a database of its own and local objects in a temporary folder, with two tenants and a token of each
 * kind. Requests go through `app.request()`; nothing listens on a port.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import { HashEmbedder } from "../../src/embed/hash.ts";
import { createApp } from "../../src/http/app.ts";
import type { AppDeps } from "../../src/http/app_deps.ts";
import { search } from "../../src/index/search.ts";
import { connectorOpener } from "../../src/pipeline/connectors.ts";
import { type ObjectStore, openObjectStore } from "../../src/store/objects.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { createToken } from "../../src/store/tokens.ts";
import { emptyDatabase } from "../support/database.ts";
import { untold } from "./contract.ts";

/** For hooks: the embedded database takes seconds to start on a busy machine. */
export const START_MS = 60_000;

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
  /** What lies at a dotted path of the JSON, `error.details.field`. */
  at(path: string): unknown;
  /** The same, where a text is expected. */
  textAt(path: string): string;
}

/** Follows a dotted path through objects and arrays. */
export function pick(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inner, key) => (inner === null || typeof inner !== "object" ? undefined : Reflect.get(inner, key)),
      value,
    );
}

export function answerOf(status: number, headers: Headers, text: string): Answer {
  const json: unknown = headers.get("content-type")?.startsWith("application/json") && text ? JSON.parse(text) : null;
  const at = (path: string) => pick(json, path);
  return { status, headers, text, json, at, textAt: (path) => String(at(path)) };
}

export interface Fixture {
  app: ReturnType<typeof createApp>;
  deps: AppDeps;
  sql: Sql;
  objects: ObjectStore;
  dir: string;
  tenant: string;
  otherTenant: string;
  tokens: { write: string; read: string; other: string; admin: string };
  /** Lines of the log, newest last. */
  logged: Record<string, unknown>[];
  /** How often workers were told that there is work. */
  rung(): number;
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  spooled(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface SendOptions {
  /** Default: the write token of the tenant; null sends none. */
  token?: string | null;
  json?: unknown;
  body?: string | FormData | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
}

/** `change`: parts to replace, given the ones that would be used. */
export async function createFixture(change: (deps: AppDeps) => Partial<AppDeps> = () => ({})): Promise<Fixture> {
  const { sql, runtime } = await emptyDatabase();
  const dir = await mkdtemp(join(tmpdir(), "sluice-http-"));
  const config = readConfig("info", {
    DATA_DIR: join(dir, "data"),
    UPLOAD_MAX_BYTES: "5000000",
    UPLOAD_MAX_FILES: "5",
  });
  const objects = await openObjectStore({ kind: "local", root: join(dir, "objects") });
  const logged: Record<string, unknown>[] = [];
  let rung = 0;
  const deps: AppDeps = {
    config,
    sql: runtime,
    objects,
    embedder: new HashEmbedder(),
    wake: { ring: () => void rung++ },
    log: pino(
      { level: "debug" },
      { write: (line: string) => void logged.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    search,
    validateConnectionConfig: () => {},
    openConnector: connectorOpener(config, runtime, objects, []),
  };
  Object.assign(deps, change(deps));
  const app = createApp(deps);
  const tenant = (await createTenant(sql, "Acme")).tenantId;
  const otherTenant = (await createTenant(sql, "Other")).tenantId;
  const make = async (tenantId: string | null, scope: "admin" | "write" | "read") =>
    (await createToken(sql, { tenantId, name: `${scope} token`, scope, expiresAt: null })).token;
  const tokens = {
    write: await make(tenant, "write"),
    read: await make(tenant, "read"),
    other: await make(otherTenant, "write"),
    admin: await make(null, "admin"),
  };
  return {
    ...{ app, deps, sql, objects, dir, tenant, otherTenant, tokens, logged },
    rung: () => rung,
    async send(method, path, options = {}) {
      const headers: Record<string, string> = { ...options.headers };
      const token = options.token === undefined ? tokens.write : options.token;
      if (token !== null) headers.authorization ??= `Bearer ${token}`;
      if (options.json !== undefined) headers["content-type"] ??= "application/json";
      const body = options.json === undefined ? options.body : JSON.stringify(options.json);
      const response = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
      const answer = answerOf(response.status, new Headers([...response.headers.entries()]), await response.text());
      const missing = untold(method, path, answer.status, answer.json);
      if (missing) throw new Error(`the API description is not true: ${missing}`);
      return answer;
    },
    spooled: () => readdir(join(dir, "data", "spool")).catch(() => []),
    async stop() {
      await objects.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
