/**
 * One process per data directory. The lock is flock(2) on a file in it: the kernel releases it however the process
 * ends, so that there are no stale locks to judge after a kill -9, and of two starters exactly one wins. The file also
 * carries who holds it, for the message to the other. Bun opens files close-on-exec: child processes do not keep it.
 */
import { dlopen, FFIType } from "bun:ffi";
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { InputError, messageOf } from "../../errors.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
/** Names of the C library, to be tried in order. */
export const LIBC = {
  darwin: ["libSystem.B.dylib"],
  linux: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
} as Partial<Record<NodeJS.Platform, string[]>>;

export interface DataDirLock {
  /** Path of the lock file; it stays, empty of meaning once nobody holds the lock. */
  path: string;
  release(): void;
}

function loadFlock(): (descriptor: number, operation: number) => number {
  let fault: unknown;
  for (const library of LIBC[process.platform] ?? [])
    try {
      return dlopen(library, { flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } }).symbols.flock;
    } catch (error) {
      fault = error;
    }
  throw new InputError("data_dir.unusable", `No way to lock a directory on ${process.platform}: ${messageOf(fault)}`);
}

/**
 * Takes the directory for this process, creating it (mode 0700) if it is not there.
 * @throws InputError `data_dir.locked` naming the holder, `data_dir.unusable` if it cannot be created or written
 */
export function lockDataDir(directory: string): DataDirLock {
  const path = join(directory, "sluice.lock");
  let descriptor: number;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    descriptor = openSync(path, "a+", 0o600);
  } catch (error) {
    throw new InputError("data_dir.unusable", `Cannot use ${directory}: ${messageOf(error)}`, { directory });
  }
  if (loadFlock()(descriptor, LOCK_EX | LOCK_NB) !== 0) {
    closeSync(descriptor);
    const holder = readFileSync(path, "utf8").trim() || "unknown";
    throw new InputError("data_dir.locked", `${directory} is in use by another sluice process (pid ${holder}).`, {
      directory,
      holder,
    });
  }
  ftruncateSync(descriptor);
  writeSync(descriptor, `${process.pid}\n`);
  let held = true;
  return {
    path,
    release() {
      if (!held) return;
      held = false;
      ftruncateSync(descriptor);
      closeSync(descriptor);
    },
  };
}
