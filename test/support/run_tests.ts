/**
 * Runs the test suite in two processes side by side and ends with its count, "N passed, N failed", alone on a line. Without
 * --services the tests see no outside service even if some are configured; with it they use those of TEST_DATABASE_URL and
 * TEST_S3_*, and what knows neither Postgres nor S3 is left to the run without.
 */
export {};

const LANES = 2;
/** Folders of pure stages. */
const PURE = ["markdown", "chunk", "convert", "embed", "release"];

const services = process.argv.includes("--services");
const environment: Record<string, string | undefined> = { ...process.env };
// What configures a developer's own service must not leak into the tests.
for (const name of Object.keys(environment))
  if (
    /^(DATABASE_|DATA_DIR|S3_|EMBEDDINGS_|FILE_CATALOG_|CONFLUENCE_|SECRET_KEY|WORKER_)/.test(name) ||
    (!services && name.startsWith("TEST_"))
  )
    delete environment[name];

interface Ended {
  ok: boolean;
  passed: number;
  failed: number;
  skipped: number;
}

// The first lane is shown as it goes; the others are when it has ended, so that they do not mix.
let shown = Promise.resolve();
const lanes = Array.from({ length: LANES }, (_, lane) => {
  const before = shown;
  const ended = runLane(lane + 1, before);
  shown = ended.then(() => undefined);
  return ended;
});
const all = await Promise.all(lanes);
const sum = (of: "passed" | "failed" | "skipped"): number => all.reduce((total, lane) => total + lane[of], 0);
const skipped = sum("skipped") > 0 ? `, ${sum("skipped")} skipped` : "";
console.log(`${sum("passed")} passed, ${sum("failed")} failed${skipped}`);
process.exitCode = all.every((lane) => lane.ok) ? 0 : 1;

async function runLane(lane: number, before: Promise<void>): Promise<Ended> {
  const left = services ? PURE.flatMap((folder) => ["--path-ignore-patterns", `test/${folder}/**`]) : [];
  const run = Bun.spawn([process.execPath, "test", "--timeout", "60000", `--shard=${lane}/${LANES}`, ...left], {
    env: environment,
    stdout: "inherit",
    stderr: "pipe",
    stdin: "ignore",
  });
  let mayShow = false;
  let kept = "";
  void before.then(() => {
    mayShow = true;
  });
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const decoder = new TextDecoder();
  for await (const bytes of run.stderr) {
    const text = decoder.decode(bytes, { stream: true });
    kept += text;
    counts.passed = count(text, "pass") ?? counts.passed;
    counts.failed = count(text, "fail") ?? counts.failed;
    counts.skipped = count(text, "skip") ?? counts.skipped;
    if (mayShow) {
      await Bun.write(Bun.stderr, kept);
      kept = "";
    }
  }
  const code = await run.exited;
  await before;
  // Written to its end, or the count of all would stand in the middle of it.
  await Bun.write(Bun.stderr, kept);
  // A run that broke off counts as failed whatever it had counted until then.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return { ok: code === 0 && counts.passed > 0, ...counts };
}

/** From Bun's closing lines, " 12 pass". */
function count(text: string, word: string): number | undefined {
  const match = [...text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1);
  return match ? Number(match[1]) : undefined;
}
