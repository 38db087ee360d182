/**
 * Walks a folder tree and yields what lies in it, in one order for every run. Real folders come first, folders behind
 * links after them and only when their target was not walked yet, so that cycles end and no file is listed twice for
 * two ways to its folder. Whatever hinders the view of a whole folder makes the walk incomplete, since files below it
 * may have been seen before. The synchronous calls are meant: one costs a few microseconds, a round through the thread
 * pool a hundred; the thread is given back between stretches.
 */
import { type BigIntStats, type Dirent, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type ErrorCode, type ErrorData, errorToData, messageOf, PermanentError } from "../errors.ts";
import type { PathFilter } from "./globs.ts";

/** Entries between two looks at the event loop, some milliseconds. */
const STRETCH = 1000;

export interface WalkedFile {
  /** Relative to the root, `/` between segments. */
  path: string;
  size: number;
  modifiedNs: bigint;
}

export interface WalkFailure {
  path: string;
  error: ErrorData;
}

/** A stretch of the walk; small ones, so that the caller makes pages of any size. */
export interface WalkStep {
  files: WalkedFile[];
  failures: WalkFailure[];
  ignored: number;
  /** Set when something below the root could not be seen. */
  incomplete?: string;
}

interface Folder {
  /** Relative to the root, empty for the root. */
  path: string;
  /** Where it really lies. */
  real: string;
}

/** `realRoot` is resolved; nothing outside of it is entered or listed. */
export async function* walkDirectory(
  realRoot: string,
  filter: PathFilter,
  signal: AbortSignal,
): AsyncGenerator<WalkStep> {
  const walk = new Walk(realRoot, filter);
  let linked: Folder[] = [];
  for (let starts: Folder[] = [{ path: "", real: realRoot }]; starts.length > 0; starts = linked, linked = []) {
    for (const start of starts.sort(byPath)) {
      const stack = [start];
      for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
        if (walk.visited.has(folder.real)) continue;
        walk.visited.add(folder.real);
        for (const step of walk.folder(folder, stack, linked)) {
          signal.throwIfAborted();
          yield step;
          if (walk.due()) await setImmediate();
        }
      }
    }
  }
}

class Walk {
  readonly visited = new Set<string>();
  private looked = 0;

  constructor(
    private readonly realRoot: string,
    private readonly filter: PathFilter,
  ) {}

  /** Has the thread been held long enough? */
  due(): boolean {
    if (this.looked < STRETCH) return false;
    this.looked = 0;
    return true;
  }

  *folder(folder: Folder, stack: Folder[], linked: Folder[]): Generator<WalkStep> {
    let entries: Dirent[];
    try {
      entries = readdirSync(folder.real, { withFileTypes: true });
    } catch (error) {
      const reason = `${folder.path || "the root"} cannot be read: ${messageOf(error)}`;
      const failures = folder.path === "" ? [] : [failure(folder.path, "connector.unreadable", reason)];
      return yield { files: [], failures, ignored: 0, incomplete: reason };
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    const folders: Folder[] = [];
    for (let start = 0; start < entries.length || start === 0; start += STRETCH) {
      const step: WalkStep = { files: [], failures: [], ignored: 0 };
      for (const entry of entries.slice(start, start + STRETCH)) this.entry(folder, entry, step, folders, linked);
      this.looked += Math.max(1, Math.min(STRETCH, entries.length - start));
      yield step;
    }
    stack.push(...folders.reverse());
  }

  private entry(parent: Folder, entry: Dirent, step: WalkStep, folders: Folder[], linked: Folder[]): void {
    const own = parent.path === "" ? entry.name : `${parent.path}/${entry.name}`;
    const real = `${parent.real}/${entry.name}`;
    if (entry.isDirectory()) {
      if (this.filter.enters(own)) folders.push({ path: own, real });
      return;
    }
    const accepted = this.filter.accepts(own);
    if (entry.isSymbolicLink()) {
      this.link(own, real, accepted, step, linked);
      return;
    }
    if (!accepted) {
      step.ignored++;
      return;
    }
    try {
      add(step, own, lstatSync(real, { bigint: true }));
    } catch (error) {
      // Gone since its folder was read: the tree lives.
      if (codeOf(error) === "ENOENT" && !entry.name.includes("\ufffd")) return;
      step.failures.push(unreadable(own, entry.name, error));
    }
  }

  private link(own: string, link: string, accepted: boolean, step: WalkStep, linked: Folder[]): void {
    if (!accepted && !this.filter.enters(own)) {
      step.ignored++;
      return;
    }
    try {
      const target = realpathSync(link);
      const found = statSync(target, { bigint: true });
      const wanted = found.isDirectory() ? this.filter.enters(own) : accepted;
      if (!wanted) step.ignored++;
      else if (!isInside(target, this.realRoot)) {
        step.failures.push(failure(own, "connector.outside_root", `${own} is a link that leaves the root`));
      } else if (found.isDirectory()) linked.push({ path: own, real: target });
      else add(step, own, found);
    } catch (error) {
      const code = codeOf(error);
      if (accepted) step.failures.push(failure(own, "connector.unreadable", `${own} is a link to nothing: ${code}`));
      else step.ignored++;
    }
  }
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1;
}

/** Is `child` the folder itself or something below it? Both resolved. */
export function isInside(child: string, folder: string): boolean {
  return child === folder || child.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** The system's code of a file error, e.g. ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function add(step: WalkStep, own: string, found: BigIntStats): void {
  if (found.isFile()) {
    step.files.push({ path: own, size: Number(found.size), modifiedNs: found.mtimeNs });
  } else if (!found.isDirectory()) {
    step.failures.push(failure(own, "connector.special_file", `${own} is no regular file`));
  }
}

function unreadable(own: string, name: string, error: unknown): WalkFailure {
  if (name.includes("\ufffd")) return failure(own, "connector.bad_name", `${own}: the name is not valid UTF-8`);
  return failure(own, "connector.unreadable", `${own}: ${messageOf(error)}`);
}

function failure(own: string, code: ErrorCode, message: string): WalkFailure {
  return { path: own, error: errorToData(new PermanentError(code, message)) };
}
