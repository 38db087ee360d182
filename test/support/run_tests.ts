/**
 * Runs the test suite and ends with its count, "N passed, N failed", alone on a line. Without --services the tests see no
 * outside service even if some are configured; with it they use those of TEST_DATABASE_URL and TEST_S3_*.
 */
export {};

const services = process.argv.includes("--services");
const environment: Record<string, string | undefined> = { ...process.env };
// What configures a developer's own service must not leak into the tests.
for (const name of Object.keys(environment))
  if (
    /^(DATABASE_|DATA_DIR|S3_|EMBEDDINGS_|FILE_CATALOG_|CONFLUENCE_|SECRET_KEY|WORKER_)/.test(name) ||
    (!services && name.startsWith("TEST_"))
  )
    delete environment[name];

const run = Bun.spawn([process.execPath, "test", "--timeout", "60000"], {
  env: environment,
  stdout: "inherit",
  stderr: "pipe",
  stdin: "ignore",
});
let passed = 0;
let failed = 0;
let skipped = 0;
const decoder = new TextDecoder();
for await (const bytes of run.stderr) {
  const text = decoder.decode(bytes, { stream: true });
  process.stderr.write(text);
  passed = count(text, "pass") ?? passed;
  failed = count(text, "fail") ?? failed;
  skipped = count(text, "skip") ?? skipped;
}
const code = await run.exited;
// A run that broke off counts as failed whatever it had counted until then.
if (code !== 0 && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = code === 0 && passed > 0 ? 0 : 1;

/** From Bun's closing lines, " 12 pass". */
function count(text: string, word: string): number | undefined {
  const match = [...text.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1);
  return match ? Number(match[1]) : undefined;
}
