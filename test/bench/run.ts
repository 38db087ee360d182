/**
 * Runs the benchmarks: prints a Markdown table, writes it and the figures as JSON. See docs/performance.md.
 * Usage: bun test/bench/run.ts [--quick] [--only ingest,queue,…] [--rounds N] [--binary FILE]
 *   [--files DIR] [--docx DIR] [--pdf DIR] [--ir DIR] [--out FILE.json]
 * TEST_DATABASE_URL names the Postgres server, TEST_S3_* the object store; without the latter objects are local files.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { benchApi } from "./api.ts";
import type { Bench } from "./bench.ts";
import { benchConvert } from "./convert.ts";
import { benchIngest } from "./ingest.ts";
import { isMet, machineFacts, Report } from "./measure.ts";
import { benchMemory } from "./memory.ts";
import { benchBacklog, benchQueue } from "./queue.ts";
import { benchRetrieval } from "./retrieval.ts";
import { benchScale, benchUnchanged } from "./scale.ts";
import { benchSearch } from "./search.ts";

const SUITES: Record<string, (bench: Bench) => Promise<void>> = {
  ingest: benchIngest,
  queue: benchQueue,
  backlog: benchBacklog,
  convert: benchConvert,
  search: benchSearch,
  retrieval: benchRetrieval,
  scale: benchScale,
  unchanged: benchUnchanged,
  api: benchApi,
  memory: benchMemory,
};

const ROOT = join(import.meta.dir, "../..");
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: Object.keys(SUITES).join(",") },
    rounds: { type: "string" },
    binary: { type: "string", default: join(ROOT, "dist/sluice") },
    files: { type: "string" },
    docx: { type: "string" },
    pdf: { type: "string" },
    ir: { type: "string" },
    out: { type: "string", default: join(ROOT, "dist/bench.json") },
  },
});

const server = process.env["TEST_DATABASE_URL"];
if (!server) {
  console.error("set TEST_DATABASE_URL to a Postgres server with pgvector, and TEST_S3_* to an object store");
  process.exit(2);
}
const folder = (path: string | undefined): string | null => (path ? resolve(path) : null);
const bench: Bench = {
  // After each figure: an end before the last one must not cost those before it.
  report: new Report(() => written()),
  quick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
  binary: resolve(values.binary),
  server,
  files: folder(values.files),
  docx: folder(values.docx),
  pdf: folder(values.pdf),
  ir: folder(values.ir),
};
const machine = await machineFacts(server, bench.binary);
const failed: string[] = [];
mkdirSync(dirname(values.out), { recursive: true });
for (const name of values.only.split(",")) {
  const suite = SUITES[name];
  if (!suite) throw new Error(`unknown suite ${name}; there are ${Object.keys(SUITES).join(", ")}`);
  const start = performance.now();
  console.error(`${name}:`);
  // One suite that cannot run must not cost the figures of the others.
  await suite(bench).catch((error: unknown) => {
    failed.push(name);
    console.error(error);
  });
  console.error(`  ${Math.round((performance.now() - start) / 1000)} s`);
}

/** What has been measured so far, in both files. */
function written(): string {
  const facts = Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`);
  const tables = `${facts.join("\n")}\n\n${bench.report.markdown()}`;
  writeFileSync(values.out, JSON.stringify({ machine, quick: bench.quick, rows: bench.report.rows }, null, 2));
  writeFileSync(values.out.replace(/\.json$/, ".md"), tables);
  return tables;
}

console.log(written());
const missed = bench.report.rows.filter((row) => isMet(row) === false);
console.log(
  `${bench.report.rows.length} figures, ${missed.length} goals missed${failed.length > 0 ? `, failed suites: ${failed.join(", ")}` : ""}`,
);
process.exit(failed.length > 0 ? 1 : 0);
