/**
 * Puts the app on a port. Bun's own limits are set so that they never speak before the app's: a body that is too large
 * gets our answer, and a slow upload is not cut off while bytes still come.
 */
import { InputError } from "../errors.ts";
import type { Log } from "../log.ts";

/** Seconds without a byte in either direction; Bun's default of 10 would end slow uploads and searches. */
const IDLE_SECONDS = 120;

export interface ServeOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  log: Log;
}

export interface Server {
  url: string;
  /** Refuses new connections, lets requests finish for up to `graceMs`, then cuts them off. */
  stop(graceMs: number): Promise<void>;
}

/** Listens at once; `stop` lets begun requests finish for so many milliseconds. Throws InputError `config.invalid` for a port that cannot be had. */
export function startServer(
  app: { fetch(request: Request, env: { address?: string | undefined }): Response | Promise<Response> },
  options: ServeOptions,
): Server {
  const server = onPort(options, () =>
    Bun.serve({
      hostname: options.host,
      port: options.port,
      idleTimeout: IDLE_SECONDS,
      // Each route counts what it reads and answers 413 itself.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, self) => app.fetch(request, { address: self.requestIP(request)?.address }),
      error(error) {
        options.log.error({ err: error }, "unexpected error outside of the app");
        return new Response(null, { status: 500 });
      },
    }),
  );
  return {
    url: server.url.origin,
    async stop(graceMs) {
      const finished = server.stop();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(() => resolve("late"), graceMs);
      });
      if ((await Promise.race([finished, late])) === "late") {
        options.log.warn({ pending: server.pendingRequests }, "requests are cut off");
        await server.stop(true);
      }
      clearTimeout(timer);
    },
  };
}

function onPort<T>({ host, port }: ServeOptions, listen: () => T): T {
  try {
    return listen();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    const why = code === "EADDRINUSE" ? "is in use by another program" : "is not for this user";
    throw new InputError("config.invalid", `PORT: ${host}:${port} ${why}`, {}, { cause: error });
  }
}
