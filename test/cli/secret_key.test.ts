import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSecretKey } from "../../src/cli/secret_key.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sluice-key-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const embedded = { url: null, poolMax: 1 };

test("in embedded mode a key is made once, readable by its owner alone", async () => {
  const made = await ensureSecretKey({ dataDir, secretKey: null, database: embedded });
  expect(made?.length).toBeGreaterThanOrEqual(32);
  expect((await stat(join(dataDir, "secret.key"))).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(["secret.key"]);
  expect(await ensureSecretKey({ dataDir, secretKey: null, database: embedded })).toBe(made);
});

test("no key is made where one is configured or machines share a database", async () => {
  const configured = "a key of the operator";
  expect(await ensureSecretKey({ dataDir, secretKey: configured, database: embedded })).toBe(configured);
  const shared = { url: "postgres://db.example/sluice", poolMax: 1 };
  expect(await ensureSecretKey({ dataDir, secretKey: null, database: shared })).toBeNull();
  expect(await readdir(dataDir)).toEqual([]);
});

test("a damaged key is not replaced, since secrets were sealed with the whole one", async () => {
  await writeFile(join(dataDir, "secret.key"), "\n");
  const damaged = ensureSecretKey({ dataDir, secretKey: null, database: embedded });
  await expect(damaged).rejects.toThrow(expect.objectContaining({ code: "config.invalid" }));
});
