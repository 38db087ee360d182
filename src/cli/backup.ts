/**
 * `sluice backup`: everything of embedded mode in one archive, while nobody works on it: the lock of DATA_DIR is held, so
 * that the files of the database and the objects belong together. The archive is a tar compressed with Zstandard; it
 * begins with what it is (`backup.json`) and with the checksum of each file (`SHA256SUMS`, as sha256sum reads it).
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { packTar } from "modern-tar/fs";
import type { Config } from "../config.ts";
import { hasDatabase } from "../db/embedded/directory.ts";
import { EMBEDDED_POSTGRES_MAJOR } from "../db/embedded/embedded.ts";
import { lockDataDir } from "../db/embedded/lock.ts";
import { InputError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { count, EXIT, print, printJson, say, size } from "./terminal.ts";

/** What `backup.json` says. */
export interface BackupFacts {
  format: 1;
  created_at: string;
  sluice: string;
  schema: number;
  postgres: string;
  files: number;
  bytes: number;
}

/** Of the running process, not of the data: the lock, the socket, the address, uploads on their way, unfinished writes. */
const LEFT_OUT = new Set(["sluice.lock", "server.json", "run", "spool", join("objects", ".tmp")]);

/** Folder of the data inside the archive. */
export const DATA = "data";

/** Writes `file`, which must not exist. Throws InputError `backup.*`, `data_dir.locked`. */
export async function backup(file: string, options: { json: boolean }, config: Config): Promise<number> {
  const { dataDir } = config;
  const target = resolve(file);
  if (config.database.url)
    throw new InputError("backup.not_embedded", "DATABASE_URL is set: this installation's database is not in DATA_DIR");
  if (existsSync(target)) throw new InputError("backup.exists", `${target} exists already`);
  if (!hasDatabase(dataDir)) throw new InputError("backup.nothing", `there is no embedded database in ${dataDir}`);
  const lock = lockDataDir(dataDir);
  try {
    const entries = (await walk(dataDir, "")).filter(({ path }) => resolve(dataDir, path) !== target);
    const files = entries.filter((entry) => !entry.folder);
    let sums = "";
    for (const { path } of files) sums += `${await sha256Of(join(dataDir, path))}  ${DATA}/${path}\n`;
    const facts: BackupFacts = {
      format: 1,
      created_at: new Date().toISOString(),
      sluice: VERSION.version,
      schema: VERSION.schema,
      postgres: EMBEDDED_POSTGRES_MAJOR,
      files: files.length,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    await writeArchive(target, dataDir, entries, facts, sums);
    if (config.objects.kind === "s3") say("The objects lie in S3 and are not part of this backup.");
    const archive = (await stat(target)).size;
    if (options.json) printJson({ file: target, archive_bytes: archive, ...facts });
    else print(`${target}: ${size(archive)}, ${count(facts.files)} files of ${size(facts.bytes)}`);
    return EXIT.ok;
  } finally {
    lock.release();
  }
}

interface Entry {
  /** Within DATA_DIR. */
  path: string;
  folder: boolean;
  bytes: number;
}

async function walk(root: string, folder: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of (await readdir(join(root, folder), { withFileTypes: true })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (LEFT_OUT.has(path)) continue;
    if (entry.isDirectory()) found.push({ path, folder: true, bytes: 0 }, ...(await walk(root, path)));
    else if (entry.isFile()) found.push({ path, folder: false, bytes: (await stat(join(root, path))).size });
  }
  return found;
}

/** Under its name only when it is whole and on disk. */
async function writeArchive(
  target: string,
  dataDir: string,
  entries: Entry[],
  facts: BackupFacts,
  sums: string,
): Promise<void> {
  const part = join(dirname(target), `.${basename(target)}.part`);
  try {
    const tar = packTar(
      [
        { type: "content", target: "backup.json", content: `${JSON.stringify(facts, null, 2)}\n`, mode: 0o600 },
        { type: "content", target: "SHA256SUMS", content: sums, mode: 0o600 },
        { type: "directory", source: dataDir, target: DATA },
      ],
      { filter: wanted(dataDir, entries) },
    );
    // It holds the secret key and the local token.
    const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    await pipeline(tar, compress, createWriteStream(part, { mode: 0o600 }));
    const written = await open(part, "r");
    await written.sync();
    await written.close();
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
}

/** The very files whose checksums were taken. */
function wanted(dataDir: string, entries: Entry[]): (path: string) => boolean {
  const paths = new Set(entries.map(({ path }) => path));
  // The two files that are made here pass through it as well.
  return (path) => !isAbsolute(path) || path === dataDir || paths.has(relative(dataDir, path));
}

/** Hex SHA-256 of a file, read piece by piece. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
