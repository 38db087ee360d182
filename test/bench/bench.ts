/** What a benchmark is given: the services, the folders, how large to measure and where figures go. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase } from "../support/database.ts";
import { realServices } from "../support/services.ts";
import type { Report } from "./measure.ts";

export interface Bench {
  report: Report;
  /** Sizes that finish in minutes rather than an hour. */
  quick: boolean;
  /** Paired runs of what is cheap enough to repeat. */
  rounds: number;
  binary: string;
  /** Postgres server on which databases are made and dropped. */
  server: string;
  /** A tree of Markdown to ingest; without it, generated documents. */
  files: string | null;
  /** Folders of docx and pdf files, and of a retrieval set; their parts are left out without them. */
  docx: string | null;
  pdf: string | null;
  ir: string | null;
}

export interface Installation {
  /** Environment for the binary. */
  env: Record<string, string>;
  databaseUrl: string;
  /** An empty folder of its own, removed at the end. */
  folder: string;
  /** Where objects are kept, for the notes. */
  objects: "S3" | "local objects";
  close(): Promise<void>;
}

/** A fresh database, and fresh buckets where an S3 is configured. */
export async function install(bench: Bench, where?: "local objects"): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const services = where ? null : await realServices();
  const database = services ? null : await createDatabase(bench.server);
  const env = services?.env ?? { DATABASE_URL: database!.target.url };
  return {
    env: { ...env, HOME: folder, LOG_LEVEL: "error" },
    databaseUrl: env["DATABASE_URL"]!,
    folder,
    objects: services ? "S3" : "local objects",
    async close() {
      await services?.close();
      await database?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Ledger {
  job_status: string;
  items_ingested: number;
  items_skipped_incremental: number;
  chunks: number;
  links: number;
  vectors_embedded: number;
  /** Of the job itself. */
  duration_ms: number;
}

export interface IngestRun extends Ledger {
  /** Of the whole command, with start and migration. */
  wallMs: number;
  cpuSeconds: number;
  peakMb: number;
}

/** Runs `sluice ingest` to its end. */
export async function ingest(bench: Bench, at: Installation, folder: string, env = at.env): Promise<IngestRun> {
  const start = performance.now();
  const child = Bun.spawn([bench.binary, "ingest", folder, "--json"], {
    cwd: at.folder,
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  const peak = watchPeak(child.pid);
  const [text, complaints] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const peakMb = peak.stop();
  const wallMs = performance.now() - start;
  if (!text.startsWith("{")) throw new Error(`sluice ingest failed:\n${complaints}`);
  const usage = child.resourceUsage()!;
  const ledger = JSON.parse(text) as Ledger;
  if (ledger.job_status !== "done") throw new Error(`the job ended ${ledger.job_status}:\n${text}\n${complaints}`);
  return { ...ledger, wallMs, cpuSeconds: Number(usage.cpuTime.total) / 1e6, peakMb };
}

/** Runs one of the peers' scripts and returns the JSON that it prints. */
export async function runPeer<T>(script: string, options: Record<string, unknown>): Promise<T> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "peers", script), JSON.stringify(options)], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const peak = watchPeak(child.pid);
  const [text, complaints, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const peakMb = peak.stop();
  if (code !== 0) throw new Error(`${script} failed:\n${complaints}\n${text}`);
  const last = text.trim().split("\n").at(-1) ?? "";
  return { ...(JSON.parse(last) as T), peakMb };
}

/**
 * The largest resident size of a process, MB: the kernel's mark of its own memory. The maximum that it reports at its end
 * (ru_maxrss) begins with the size of whoever started it.
 */
function watchPeak(pid: number): { stop(): number } {
  let peakMb = 0;
  const look = () => {
    try {
      const [, kb] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
      if (kb) peakMb = Number(kb) / 1024;
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      return peakMb;
    },
  };
}
