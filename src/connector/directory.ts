/**
 * A folder tree as a source. It may lie only under roots that the operator allows, compared after all links are
 * resolved, both when it is listed and again when a file is read, since anybody who may write into the tree could put
 * a link in between. The change mark is modification time in nanoseconds and size.
 */
import * as fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";
import { InputError, messageOf, PermanentError, SluiceError, TransientError } from "../errors.ts";
import type {
  Connection,
  Connector,
  Descriptor,
  DescriptorPage,
  FetchContext,
  Fetched,
  ListContext,
  Listing,
  ListOutcome,
} from "./connector.ts";
import { type PathFilter, pathFilter } from "./globs.ts";
import type { ConnectorEnvironment } from "./registry.ts";
import { codeOf, isInside, type WalkedFile, type WalkFailure, walkDirectory } from "./walk_directory.ts";

const PAGE_SIZE = 1000;
const READ_CHUNK = 1024 * 1024;
/** The resolved root may be reused so long; what is opened is compared with it, whatever the tree has become since. */
const ROOT_KEPT_MS = 5000;

const readAsync = promisify(fs.read);

const Config = v.strictObject({
  kind: v.literal("directory"),
  root: v.pipe(
    v.string(),
    v.check((root) => path.isAbsolute(root) && !root.includes("\0"), "must be an absolute path"),
  ),
  include: v.optional(v.array(v.string())),
  exclude: v.optional(v.array(v.string())),
  hidden: v.optional(v.boolean()),
});

export class DirectoryConnector implements Connector {
  readonly sourceTypes = ["FILE_CATALOG_OBJECT"] as const;
  /** As configured: the refs of its files do not change when the link that it may be points elsewhere. */
  private readonly root: string;
  readonly treeRef: string;
  private readonly filter: PathFilter;
  private readonly allowedRoots: readonly string[];
  private resolved: { root: string; until: number } | null = null;

  /** Throws InputError `connector.bad_config`. */
  constructor(connection: Connection, environment: Pick<ConnectorEnvironment, "fileCatalogRoots">) {
    const parsed = v.safeParse(Config, connection.config);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      const field = v.getDotPath(issue) ?? "config";
      throw new InputError("connector.bad_config", `${field}: ${issue.message}`, { field });
    }
    this.root = path.resolve(parsed.output.root);
    this.treeRef = `file://${this.root === "/" ? "" : this.root}/`;
    this.filter = pathFilter(parsed.output);
    this.allowedRoots = environment.fileCatalogRoots;
  }

  isConfigured(): boolean {
    return true;
  }

  checkConfig(): void {
    resolveRoot(this.root, this.allowedRoots);
  }

  list(context: ListContext): Listing {
    let outcome: ListOutcome = { listingComplete: false, reason: "the listing has not ended" };
    return {
      pages: this.pages(context, (ended) => {
        outcome = ended;
      }),
      outcome: () => outcome,
    };
  }

  private async *pages(context: ListContext, end: (outcome: ListOutcome) => void): AsyncGenerator<DescriptorPage> {
    const realRoot = resolveRoot(this.root, this.allowedRoots);
    const before = identityOf(realRoot);
    const pageSize = context.pageSize ?? PAGE_SIZE;
    let page = emptyPage();
    let seen = 0;
    let incomplete: string | undefined;
    for await (const step of walkDirectory(realRoot, this.filter, context.signal)) {
      incomplete ??= step.incomplete;
      seen += step.files.length + step.failures.length + step.ignored;
      page.ignored += step.ignored;
      for (const failed of step.failures) page.failures.push(this.failureOf(failed));
      for (const file of step.files) {
        page.descriptors.push(this.describe(file));
        if (page.descriptors.length + page.failures.length < pageSize) continue;
        yield page;
        context.signal.throwIfAborted();
        page = emptyPage();
      }
    }
    if (page.descriptors.length + page.failures.length + page.ignored > 0) yield page;
    // What an unmounted disk leaves behind is an empty folder, or another one under the same name.
    if (incomplete === undefined && seen === 0) incomplete = `${this.root} is empty`;
    if (incomplete === undefined && identityOf(realRoot) !== before) incomplete = `${this.root} was replaced`;
    end(incomplete === undefined ? { listingComplete: true } : { listingComplete: false, reason: incomplete });
  }

  private describe(file: WalkedFile): Descriptor {
    const absolute = path.join(this.root, file.path);
    return {
      sourceType: "FILE_CATALOG_OBJECT",
      externalRef: `file://${absolute}`,
      fingerprint: `${file.modifiedNs}:${file.size}`,
      modifiedAt: isoOf(file.modifiedNs),
      size: file.size,
      name: path.basename(file.path).normalize("NFC"),
      title: null,
      url: fileUrlOf(absolute),
      mediaType: null,
      locator: { path: file.path },
    };
  }

  private failureOf(failed: WalkFailure): DescriptorPage["failures"][number] {
    const externalRef = `file://${path.join(this.root, failed.path)}`;
    return { externalRef, name: path.basename(failed.path), error: failed.error };
  }

  async fetch(descriptor: Descriptor, context: FetchContext): Promise<Fetched> {
    const relative = descriptor.locator.path;
    if (typeof relative !== "string") throw gone(descriptor);
    const realRoot = this.keptRoot();
    try {
      context.signal.throwIfAborted();
      return await readInside(path.join(realRoot, relative), realRoot, descriptor, context);
    } catch (error) {
      if (error instanceof SluiceError) throw error;
      const code = codeOf(error);
      if (code === "ENOENT" || code === "ENOTDIR") throw gone(descriptor, error);
      if (code === "EACCES" || code === "EPERM") throw unreadable(descriptor, error);
      // Nothing is opened that is a link: it took the file's place since its path was resolved.
      if (code === "ELOOP") throw outside(descriptor);
      if (code === undefined) throw error;
      throw new TransientError(
        "connector.unavailable",
        `${descriptor.externalRef}: ${messageOf(error)}`,
        {},
        { cause: error },
      );
    }
  }

  private keptRoot(): string {
    const now = performance.now();
    if (this.resolved === null || this.resolved.until < now) {
      this.resolved = { root: resolveRoot(this.root, this.allowedRoots), until: now + ROOT_KEPT_MS };
    }
    return this.resolved.root;
  }
}

