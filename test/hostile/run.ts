/**
 * The hostile suite: every document of a corpus, and seeded mutations of them, through conversion in the real child and
 * then through the running service. Each must end in success or in a coded failure within its deadline, the service must
 * stay small and quick to answer, and the good documents between them must not wait for the bad ones.
 * Usage: HOSTILE_CASES=200 HOSTILE_CORPUS=folder:folder SEED=1 bun test/hostile/run.ts dist/sluice
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Random } from "../faults/random.ts";
import { convertAll } from "./convert_all.ts";
import { type Document, mutate } from "./mutate.ts";
import { serveAll } from "./serve_all.ts";

const ROOT = join(import.meta.dir, "../..");
const { HOSTILE_CORPUS = join(ROOT, "test/demo/documents"), HOSTILE_CASES = "200" } = process.env;
const SUPPORTED = /\.(?:docx|pdf|html?|md|markdown|txt|xhtml)$/i;

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
const random = new Random(seed);
const folder = mkdtempSync(join(tmpdir(), "sluice-hostile-"));

function corpus(): Document[] {
  const files = HOSTILE_CORPUS.split(":").flatMap((root) =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && SUPPORTED.test(entry.name) && !entry.name.includes(".expected."))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  if (files.length === 0) throw new Error(`no documents in ${HOSTILE_CORPUS}`);
  return files.sort().map((path, i) => ({ name: `${i}-${basename(path)}`, bytes: new Uint8Array(readFileSync(path)) }));
}

const whole = corpus();
const small = whole.filter(({ bytes }) => bytes.length > 0 && bytes.length < 1_500_000);
const mutants = Array.from({ length: Number(HOSTILE_CASES) }, (_, i) =>
  mutate(random.pick(small), random.fork(), random.pick(small), i),
);
console.log(`seed ${seed}: ${whole.length} documents, ${mutants.length} mutations`);
let failures: string[] = [];
try {
  // A copy: a build meanwhile must not change what is tested.
  const binary = join(folder, "sluice");
  copyFileSync(process.argv[2] ?? join(ROOT, "dist/sluice"), binary);
  const cases = [...whole, ...mutants];
  failures = [...(await convertAll(binary, cases)), ...(await serveAll(binary, folder, cases))];
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(failures.length === 0 ? "passed" : `${failures.length} failures; SEED=${seed} makes the same cases again`);
process.exitCode = failures.length === 0 ? 0 : 1;
