/**
 * Objects as files under `<root>/<raw|markdown>/<key>`, named `local://<raw|markdown>/<key>` so that the folder can be
 * moved. An object appears whole or not at all: it is written to a temporary file of the same filesystem and linked to
 * its name, which fails when the name exists. Small writes use the synchronous calls: on a local disk they take tens of
 * microseconds, several times less than a round through the thread pool.
 */

import * as fs from "node:fs";
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, readdir, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { messageOf, PermanentError, SluiceError, TransientError } from "../errors.ts";
import {
  assertKey,
  type Bucket,
  type CheckResult,
  type ObjectBody,
  type ObjectStore,
  type StoredObject,
} from "./objects.ts";

const SCHEME = "local://";
const STREAM_CHUNK = 256 * 1024;
/** Above this a body is read and written in the thread pool, so that the calling thread is not held up. */
const SYNC_MAX = 4 * 1024 * 1024;
const LEFTOVER_AGE_MS = 24 * 3600 * 1000;
/** Remembered parents; a version's folder is used three times and never again. */
const KNOWN_FOLDERS_MAX = 10_000;

export interface LocalObjectsOptions {
  durable?: boolean;
}

export class LocalObjects implements ObjectStore {
  private readonly durable: boolean;
  private readonly temp: string;
  private readonly known = new Set<string>();
  private opened = false;

  constructor(
    private readonly root: string,
    options: LocalObjectsOptions = {},
  ) {
    this.durable = options.durable ?? false;
    this.temp = path.join(root, ".tmp");
  }

  uriOf(bucket: Bucket, key: string): string {
    assertKey(key);
    return `${SCHEME}${bucket}/${key}`;
  }

  async putNew(bucket: Bucket, key: string, body: ObjectBody, _contentType: string) {
    const uri = this.uriOf(bucket, key);
    const target = path.join(this.root, bucket, key);
    if (fs.existsSync(target)) return { uri, created: false };
    const temp = path.join(this.temp, Bun.randomUUIDv7("base64url"));
    try {
      this.prepare();
      await this.writeTemp(temp, body);
      return { uri, created: this.publish(temp, target) };
    } catch (error) {
      throw translated(uri, error, "write");
    } finally {
      fs.rmSync(temp, { force: true });
    }
  }

