/**
 * `sluice restore`: a new DATA_DIR from a backup. Everything is unpacked beside it and verified there: each file by its
 * checksum, the database by opening it. Only then does it get its name, so that a DATA_DIR is whole or not there.
 */
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import * as v from "valibot";
import type { Config } from "../config.ts";
import { migrationStatus } from "../db/migrate.ts";
import { InputError, messageOf, PermanentError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { type BackupFacts, DATA, sha256Of } from "./backup.ts";
import type { Launch } from "./launch.ts";
import { withDatabase } from "./operate.ts";
import { count, EXIT, print, printJson, size } from "./terminal.ts";

const Facts = v.object({
  format: v.literal(1),
  created_at: v.string(),
  sluice: v.string(),
  schema: v.number(),
  postgres: v.string(),
  files: v.number(),
  bytes: v.number(),
});

/** Throws InputError and PermanentError `backup.*`; then nothing of the backup is left behind. */
export async function restore(
  file: string,
  options: { json: boolean },
  config: Config,
  launch: Launch,
): Promise<number> {
  const { dataDir } = config;
  if ((await readdir(dataDir).catch(() => [])).length > 0)
    throw new InputError("backup.not_empty", `${dataDir} is not empty`);
  const beside = `${dataDir}.restoring-${process.pid}`;
  try {
    await unpack(file, beside);
    const facts = await readFacts(beside);
    await verifyFiles(beside, facts);
    const restored = { ...config, dataDir: join(beside, DATA), database: { ...config.database, url: null } };
    await withDatabase(restored, launch, migrationStatus).catch((error: unknown) => {
      throw damaged(`its database does not open: ${messageOf(error)}`);
    });
    await rmdir(dataDir).catch(() => {});
    await rename(join(beside, DATA), dataDir);
    if (options.json) printJson({ data_dir: dataDir, ...facts });
    else
      print(`${dataDir}: ${count(facts.files)} files of ${size(facts.bytes)}, as of ${facts.created_at}; all verified`);
    return EXIT.ok;
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function unpack(file: string, folder: string): Promise<void> {
  const archive = createReadStream(file);
  try {
    // Files and folders only: a backup holds nothing else, and a link could lead out of the folder.
    const plain = { filter: ({ type }: { type?: string }) => type === "file" || type === "directory" };
    await pipeline(archive, createZstdDecompress(), unpackTar(folder, plain));
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw error;
    throw damaged(messageOf(error));
  }
}

async function readFacts(folder: string): Promise<BackupFacts> {
  const text = await readFile(join(folder, "backup.json"), "utf8").catch(() => "");
  const facts = v.safeParse(v.pipe(v.string(), v.parseJson(), Facts), text);
  if (!facts.success) throw damaged("it does not begin with what it is");
  if (facts.output.schema > VERSION.schema)
    throw new PermanentError(
      "backup.other_version",
      `it was written by ${facts.output.sluice} with schema ${facts.output.schema}; this release knows ${VERSION.schema}`,
    );
  return facts.output;
}

/** Every file of the list is there and what it was, and there is no other. */
async function verifyFiles(folder: string, facts: BackupFacts): Promise<void> {
  const lines = (await readFile(join(folder, "SHA256SUMS"), "utf8").catch(() => "")).split("\n").filter(Boolean);
  if (lines.length !== facts.files) throw damaged(`it lists ${lines.length} of ${facts.files} files`);
  const found = await readdir(join(folder, DATA), { recursive: true, withFileTypes: true }).catch(() => []);
  const present = found.filter((entry) => entry.isFile()).length;
  if (present !== facts.files) throw damaged(`it has ${present} of ${facts.files} files`);
  for (const line of lines) {
    const [sum, path] = [line.slice(0, 64), line.slice(66)];
    const there = await lstat(join(folder, path)).catch(() => null);
    if (!there?.isFile() || (await sha256Of(join(folder, path))) !== sum)
      throw damaged(`${path} is missing or changed`);
  }
}

const damaged = (why: string): PermanentError =>
  new PermanentError("backup.damaged", `the backup cannot be used: ${why}`);
