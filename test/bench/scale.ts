/**
 * Whether cost stays flat: what a document costs when there are a thousand, ten thousand and a hundred thousand of them
 * (generated), and what it costs to find that none of them has changed.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, ingest, install } from "./bench.ts";
import { writeDocuments } from "./generate.ts";
import { postgresCpuSeconds } from "./measure.ts";

const SUITE = "Scale";
const LARGEST = 100_000;

export async function benchScale(bench: Bench): Promise<void> {
  const sizes =
    process.env["BENCH_DOCUMENTS"]?.split(",").map(Number) ?? (bench.quick ? [500, 2_000] : [1_000, 10_000, LARGEST]);
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    let written = 0;
    for (const size of sizes) {
      writeDocuments(folder, written, size);
      written = size;
      await measure(bench, folder, size);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ report, ...bench }: Bench, folder: string, size: number): Promise<void> {
  // A hundred thousand objects in S3 would take longer to remove than all else takes.
  const at = await install({ report, ...bench }, "local objects");
  try {
    const before = postgresCpuSeconds();
    const first = await ingest({ report, ...bench }, at, folder);
    await Bun.sleep(300);
    const postgres = postgresCpuSeconds() - before;
    const again = await ingest({ report, ...bench }, at, folder);
    const what = `${size.toLocaleString("en-US")} documents, ${first.chunks.toLocaleString("en-US")} chunks`;
    const row = (who: string, unit: string, value: number, goal?: { limit: number; sense: "<=" }): void =>
      report.add({ suite: SUITE, what, who, unit, runs: [value], ...(goal && { goal }) });
    row("a document", "ms", first.duration_ms / size);
    row("a document, own processor time", "ms", (first.cpuSeconds * 1000) / size);
    row("a document, processor time of Postgres", "ms", (postgres * 1000) / size);
    row("peak memory", "MB", first.peakMb, { limit: 300, sense: "<=" });
    const isGoal = size === LARGEST;
    row("unchanged re-sync, whole command", "s", again.wallMs / 1000, isGoal ? { limit: 10, sense: "<=" } : undefined);
    row("unchanged re-sync, peak memory", "MB", again.peakMb, { limit: 300, sense: "<=" });
  } finally {
    await at.close();
  }
}
