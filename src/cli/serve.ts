/**
 * `sluice serve`: API and workers until SIGTERM or SIGINT. `--worker-only` leaves the API out and answers only for
 * health and metrics.
 */
import type { Config } from "../config.ts";
import { InputError, messageOf } from "../errors.ts";
import { cleanSpool } from "../http/receive_upload.ts";
import { type Server, startServer } from "../http/serve.ts";
import type { Log } from "../log.ts";
import { announceServer, withdrawServer } from "./api.ts";
import type { Launch } from "./launch.ts";
import { ensureLocalTokens } from "./local_token.ts";
import { type Runtime, startRuntime } from "./runtime.ts";
import { supervise } from "./supervise.ts";
import { EXIT } from "./terminal.ts";

/** Spooled uploads older than this were left behind by a crash. */
const SPOOL_KEPT_MS = 3_600_000;

/** Returns after a signal, when everything has been drained and closed. */
export async function serve(
  options: { workerOnly: boolean },
  config: Config,
  launch: Launch,
  log: Log,
): Promise<number> {
  if (options.workerOnly && !config.database.url)
    throw new InputError(
      "config.invalid",
      "serve --worker-only needs DATABASE_URL: the embedded database belongs to one process",
    );
  const startedAt = performance.now();
  const closing = new AbortController();
  const stopped = stopSignal(log).finally(() => closing.abort());
  const runtime = await startRuntime(config, launch, log, { workers: true, closing: closing.signal });
  const supervision = supervise(runtime, log);
  try {
    await cleanSpool(`${config.dataDir}/spool`, SPOOL_KEPT_MS);
    const server = options.workerOnly ? watchOnly(runtime, log) : startServer(runtime.app, { ...config.http, log });
    if (!options.workerOnly && server) {
      // Embedded mode has one user, so a tenant and a token are made for it; with a database of their own, operators make them.
      if (!config.database.url) await ensureLocalTokens(runtime.sql, config.dataDir, config.tenant);
      await announceServer(config.dataDir, server.url);
    } else await runtime.workersReady;
    log.info(
      {
        url: server?.url,
        threads: config.worker.threads,
        database: config.database.url ? "postgres" : "embedded",
        objects: config.objects.kind,
        start_ms: Math.round(performance.now() - startedAt),
      },
      options.workerOnly ? "working" : `serving on ${server?.url}`,
    );
    // Requests are answered while the threads still load; a thread that cannot start ends the service.
    const ready = runtime.workersReady.then(() => supervision.ready(server?.url ?? "working"));
    await Promise.race([stopped, ready.then(() => stopped)]);
    supervision.stopping();
    if (!options.workerOnly) await withdrawServer(config.dataDir);
    await server?.stop(config.worker.shutdownMs);
    return EXIT.ok;
  } finally {
    await runtime.stop();
    supervision.end();
    log.info("stopped");
  }
}

const OPERATION = new Set(["/healthz", "/readyz", "/metrics"]);

/** Health and metrics of a process that only works. A port that is taken must not keep it from working. */
function watchOnly({ app, config }: Runtime, log: Log): Server | null {
  const fetch = (request: Request, env: { address?: string | undefined }): Response | Promise<Response> =>
    OPERATION.has(new URL(request.url).pathname) ? app.fetch(request, env) : new Response(null, { status: 404 });
  try {
    return startServer({ fetch }, { ...config.http, log });
  } catch (error) {
    log.warn({ port: config.http.port, reason: messageOf(error) }, "no health and metrics: set PORT to a free one");
    return null;
  }
}

/** The first signal drains; the second one ends the process at once (leases and locks are made for that). */
function stopSignal(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: string) => {
      if (asked) process.kill(process.pid, "SIGKILL");
      asked = true;
      log.info({ signal }, "stopping: running work may finish, the rest goes back to the queue");
      resolve();
    };
    process.on("SIGTERM", () => onSignal("SIGTERM"));
    process.on("SIGINT", () => onSignal("SIGINT"));
  });
}
