/** Runs the compiled executable as its user would: in an empty folder, with an environment that holds nothing else. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Another one than the last build, for comparisons. */
export const BINARY = process.env["SLUICE_BINARY"] ?? join(import.meta.dir, "../../dist/sluice");
if (!existsSync(BINARY)) throw new Error('dist/sluice is missing: run "make build" first');

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** A scratch folder that is removed when the test process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-run-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function sluice(cwd: string, args: string[], env: Record<string, string> = {}): Promise<Result> {
  const child = Bun.spawn([BINARY, ...args], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}

/** The one JSON object that a command with --json prints. */
export async function sluiceJson<T = Record<string, unknown>>(
  cwd: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<T & { exitCode: number }> {
  const { code, stdout, stderr } = await sluice(cwd, [...args, "--json"], env);
  try {
    return { ...(JSON.parse(stdout) as T), exitCode: code };
  } catch {
    throw new Error(`sluice ${args.join(" ")} printed no JSON (exit code ${code}):\n${stdout}\n${stderr}`);
  }
}

export interface Service {
  url: string;
  pid: number;
  /** Resolves with the exit code after SIGTERM. */
  stop(): Promise<number>;
  kill(): Promise<void>;
  /** Log lines so far. */
  log: Record<string, unknown>[];
}

/** Starts `sluice serve` on a free port and waits until it says where it listens (or, as a worker, that it works). */
export async function serve(cwd: string, env: Record<string, string> = {}, args: string[] = []): Promise<Service> {
  const child = Bun.spawn([BINARY, "serve", ...args], {
    cwd,
    env: { PORT: "0", ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const log: Record<string, unknown>[] = [];
  const started = Promise.withResolvers<string>();
  void (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const entry = line.startsWith("{") ? (JSON.parse(line) as Record<string, unknown>) : { msg: line };
        log.push(entry);
        if (entry["start_ms"] !== undefined) started.resolve(String(entry["url"] ?? ""));
      }
    }
    started.reject(new Error(`serve ended: ${log.map((entry) => JSON.stringify(entry)).join("\n")}`));
  })();
  const url = await started.promise;
  return {
    url,
    pid: child.pid,
    log,
    async stop() {
      child.kill("SIGTERM");
      return child.exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** A client of the HTTP API. */
export function client(url: string, token: string) {
  const call = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: Record<string, unknown>; response: Response }> => {
    const form = body instanceof FormData;
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && !form ? { "content-type": "application/json" } : {}),
      },
      ...(body === undefined ? {} : { body: form ? (body as FormData) : JSON.stringify(body) }),
    });
    const text = await response.clone().text();
    return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : {}, response };
  };
  const finished = async (jobId: string): Promise<Record<string, unknown>> => {
    for (let i = 0; i < 600; i++) {
      const { json } = await call("GET", `/v1/jobs/${jobId}`);
      if (json["finished_at"]) return json;
      await Bun.sleep(100);
    }
    throw new Error(`job ${jobId} did not finish in a minute`);
  };
  return { call, finished };
}
