/**
 * The crash suite: the compiled binary under load against real Postgres and S3, while processes, connections and machines
 * fail; after each scenario everything that was acknowledged must be there, once, and `sluice fsck` must find nothing.
 * Usage: SEED=1 bun test/faults/run.ts dist/sluice [SCENARIO…]
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { halfOpen, loseS3 } from "./broken_network.ts";
import { moveDatabaseClock, moveProcessClocks } from "./clocks.ts";
import { fillDisk, killEmbedded } from "./embedded.ts";
import { starveChildren } from "./hungry_child.ts";
import { killAtFailpoints, killAtRandom } from "./kills.ts";
import { killPostgres } from "./postgres_killed.ts";
import { Random } from "./random.ts";
import { Report } from "./report.ts";
import type { SuiteContext } from "./stage.ts";
import { blockForEver, wakeTooLate } from "./stuck_threads.ts";

/** Failures, or why it cannot be tried here. */
type Outcome = string[] | { skipped: string };

const SCENARIOS: Record<string, (suite: SuiteContext) => Promise<Outcome>> = {
  "kill-at-failpoints": (suite) => killAtFailpoints(suite, 3),
  "kill-at-random": (suite) => killAtRandom(suite, 30),
  "postgres-killed": (suite) => killPostgres(suite, 15),
  "s3-lost": (suite) => loseS3(suite, 15),
  "half-open": halfOpen,
  "blocked-thread": (suite) => blockForEver(suite, 1),
  "late-thread": (suite) => wakeTooLate(suite, 2),
  "hungry-child": (suite) => starveChildren(suite, 2),
  "database-clock": moveDatabaseClock,
  "process-clocks": (suite) => moveProcessClocks(suite, 6),
  "embedded-killed": (suite) => killEmbedded(suite, 8),
  "full-disk": fillDisk,
};

const { TEST_DATABASE_URL: databaseUrl, TEST_S3_ENDPOINT: s3Endpoint } = process.env;
if (!databaseUrl || !s3Endpoint) throw new Error("set TEST_DATABASE_URL and TEST_S3_* to services that may be loaded");
const [binary = "dist/sluice", ...wanted] = process.argv.slice(2);
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const unknown = wanted.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0)
  throw new Error(`no such scenario: ${unknown.join(", ")}; there are ${Object.keys(SCENARIOS).join(", ")}`);

const folder = mkdtempSync(join(tmpdir(), "sluice-faults-binary-"));
const report = new Report();
console.log(`seed ${seed}; SEED=${seed} makes the same decisions again`);
try {
  // A copy: a build meanwhile must not change what is tested.
  const copy = join(folder, "sluice");
  copyFileSync(binary, copy);
  const chosen = Object.keys(SCENARIOS).filter((name) => wanted.length === 0 || wanted.includes(name));
  // Mostly waiting for connections that nobody closes: it goes on beside the others.
  const beside = chosen.includes("half-open") ? run("half-open", copy) : null;
  for (const name of chosen) if (name !== "half-open") await run(name, copy);
  await beside;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report.print(seed);
process.exitCode = report.failed ? 1 : 0;

async function run(name: string, copy: string): Promise<void> {
  // By its place and not by what ran before, so that a scenario alone does the same.
  const random = new Random(seed + Object.keys(SCENARIOS).indexOf(name));
  const startedAt = performance.now();
  const outcome = await SCENARIOS[name]!({
    binary: copy,
    random,
    report,
    databaseUrl: databaseUrl!,
    s3Endpoint: s3Endpoint!,
  }).catch(
    (error: unknown): Outcome => [`the scenario broke off: ${error instanceof Error ? error.stack : String(error)}`],
  );
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const failures = Array.isArray(outcome) ? outcome : [];
  const skipped = Array.isArray(outcome) ? null : outcome.skipped;
  report.results.push({ scenario: name, failures, skipped });
  for (const failure of failures) console.log(`    ${failure}`);
  console.log(`${skipped ? "skipped" : failures.length > 0 ? "FAILED " : "passed "} ${name} (${seconds} s)`);
}
