/**
 * Times the binary on a folder: first ingest, unchanged re-sync, and one changed file, each in a fresh DATA_DIR and, with
 * DATABASE_URL, a fresh database on that server. Medians of several rounds, as a Markdown table.
 * Usage: bun test/bench/ingest.ts dist/sluice [DIR] [ROUNDS]
 */
import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createDatabase } from "../support/database.ts";

const [binary = "dist/sluice", folder = join(import.meta.dir, "../demo/documents"), rounds = "3"] =
  process.argv.slice(2);

interface Ledger {
  job_status: string;
  items_ingested: number;
  chunks: number;
  duration_ms: number;
}
interface Run extends Ledger {
  peakMb: number;
}

async function ingest(cwd: string, pages: string, env: Record<string, string>): Promise<Run> {
  const child = Bun.spawn([resolve(binary), "ingest", pages, "--json"], {
    cwd,
    env,
    stdout: "pipe",
    stderr: "inherit",
  });
  const ledger = JSON.parse(await new Response(child.stdout).text()) as Ledger;
  await child.exited;
  return { ...ledger, peakMb: (child.resourceUsage()?.maxRSS ?? 0) / 1024 / 1024 };
}

async function round(): Promise<Record<string, Run>> {
  const cwd = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const pages = join(cwd, "pages");
  cpSync(folder, pages, { recursive: true });
  const server = process.env["DATABASE_URL"];
  const database = server ? await createDatabase(server) : null;
  const env: Record<string, string> = database ? { DATABASE_URL: database.target.url } : {};
  try {
    const first = await ingest(cwd, pages, env);
    const again = await ingest(cwd, pages, env);
    const file = readdirSync(pages, { recursive: true, encoding: "utf8" }).find(
      (name) => name.endsWith(".md") && statSync(join(pages, name)).isFile(),
    );
    if (file) appendFileSync(join(pages, file), "\n\nOne more paragraph.\n");
    return { "first ingest": first, "unchanged re-sync": again, "one paragraph added": await ingest(cwd, pages, env) };
  } finally {
    await database?.close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

const results: Record<string, Run>[] = [];
for (let i = 0; i < Number(rounds); i++) results.push(await round());
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
console.log(
  "| | documents | chunks | ms (median) | ms (min to max) | documents/s | peak MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
);
for (const name of Object.keys(results[0] ?? {})) {
  const runs = results.map((result) => result[name]!);
  const times = runs.map((run) => run.duration_ms);
  const documents = runs[0]!.items_ingested;
  console.log(
    `| ${name} | ${documents} | ${runs[0]!.chunks} | ${median(times)} | ${Math.min(...times)} to ${Math.max(...times)} | ${Math.round((documents / median(times)) * 1000)} | ${Math.round(median(runs.map((run) => run.peakMb)))} |`,
  );
}
