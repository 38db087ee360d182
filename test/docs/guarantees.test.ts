import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { INVARIANTS } from "../../src/store/fsck_invariants.ts";

const ROOT = join(import.meta.dir, "../..");
const page = readFileSync(join(ROOT, "docs/guarantees.md"), "utf8");
const read = (path: string): string => (existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), "utf8") : "");

test("every test that a promise names is there", () => {
  const named = [...page.matchAll(/`(test\/[^`]+\.ts)`: (.+?)(?= · | \||; fsck|; crash|\.?$| · )/gm)];
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter(([, file, name]) => !read(file!).includes(`"${name}"`)).map(([whole]) => whole);
  expect(missing).toEqual([]);
});

test("every scenario and every invariant that a promise names is there", () => {
  const suite = read("test/faults/run.ts");
  const names = (kind: string): string[] =>
    [...page.matchAll(new RegExp(`${kind} ((?:\`[a-z_-]+\`(?:, )?)+)`, "g"))].flatMap(([, list]) =>
      [...list!.matchAll(/`([a-z_-]+)`/g)].map(([, name]) => name!),
    );
  const scenarios = names("crash suite");
  const invariants = names("fsck");
  expect(scenarios.length).toBeGreaterThan(5);
  expect(scenarios.filter((name) => !suite.includes(`"${name}"`))).toEqual([]);
  const known = new Set([...INVARIANTS.map((one) => one.name), "objects_exist", "objects_are_true"]);
  expect(invariants.filter((name) => !known.has(name))).toEqual([]);
});
