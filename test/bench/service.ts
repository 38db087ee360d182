/** A running `sluice serve` with a tenant and its token, for the benchmarks that speak HTTP. */
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import type { Bench, Installation } from "./bench.ts";

export interface BenchService {
  url: string;
  pid: number;
  tenantId: string;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: Record<string, unknown> }>;
  headers: Record<string, string>;
  stop(): Promise<void>;
}

/** Starts it on a free port and waits until it says where it listens. */
export async function startService(
  bench: Bench,
  at: Installation,
  more: Record<string, string> = {},
): Promise<BenchService> {
  const env = { ...at.env, LOG_LEVEL: "info", PORT: "0", ...more };
  const child = Bun.spawn([bench.binary, "serve"], {
    cwd: at.folder,
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const started = Promise.withResolvers<string>();
  void (async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const entry = (line.startsWith("{") ? JSON.parse(line) : {}) as { start_ms?: number; url?: string };
        if (entry.start_ms !== undefined && entry.url) started.resolve(entry.url);
      }
    }
    started.reject(new Error(`sluice serve ended: ${rest}`));
  })();
  const url = await started.promise;
  const run = async (...args: string[]): Promise<string> => {
    const command = Bun.spawn([bench.binary, ...args], { cwd: at.folder, env, stdout: "pipe", stderr: "pipe" });
    return (await new Response(command.stdout).text()).trim();
  };
  await run("tenant", "create", "bench");
  const sql = connectDatabase({ url: at.databaseUrl }, { max: 1, applicationName: "sluice bench" });
  const [tenant] = await sql<{ tenant_id: string }[]>`SELECT tenant_id FROM tenants WHERE name = 'bench'`;
  await endDatabase(sql, 1);
  const tenantId = tenant!.tenant_id;
  const { token } = JSON.parse(await run("token", "create", "--tenant", tenantId, "--name", "bench", "--json")) as {
    token: string;
  };
  const headers = { authorization: `Bearer ${token}` };
  return {
    url,
    pid: child.pid,
    tenantId,
    headers,
    async call(method, path, body) {
      const response = await fetch(url + path, {
        method,
        headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : {} };
    },
    async stop() {
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await child.exited;
      clearTimeout(killer);
    },
  };
}