  private async writeTemp(temp: string, body: ObjectBody): Promise<void> {
    if (!(body instanceof Uint8Array)) {
      // Copied, never linked: a link would share the inode with a file that its owner may go on writing.
      await copyFile(body.file, temp, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      if ((await stat(temp)).size !== body.size) throw changedWhileRead(body.file);
      if (this.durable) await syncFile(temp);
      return;
    }
    if (body.byteLength > SYNC_MAX) {
      const handle = await open(temp, "wx", 0o640);
      try {
        await handle.writeFile(body);
        if (this.durable) await handle.datasync();
      } finally {
        await handle.close();
      }
      return;
    }
    const fd = fs.openSync(temp, "wx", 0o640);
    try {
      for (let done = 0; done < body.byteLength; ) done += fs.writeSync(fd, body, done, body.byteLength - done);
      if (this.durable) fs.fdatasyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  async read(uri: string, maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    const file = this.pathOf(uri);
    return await guarded(uri, async () => {
      const size = fs.statSync(file).size;
      if (size > maxBytes) throw tooLarge(uri, maxBytes);
      if (size <= SYNC_MAX) return new Uint8Array(fs.readFileSync(file));
      return new Uint8Array(await Bun.file(file).arrayBuffer());
    });
  }

  async stream(uri: string): Promise<{ body: ReadableStream<Uint8Array>; size: number }> {
    const file = this.pathOf(uri);
    return await guarded(uri, async () => {
      const handle = await open(file, "r");
      const { size } = await handle.stat();
      return { body: streamOf(handle), size };
    });
  }

  async exists(uri: string): Promise<boolean> {
    return fs.existsSync(this.pathOf(uri));
  }

  async *list(bucket: Bucket): AsyncGenerator<StoredObject[]> {
    const folder = path.join(this.root, bucket);
    // A page is what lies under one folder of the first level: the objects of a tenant's source share none with others.
    for (const tenant of await readdir(folder).catch(() => []))
      for (const source of await readdir(path.join(folder, tenant)).catch(() => [])) {
        const below = path.join(folder, tenant, source);
        const names = await readdir(below, { recursive: true, withFileTypes: true }).catch(() => []);
        const files = names.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
        const found = files.map((file) => {
          const { size, mtime } = fs.statSync(file);
          return { uri: `${SCHEME}${bucket}/${path.relative(folder, file)}`, bytes: size, writtenAt: mtime };
        });
        if (found.length > 0) yield found;
      }
  }

  async remove(uri: string): Promise<void> {
    const file = this.pathOf(uri);
    await guarded(uri, async () => fs.rmSync(file, { force: true }));
    // Of a version that is gone no empty folders shall stay; whoever writes into one of them makes it again.
    for (let at = path.dirname(file); at.length > this.root.length + 1 && removedEmpty(at); at = path.dirname(at))
      this.known.delete(at);
  }

  async createBuckets(): Promise<string[]> {
    const created: string[] = [];
    for (const bucket of ["raw", "markdown"]) {
      if (fs.mkdirSync(path.join(this.root, bucket), { recursive: true }) !== undefined) created.push(bucket);
    }
    return created;
  }

  async check(): Promise<CheckResult[]> {
    const name = "objects (local)";
    const uri = this.uriOf("raw", `.doctor/${Bun.randomUUIDv7()}`);
    try {
      const key = uri.slice(`${SCHEME}raw/`.length);
      const bytes = new TextEncoder().encode("doctor");
      const first = await this.putNew("raw", key, bytes, "text/plain");
      const second = await this.putNew("raw", key, new Uint8Array(1), "text/plain");
      const back = await this.read(uri);
      await this.remove(uri);
      if (!first.created || second.created || Buffer.compare(back, bytes) !== 0) {
        return [{ name, status: "fail", detail: `${this.root}: an object was overwritten or read back changed` }];
      }
      return [{ name, status: "ok", detail: `${this.root}: write, read, no overwrite, delete` }];
    } catch (error) {
      return [
        { name, status: "fail", detail: messageOf(error), help: "Correct the folder's permissions or free space." },
      ];
    }
  }

  async close(): Promise<void> {}

  private pathOf(uri: string): string {
    if (!uri.startsWith(SCHEME)) {
      throw new PermanentError("objects.unknown_scheme", `no store is configured for ${schemeOf(uri)}`);
    }
    const [bucket = "", ...key] = uri.slice(SCHEME.length).split("/");
    if (bucket !== "raw" && bucket !== "markdown")
      throw new PermanentError("objects.bad_key", `no such bucket: ${uri}`);
    assertKey(key.join("/"));
    return path.join(this.root, bucket, ...key);
  }

  /** Creates the temporary folder once and removes what a crash left in it. */
  private prepare(): void {
    if (this.opened) return;
    fs.mkdirSync(this.temp, { recursive: true, mode: 0o750 });
    this.opened = true;
    void sweep(this.temp);
  }

  private publish(temp: string, target: string): boolean {
    const folder = path.dirname(target);
    this.createFolder(folder);
    let created: boolean;
    try {
      created = linkNew(temp, target);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      // Somebody removed a folder that we remember; once more from scratch.
      this.known.clear();
      this.createFolder(folder);
      created = linkNew(temp, target);
    }
    if (created && this.durable) syncFolder(folder);
    return created;
  }

  private createFolder(folder: string): void {
    if (this.known.has(folder)) return;
    const first = fs.mkdirSync(folder, { recursive: true, mode: 0o750 });
    if (first !== undefined && this.durable) {
      // A new folder is on disk only when its parent is.
      for (let at = folder; at.length >= first.length; at = path.dirname(at)) syncFolder(path.dirname(at));
    }
    if (this.known.size >= KNOWN_FOLDERS_MAX) this.known.clear();
    this.known.add(folder);
  }
}

/** Gives a file its final name unless the name exists; false when it does. */
function linkNew(temp: string, target: string): boolean {
  try {
    fs.linkSync(temp, target);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") return false;
    // Filesystems without hard links (exFAT, some network mounts): the check and the rename are two steps there,
    // which is still whole-or-nothing, and a lost race replaces an object by an equal one.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
    if (fs.existsSync(target)) return false;
    fs.renameSync(temp, target);
    return true;
  }
}

function removedEmpty(folder: string): boolean {
  try {
    fs.rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function streamOf(handle: FileHandle): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const buffer = new Uint8Array(STREAM_CHUNK);
          const { bytesRead } = await handle.read(buffer, 0, STREAM_CHUNK, null);
          if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
          await handle.close();
          controller.close();
        } catch (error) {
          await handle.close().catch(() => {});
          controller.error(error);
        }
      },
      async cancel() {
        await handle.close();
      },
    },
    { highWaterMark: 0 },
  );
}

async function sweep(folder: string): Promise<void> {
  const before = Date.now() - LEFTOVER_AGE_MS;
  for (const name of await readdir(folder).catch(() => [])) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => null);
    if (found !== null && found.mtimeMs < before) await unlink(file).catch(() => {});
  }
}

/** Runs a reading file operation and turns its errors into ours. */
async function guarded<T>(uri: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw translated(uri, error, "read");
  }
}

function translated(uri: string, error: unknown, doing: "read" | "write"): unknown {
  const code = codeOf(error);
  if (error instanceof SluiceError || code === undefined) return error;
  if (doing === "read" && (code === "ENOENT" || code === "ENOTDIR")) {
    return new PermanentError("objects.not_found", `no such object: ${uri}`, { uri }, { cause: error });
  }
  // A full disk or a lost mount comes back; nothing about the document is wrong.
  return new TransientError("objects.disk", `${uri}: ${messageOf(error)}`, { uri, errno: code }, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code;
}

function schemeOf(uri: string): string {
  return /^[a-z0-9+.-]{1,20}:\/\//i.exec(uri)?.[0] ?? "a URI without a scheme";
}

function tooLarge(uri: string, maxBytes: number): PermanentError {
  return new PermanentError("objects.too_large", `${uri} is larger than ${maxBytes} bytes`, { uri, maxBytes });
}

function changedWhileRead(file: string): TransientError {
  return new TransientError("objects.disk", `${path.basename(file)} changed while it was stored`);
}
