/**
 * The compiled executable as a sync runs in it: a process of its own on real services or on what it brings itself, spoken
 * to over HTTP alone, and watched for what it costs.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { client, scratch, serve, sluiceJson } from "../support/binary.ts";
import type { RealServices } from "../support/services.ts";

export interface Item {
  external_ref: string;
  item_status: string;
  error_code: string | null;
  error_message: string | null;
}

/** The fields of a job that syncs are judged by. */
export interface Job {
  job_id: string;
  job_status: string;
  error_code: string | null;
  error_message: string | null;
  descriptors_listed: number;
  items_fetched: number;
  items_skipped_incremental: number;
  items_skipped: number;
  items_ingested: number;
  items_failed: number;
  items_canceled: number;
  vectors_embedded: number;
  result_json: { connections?: Summary[] } | null;
}

export interface Summary {
  listing_complete: boolean;
  hidden: number;
  purged: number;
  restored: number;
  reason?: string;
}

export interface Cost {
  seconds: number;
  /** Of the product's own process: user and system time. */
  cpuSeconds: number;
  rssPeakMb: number;
}

export interface Product {
  connect(config: Record<string, unknown>, secrets: Record<string, string>): Promise<void>;
  /** One whole sync of pages and attachments. */
  sync(options?: Record<string, unknown>): Promise<{ job: Job; summary: Summary | undefined; cost: Cost }>;
  items(jobId: string, status: string): Promise<Item[]>;
  /** Documents that search finds: ids by external ref. */
  documents(): Promise<Map<string, string>>;
  chunkCount(documentId: string): Promise<number>;
  rssMb(): number;
  stop(): Promise<void>;
}

const BASE_ENV = { CONFLUENCE_ALLOW_PRIVATE_NETWORK: "true", SECRET_KEY: "a secret key for tests only" };

/** Without `services` it runs on its embedded database. `env`: further settings. */
export async function startProduct(services: RealServices | null, env: Record<string, string> = {}): Promise<Product> {
  const folder = scratch();
  const whole = { ...BASE_ENV, ...services?.env, ...env };
  const own = services ? await credentials(folder, whole) : null;
  const service = await serve(folder, whole);
  const { tenant_id, token } = own ?? embeddedCredentials(folder);
  const api = client(service.url, token);

  async function all<T>(path: string, field: string): Promise<T[]> {
    const rows: T[] = [];
    for (let cursor = ""; ; ) {
      const { json } = await api.call("GET", `${path}limit=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      rows.push(...(json[field] as T[]));
      if (!json["next_cursor"]) return rows;
      cursor = json["next_cursor"] as string;
    }
  }

  async function finished(jobId: string): Promise<Job> {
    for (;;) {
      const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
      if (json["finished_at"]) return json as unknown as Job;
      await Bun.sleep(100);
    }
  }

  return {
    async connect(config, secrets) {
      const body = { tenant_id, source_type: "CONFLUENCE_PAGE", name: "wiki", config, secrets };
      const { status, json } = await api.call("POST", "/v1/connections", body);
      if (status !== 201) throw new Error(`the connection was refused: ${JSON.stringify(json)}`);
    },
    async sync(options = {}) {
      const source_types = ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"];
      const [startedAt, cpuBefore] = [performance.now(), cpuSeconds(service.pid)];
      let rssPeakMb = 0;
      const watch = setInterval(() => {
        rssPeakMb = Math.max(rssPeakMb, rssMb(service.pid));
      }, 100);
      const asked = await api.call("POST", "/v1/ingest/sources/sync", { tenant_id, source_types, ...options });
      const job = await finished(asked.json["job_id"] as string).finally(() => clearInterval(watch));
      const seconds = (performance.now() - startedAt) / 1000;
      const cost = { seconds, cpuSeconds: cpuSeconds(service.pid) - cpuBefore, rssPeakMb };
      return { job, summary: job.result_json?.connections?.[0], cost };
    },
    items: (jobId, status) => all<Item>(`/v1/jobs/${jobId}/items?status=${status}&`, "items"),
    async documents() {
      const rows = await all<{ external_ref: string; document_id: string }>("/v1/documents?", "documents");
      return new Map(rows.map((row) => [row.external_ref, row.document_id]));
    },
    chunkCount: async (id) => (await all(`/v1/documents/${id}/chunks?`, "chunks")).length,
    rssMb: () => rssMb(service.pid),
    async stop() {
      await service.stop();
    },
  };
}

interface Credentials {
  tenant_id: string;
  token: string;
}

async function credentials(folder: string, env: Record<string, string>): Promise<Credentials> {
  const { tenant_id } = await sluiceJson<Credentials>(folder, ["tenant", "create", `wiki ${Bun.randomUUIDv7()}`], env);
  const created = ["token", "create", "--tenant", tenant_id, "--name", "test"];
  return { tenant_id, token: (await sluiceJson<Credentials>(folder, created, env)).token };
}

const embeddedCredentials = (folder: string): Credentials =>
  JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8")) as Credentials;

/** Zero where the system tells nothing of processes. */
function rssMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readProcess(pid, "status"))?.[1] ?? 0) / 1024;
}

/** In ticks of 10 ms, as Linux counts. */
function cpuSeconds(pid: number): number {
  const fields = readProcess(pid, "stat")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
