/** Backup and restore of embedded mode, through the binary alone. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, serve, sluice, sluiceJson } from "../support/binary.ts";

const DEMO = join(import.meta.dir, "../demo/documents");

test("what was restored is what was backed up, and goes on from there", async () => {
  const folder = scratch();
  const first = await sluiceJson<{ items_ingested: number }>(folder, ["ingest", DEMO]);
  expect(first.items_ingested).toBe(13);
  const hits = async (env = {}) =>
    (await sluiceJson<{ hits: unknown[] }>(folder, ["search", "vacation days"], env)).hits;
  const before = await hits();
  expect(await sluiceJson(folder, ["backup", "one.tar.zst"])).toMatchObject({ exitCode: 0, format: 1 });
  expect(statSync(join(folder, "one.tar.zst")).mode & 0o777).toBe(0o600);
  expect((await sluice(folder, ["backup", "one.tar.zst"])).stderr).toContain("backup.exists");

  const env = { DATA_DIR: join(folder, "elsewhere") };
  const { stdout, code } = await sluice(folder, ["restore", "one.tar.zst"], env);
  expect([code, stdout]).toEqual([0, expect.stringContaining("all verified")]);
  expect(await hits(env)).toEqual(before);
  const again = await sluiceJson<Record<string, number>>(folder, ["ingest", DEMO], env);
  expect(again).toMatchObject({ items_skipped_incremental: 13, items_fetched: 0, exitCode: 0 });
  expect((await sluice(folder, ["fsck"], env)).code).toBe(0);
  for (const secret of ["secret.key", "token.json"])
    expect(readFileSync(join(env.DATA_DIR, secret), "utf8")).toBe(
      readFileSync(join(folder, ".sluice", secret), "utf8"),
    );
  expect((await sluice(folder, ["restore", "one.tar.zst"], env)).stderr).toContain("backup.not_empty");
}, 120_000);

test("a backup that is cut off or changed restores nothing and leaves nothing", async () => {
  const folder = scratch();
  await sluice(folder, ["migrate"]);
  await sluice(folder, ["backup", "whole.tar.zst"]);
  const whole = readFileSync(join(folder, "whole.tar.zst"));
  const tar = Bun.zstdDecompressSync(whole);
  // In the middle of a file of the database.
  const flipped = Buffer.from(tar);
  flipped[Math.floor(flipped.length / 2)]! ^= 1;
  const broken = {
    cut: whole.subarray(0, whole.length / 2),
    changed: Bun.zstdCompressSync(flipped),
    else: Buffer.from("no archive"),
  };
  for (const [name, bytes] of Object.entries(broken)) {
    writeFileSync(join(folder, name), bytes);
    const { code, stderr } = await sluice(folder, ["restore", name], { DATA_DIR: join(folder, "new") });
    expect([code, stderr]).toEqual([1, expect.stringContaining("backup.damaged")]);
  }
  expect(readdirSync(folder).filter((name) => name.startsWith("new"))).toEqual([]);
}, 60_000);

test("a DATA_DIR in use is not backed up, and one of a server's database neither", async () => {
  const folder = scratch();
  const service = await serve(folder);
  expect((await sluice(folder, ["backup", "live.tar.zst"])).stderr).toContain("data_dir.locked");
  expect(await service.stop()).toBe(0);
  const env = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
  expect((await sluice(folder, ["backup", "remote.tar.zst"], env)).stderr).toContain("backup.not_embedded");
  expect(["live.tar.zst", "remote.tar.zst"].map((name) => existsSync(join(folder, name)))).toEqual([false, false]);
}, 60_000);
