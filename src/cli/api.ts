/**
 * Commands about documents are clients of the HTTP API: of the server that runs on this DATA_DIR if there is one, else of
 * the same app inside this process. So a command does exactly what a request does.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Config } from "../config.ts";
import { hasDatabase } from "../db/embedded/directory.ts";
import { CODES, type ErrorCode, InputError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Launch } from "./launch.ts";
import { ensureLocalToken, readLocalToken } from "./local_token.ts";
import { type RuntimeOptions, startRuntime } from "./runtime.ts";

export interface Api {
  tenantId: string;
  /** Answers with parsed JSON; throws InputError with the API's own code and message for any error answer. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  close(): Promise<void>;
}

const ServerFile = v.object({ url: v.string(), pid: v.number() });
const serverFile = (dataDir: string): string => join(dataDir, "server.json");

/** A running server leaves its address in DATA_DIR. */
export const announceServer = (dataDir: string, url: string): Promise<void> =>
  writeFile(serverFile(dataDir), JSON.stringify({ url, pid: process.pid }), { mode: 0o600 });
export const withdrawServer = (dataDir: string): Promise<void> => rm(serverFile(dataDir), { force: true });

async function runningServer(dataDir: string): Promise<string | null> {
  try {
    const { url } = v.parse(ServerFile, JSON.parse(await readFile(serverFile(dataDir), "utf8")));
    const answer = await fetch(new URL("/healthz", url), { signal: AbortSignal.timeout(2000) });
    return answer.ok ? url : null;
  } catch {
    return null;
  }
}

interface ApiOptions extends RuntimeOptions {
  /** The command is about what is there already: a folder without a database is a mistake, not the place for a new one. */
  mustExist?: boolean;
}

/**
 * The running server if its token is readable here, else a runtime of this process, which `close` stops.
 * @throws InputError `data_dir.empty`, `tenant.not_found`
 */
export async function openApi(config: Config, launch: Launch, log: Log, options: ApiOptions): Promise<Api> {
  const url = await runningServer(config.dataDir);
  const local = url ? await readLocalToken(config.dataDir, config.tenant) : null;
  if (url && local)
    return apiOver(
      (request) => fetch(request),
      url,
      local,
      async () => {},
    );
  // The server holds the embedded database alone, and leaves tokens for the tenants that it finds at its start.
  if (url && !config.database.url)
    throw new InputError(
      "tenant.not_found",
      `SLUICE_TENANT: the server that runs on this DATA_DIR found no tenant named ${config.tenant} when it started; restart it if that was made since`,
    );
  if (options.mustExist && !config.database.url && !hasDatabase(config.dataDir))
    throw new InputError("data_dir.empty", `DATA_DIR: there is no database in ${config.dataDir}`);
  const runtime = await startRuntime(config, launch, log, options);
  try {
    await runtime.workersReady;
  } catch (error) {
    await runtime.stop();
    throw error;
  }
  const token = await ensureLocalToken(runtime.sql, config.dataDir, config.tenant);
  return apiOver(async (request) => runtime.app.fetch(request), "http://in.process", token, runtime.stop);
}

function apiOver(
  send: (request: Request) => Promise<Response>,
  base: string,
  local: { tenant_id: string; token: string },
  close: () => Promise<void>,
): Api {
  return {
    tenantId: local.tenant_id,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const headers: Record<string, string> = { authorization: `Bearer ${local.token}` };
      const form = body instanceof FormData;
      if (body !== undefined && !form) headers["content-type"] = "application/json";
      const init: RequestInit = { method, headers };
      if (body !== undefined) init.body = form ? (body as FormData) : JSON.stringify(body);
      const answer = await send(new Request(new URL(path, base).href, init));
      const json: unknown = answer.status === 204 ? null : await answer.json();
      if (answer.ok) return json as T;
      throw errorOf(json, answer.status);
    },
    close,
  };
}

function errorOf(json: unknown, status: number): InputError {
  const error = (json as { error?: { code?: string; message?: string } } | null)?.error;
  const code = error?.code && error.code in CODES ? (error.code as ErrorCode) : "internal.unexpected";
  return new InputError(code, error?.message ?? `the server answered with status ${status}`);
}
