/**
 * Every command block of the docs is run with the compiled binary, or says why not. The blocks of a page are one story:
 * they run in order in one scratch folder, which holds the sample documents as `handbook/`.
 */
import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { BINARY, scratch } from "../support/binary.ts";
import { realServices } from "../support/services.ts";
import { type Block, blocksOf, PAGES } from "./blocks.ts";

const ROOT = join(import.meta.dir, "../..");
const services = await realServices();
afterAll(() => services?.close());

/** A page runs with services where one of its blocks needs them, so that all of its blocks see the same installation. */
for (const page of PAGES) {
  const blocks = blocksOf(page).filter(({ language, run }) => language === "sh" && run !== "never");
  const needsServices = blocks.some(({ run }) => run === "services");
  if (blocks.length === 0) continue;
  test.if(!needsServices || services !== null)(
    `the commands of ${page} do what it says`,
    () => runPage(blocks, needsServices),
    180_000,
  );
}

async function runPage(blocks: Block[], withServices: boolean): Promise<void> {
  const folder = scratch();
  const bin = join(folder, ".bin");
  mkdirSync(bin);
  symlinkSync(BINARY, join(bin, "sluice"));
  cpSync(join(ROOT, "test/demo/documents"), join(folder, "handbook"), { recursive: true });
  const port = freePort();
  const steps = blocks.map(
    ({ at, text }) => `echo "### ${at}" >&2\n${text.replaceAll("localhost:8100", `localhost:${port}`)}`,
  );
  // Whatever a block starts in the background ends with the page.
  const script = [
    "set -euo pipefail",
    `trap 'pids=$(jobs -p); [ -z "$pids" ] || kill $pids; wait' EXIT`,
    ...steps,
  ].join("\n");
  const shell = Bun.spawn(["bash", "-c", script], {
    cwd: folder,
    env: {
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      HOME: folder,
      PORT: String(port),
      LANG: "C.UTF-8",
      ...(withServices ? services?.env : {}),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
    shell.exited,
  ]);
  if (code !== 0) throw new Error(`exit code ${code}\n${stderr.slice(-3000)}\n${stdout.slice(-1000)}`);
}

function freePort(): number {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port!;
}

test("every block of the docs names its language", () => {
  expect(
    PAGES.flatMap(blocksOf)
      .filter(({ language }) => language === "")
      .map(({ at }) => at),
  ).toEqual([]);
});

test("every link between the docs leads to a file that is there, and to a heading that it has", () => {
  const broken = PAGES.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)/g)].flatMap(([link, path, anchor]) => {
      const target = path ? join(ROOT, dirname(page), path) : join(ROOT, page);
      if (!existsSync(target)) return [`${page}: ${link}`];
      if (!anchor || !target.endsWith(".md")) return [];
      return headings(target).includes(anchor.slice(1)) ? [] : [`${page}: ${link}`];
    });
  });
  expect(broken).toEqual([]);
});

/** Anchors as GitHub makes them. */
const headings = (path: string): string[] =>
  [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
