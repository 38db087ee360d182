import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../src/main.ts");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-convert-"));
  await writeFile(join(folder, "a.md"), "---\ntitle: A\n---\n# A  \n");
  await writeFile(join(folder, "b.txt"), "1. not *Markdown*\n");
  await writeFile(join(folder, "c.png"), Buffer.from("89504e470d0a1a0a00000000", "hex"));
  await mkdir(join(folder, "empty"));
  await mkdir(join(folder, "tree/deep"), { recursive: true });
  await writeFile(join(folder, "tree/one.md"), "# One\n");
  await writeFile(join(folder, "tree/deep/two.txt"), "two\n");
  await writeFile(join(folder, "tree/page.xhtml"), "<p>A page</p>");
  await writeFile(join(folder, "long.md"), "word word word word\n".repeat(50_000));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function convert(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = Bun.spawn([process.execPath, MAIN, "convert", ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  return { code, stdout, stderr };
}

test("one file goes to stdout, whole", async () => {
  expect(await convert("a.md")).toEqual({ code: 0, stdout: "# A\n", stderr: "" });
  const { stdout } = await convert("long.md");
  expect(stdout.length).toBe(20 * 50_000);
});

test("several files go into a folder; what fails is listed at the end and does not stop the rest", async () => {
  const { code, stdout, stderr } = await convert("c.png", "empty", "missing.md", "b.txt", "a.md", "--out", "out");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("3 of 5 files could not be converted");
  for (const failure of ["(convert.unsupported_type)", "(cli.is_folder)", "(cli.unreadable_file)"])
    expect(stderr).toContain(failure);
  expect((await readdir(join(folder, "out"))).sort()).toEqual(["a.md.md", "b.txt.md"]);
  expect(await readFile(join(folder, "out/b.txt.md"), "utf8")).toBe("1\\. not \\*Markdown\\*\n");
});

test("a folder is all documents in it that are of the type", async () => {
  expect((await convert("tree", "--out", "of-tree")).code).toBe(0);
  expect((await readdir(join(folder, "of-tree"))).sort()).toEqual(["one.md.md", "two.txt.md"]);
  expect((await convert("tree", "--type", "confluence", "--out", "of-pages")).code).toBe(0);
  expect(await readdir(join(folder, "of-pages"))).toEqual(["page.xhtml.md"]);
});

test("a type overrules recognition, and a wrong one is a usage error", async () => {
  expect((await convert("b.txt", "--type", "md")).stdout).toBe("1. not *Markdown*\n");
  expect((await convert("b.txt", "--type", "rtf")).code).toBe(2);
  expect((await convert("a.md", "b.txt")).code).toBe(2);
});

test("JSON lines tell each file's result", async () => {
  const { stdout, code } = await convert("a.md", "c.png", "--json");
  const [good, bad] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(good).toMatchObject({ file: "a.md", format: "markdown", title: "A", markdown: "# A\n" });
  expect(bad).toMatchObject({ file: "c.png", error: { code: "convert.unsupported_type" } });
  expect(code).toBe(1);
});