/** A path of plain characters is its own URL; for all others the system's conversion, which takes a dozen times as long. */
const fileUrlOf = (absolute: string): string =>
  /^[\w/.-]+$/.test(absolute) ? `file://${absolute}` : pathToFileURL(absolute).href;

/**
 * The root with all links resolved. Throws PermanentError `connector.root_missing` when there is no such folder,
 * `connector.root_not_allowed` when it lies under no allowed root.
 */
export function resolveRoot(root: string, allowedRoots: readonly string[]): string {
  // By name first, so that nobody learns which folders exist outside of the allowed ones; resolved again below.
  if (
    !allowedRoots.some(
      (allowed) => isInside(path.resolve(root), path.resolve(allowed)) || isInside(path.resolve(root), realOf(allowed)),
    )
  )
    throw notAllowed(root);
  let real: string;
  try {
    real = fs.realpathSync(root);
    if (!fs.statSync(real).isDirectory()) throw new Error("it is no folder");
  } catch (error) {
    throw new PermanentError(
      "connector.root_missing",
      `${root} cannot be opened: ${messageOf(error)}`,
      { root },
      { cause: error },
    );
  }
  for (const allowed of allowedRoots) {
    // Compared resolved; an allowed root that does not exist allows nothing.
    if (fs.existsSync(allowed) && isInside(real, fs.realpathSync(allowed))) return real;
  }
  throw notAllowed(root);
}

const notAllowed = (root: string) =>
  new PermanentError("connector.root_not_allowed", `${root} lies under no folder of FILE_CATALOG_ROOTS`, { root });

/** The folder with its links resolved, or itself when it does not exist. */
function realOf(folder: string): string {
  return fs.existsSync(folder) ? fs.realpathSync(folder) : folder;
}

/** Opens without following or blocking, makes sure that what is open lies under the root, and reads just that. */
async function readInside(
  file: string,
  realRoot: string,
  descriptor: Descriptor,
  context: FetchContext,
): Promise<Fetched> {
  const real = fs.realpathSync(file);
  if (!isInside(real, realRoot)) throw outside(descriptor);
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const fd = fs.openSync(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const before = fs.fstatSync(fd, { bigint: true });
    if (!before.isFile()) {
      throw new PermanentError("connector.special_file", `${descriptor.externalRef} is no regular file`);
    }
    if (!isInside(openedPath(fd, file), realRoot)) throw outside(descriptor);
    const bytes = await readAll(fd, Number(before.size), descriptor, context);
    const after = fs.fstatSync(fd, { bigint: true });
    if (after.mtimeNs !== before.mtimeNs || Number(after.size) !== bytes.byteLength) {
      throw new TransientError("connector.changed", `${descriptor.externalRef} was written while it was read`);
    }
    return { bytes, name: descriptor.name, mediaType: descriptor.mediaType, modifiedAt: isoOf(before.mtimeNs) };
  } finally {
    fs.closeSync(fd);
  }
}

/** Where the open file really lies: asked from the kernel on Linux, resolved once more elsewhere. */
function openedPath(fd: number, file: string): string {
  const link = `/proc/self/fd/${fd}`;
  return process.platform === "linux" && fs.existsSync("/proc/self/fd") ? fs.readlinkSync(link) : fs.realpathSync(file);
}

async function readAll(
  fd: number,
  expected: number,
  descriptor: Descriptor,
  context: FetchContext,
): Promise<Uint8Array> {
  if (expected > context.maxBytes) throw tooLarge(descriptor, context.maxBytes);
  const buffer = new Uint8Array(expected);
  let size = 0;
  while (size < expected) {
    context.signal.throwIfAborted();
    const length = Math.min(expected - size, READ_CHUNK);
    // Small files at once; large ones in the thread pool, where a slow disk holds up nobody.
    const small = expected <= READ_CHUNK;
    const read = small
      ? fs.readSync(fd, buffer, size, length, size)
      : (await readAsync(fd, buffer, size, length, size)).bytesRead;
    if (read === 0) break;
    size += read;
  }
  // Shorter or grown since: the caller compares with the size that the file has now.
  return buffer.subarray(0, size);
}

function emptyPage(): DescriptorPage {
  return { descriptors: [], failures: [], ignored: 0 };
}

function identityOf(folder: string): string {
  const found = fs.statSync(folder, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "gone" : `${found.dev}:${found.ino}`;
}

function isoOf(ns: bigint): string | null {
  const date = new Date(Number(ns / 1_000_000n));
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function gone(descriptor: Descriptor, cause?: unknown): PermanentError {
  return new PermanentError("connector.gone", `${descriptor.externalRef} is not there any more`, {}, { cause });
}

function unreadable(descriptor: Descriptor, cause: unknown): PermanentError {
  return new PermanentError("connector.unreadable", `${descriptor.externalRef}: permission denied`, {}, { cause });
}

function outside(descriptor: Descriptor): PermanentError {
  return new PermanentError("connector.outside_root", `${descriptor.externalRef} leads out of the root`);
}

function tooLarge(descriptor: Descriptor, maxBytes: number): PermanentError {
  return new PermanentError("connector.too_large", `${descriptor.externalRef} is larger than ${maxBytes} bytes`, {
    maxBytes,
  });
}
