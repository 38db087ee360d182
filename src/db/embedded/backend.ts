/**
 * Opens the embedded Postgres (PGlite) in a data directory and runs wire protocol bytes through it. Decides three
 * things that PGlite leaves open: where its parts come from inside a compiled binary, that a commit is really on disk
 * before it is acknowledged, and that a crash while the directory is being created can never leave half a database.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { open, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import fsBundlePath from "../../../node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import postgresWasmPath from "../../../node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };
import vectorBundlePath from "../../../node_modules/@electric-sql/pglite-pgvector/dist/vector.tar.gz" with {
  type: "file",
};
import templatePath from "./template.tar.zst" with { type: "file" };

/** The smallest WebAssembly module: stands in for initdb, which never runs because a template is unpacked instead. */
const NO_INITDB = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
/** Where PGlite mounts the data directory inside its own file system. */
const MOUNT = "/pglite/data";
/** `e.status` of the exception by which PGlite's Postgres reports an ordinary SQL error (POSTGRES_MAIN_LONGJMP). */
const SQL_ERROR_STATUS = 100;

export interface Backend {
  /** What `SHOW server_version` says. */
  serverVersion: string;
  /** Runs one batch of complete messages; hands the reply on in pieces that are only valid during the call. */
  run(batch: Uint8Array, onReply: (bytes: Uint8Array) => void): Promise<void>;
  /** Writes a shutdown checkpoint and closes all files. */
  close(): Promise<void>;
}

export interface BackendOptions {
  /** The Postgres data directory; created if it does not exist. */
  directory: string;
  /** fsync at every commit and checkpoint. Without it a power cut can lose or damage data, a crash cannot. */
  durable: boolean;
  /** Called with each line that Postgres logs. */
  onLog: (line: string) => void;
}

/** The parts of the Emscripten module that are used beyond PGlite's own interface. */
interface EngineModule {
  FS: { lookupPath(path: string): { node: FileNode } };
  NODEFS: {
    realPath(node: FileNode): string;
    stream_ops: { fsync?: (stream: { nfd?: number; node: FileNode }) => number };
  };
  _PostgresMainLoopOnce: () => void;
  stackRestore: (pointer: number) => void;
}
interface FileNode {
  mount: { opts: { root: string } };
}

/** The Postgres inside is gone: a crash, an out-of-memory, a FATAL error. Only a new thread helps. */
export class BackendGone extends Error {}

/** @throws Error with what Postgres logged if it cannot be opened */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const fresh = !existsSync(options.directory);
  const building = `${options.directory}.new`;
  // Nothing in it was ever acknowledged: the rename below is what makes a database of it.
  rmSync(building, { recursive: true, force: true });
  if (fresh) mkdirSync(building, { mode: 0o700 });
  const pglite = await start(fresh ? building : options.directory, fresh, options);
  const engine = pglite.Module as unknown as EngineModule;
  if (options.durable) makeDurable(engine);
  if (fresh) await settle(engine, building, options);
  const gone = watchForCrash(engine);
  const { rows } = await pglite.query<{ server_version: string }>("SHOW server_version");
  return {
    serverVersion: rows[0]!.server_version,
    async run(batch, onReply) {
      if (gone.error) throw gone.error;
      await pglite.execProtocolRawStream(batch, { syncToFs: false, onRawData: onReply });
      if (gone.error) throw gone.error;
    },
    close: () => pglite.close(),
  };
}

/** Postgres' settings: those of a server that is alone in its process, without helpers. */
function startParameters(durable: boolean): string[] {
  const set = (name: string, value: string) => ["-c", `${name}=${value}`];
  return [
    ...PGlite.defaultStartParams.filter((parameter) => !(durable && parameter === "-F")),
    // fdatasync is a no-op in Emscripten's file system (___syscall_fdatasync), fsync can be taught to it.
    ...set("wal_sync_method", "fsync"),
    ...set("wal_level", "minimal"),
    ...set("max_wal_senders", "0"),
    ...set("max_wal_size", "256MB"),
    // Wasm runs on the JavaScript stack, which is smaller than Postgres thinks: at 1 MB deep recursion ends the backend
    // instead of the statement. (JSON nested some 10,000 deep still does: its parser's frames are not counted.)
    ...set("max_stack_depth", "500kB"),
    // Errors of statements go to the client that sent them.
    ...set("log_min_messages", "fatal"),
  ];
}

/** @param fresh the directory is empty: fill it from the template (pack_template.ts) */
async function start(directory: string, fresh: boolean, options: BackendOptions): Promise<PGlite> {
  // PGlite opens extension bundles with fs.createReadStream, which does not know the paths inside a compiled binary.
  const scratch = mkdtempSync(join(tmpdir(), "sluice-vector-"));
  const bundlePath = join(scratch, "vector.tar.gz");
  await Bun.write(bundlePath, readFileSync(vectorBundlePath));
  try {
    return await PGlite.create({
      dataDir: directory,
      pgliteWasmModule: await WebAssembly.compile(readFileSync(postgresWasmPath)),
      initdbWasmModule: await WebAssembly.compile(NO_INITDB),
      ...(fresh ? { loadDataDir: new Blob([Bun.zstdDecompressSync(readFileSync(templatePath))]) } : {}),
      fsBundle: new Blob([readFileSync(fsBundlePath)]),
      extensions: {
        vector: {
          name: "vector",
          setup: async (_pglite: unknown, emscriptenOpts: unknown) => ({
            emscriptenOpts,
            bundlePath: pathToFileURL(bundlePath),
          }),
        },
      },
      startParams: startParameters(options.durable),
      onStderr: (line: string) => {
        options.onLog(line);
        return false;
      },
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Emscripten's NODEFS has no fsync, so Postgres' calls would succeed without doing anything. */
function makeDurable(engine: EngineModule): void {
  engine.NODEFS.stream_ops.fsync = (stream) => {
    if (stream.nfd !== undefined) fsyncSync(stream.nfd);
    else syncPath(engine.NODEFS.realPath(stream.node));
    return 0;
  };
}

function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Gives a newly built data directory its name once it is complete: a start that is killed halfway leaves a `.new`
 * directory, never a database without half of its files. Postgres keeps running: NODEFS joins the root and the
 * relative path at every access.
 */
async function settle(engine: EngineModule, building: string, options: BackendOptions): Promise<void> {
  if (options.durable) await syncTree(building);
  renameSync(building, options.directory);
  engine.FS.lookupPath(MOUNT).node.mount.opts.root = options.directory;
  if (options.durable) syncPath(dirname(options.directory));
}

async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  const one = async () => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      const file = await open(path, "r");
      await file.sync().finally(() => file.close());
    }
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

/**
 * PGlite swallows every exception that leaves the Postgres main loop and calls the loop again, for ever if the message
 * is never consumed. Anything that is not an SQL error means that Postgres has exited or crashed: make its own
 * handler throw, which ends that loop.
 */
function watchForCrash(engine: EngineModule): { error?: BackendGone } {
  const gone: { error?: BackendGone } = {};
  const mainLoopOnce = engine._PostgresMainLoopOnce;
  const stackRestore = engine.stackRestore;
  engine._PostgresMainLoopOnce = () => {
    try {
      mainLoopOnce();
    } catch (error) {
      if ((error as { status?: number }).status !== SQL_ERROR_STATUS)
        gone.error ??= new BackendGone((error as { message?: string }).message ?? String(error), { cause: error });
      throw error;
    }
  };
  engine.stackRestore = (pointer) => {
    if (gone.error) throw gone.error;
    stackRestore(pointer);
  };
  return gone;
}
