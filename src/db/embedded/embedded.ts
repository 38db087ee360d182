/**
 * The embedded database as the main thread sees it: take the data directory, start the thread that holds Postgres, wait
 * until it is ready, and stop it so that nothing is lost. Clients connect through a Unix socket with the same driver as
 * to any Postgres. It suits one machine and one user: one statement runs at a time.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PermanentError } from "../../errors.ts";
import { connectDatabase, endDatabase, type SocketTarget } from "../connect.ts";
import { databaseDirectory } from "./directory.ts";
import { lockDataDir } from "./lock.ts";
import { EMBEDDED_DATABASE, EMBEDDED_USER } from "./messages.ts";
import { ThreadGuard } from "./thread_guard.ts";
import { startUpkeep, UPKEEP_LIMITS, type UpkeepLimits } from "./upkeep.ts";

/** Major version of the Postgres inside; a data directory of another one cannot be opened. */
export const EMBEDDED_POSTGRES_MAJOR = "18";

/** sun_path has 104 bytes on macOS, 108 on Linux, with a NUL at the end. */
const MAX_SOCKET_PATH_BYTES = 103;

export interface EmbeddedOptions {
  /** Everything the embedded mode keeps lies in here; Postgres in `postgres/`. */
  dataDir: string;
  /**
   * Makes the thread. A parameter because a compiled binary finds a worker only by a `new URL(…, import.meta.url)`
   * written in its entry file.
   */
  spawnThread: () => Worker;
  /** fsync at every commit (default true). Without it a power cut can cost data; a crash of the process cannot. */
  durable?: boolean;
  /**
   * Postgres died while running (a crash, out of memory, a full disk), or did not open again after that. It is opened again
   * by itself, after a while if it dies repeatedly, and recovers what was committed; clients see connection errors
   * meanwhile. For the log.
   */
  onCrash?: (error: Error) => void;
  /** A checkpoint or vacuum failed (the disk is full?); it is tried again. */
  onUpkeepError?: (error: unknown) => void;
  /** A client that is silent inside a transaction for so long, while nobody else gets a turn, is cut off (60,000 ms). */
  idleInTransactionMs?: number;
  upkeep?: UpkeepLimits;
  /** How long opening may take, ms (default 120,000: recovery after a crash takes its time). */
  startTimeoutMs?: number;
}

export interface EmbeddedDatabase {
  /** Where and as whom to connect; plain data, can be sent to worker threads. */
  target: SocketTarget;
  /** What `SHOW server_version` says. */
  serverVersion: string;
  /** Ends all connections, writes a checkpoint, closes the database and gives the data directory free. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Opens the database in `dataDir`, creating it on first use.
 * @throws InputError `data_dir.locked`, `data_dir.unusable`; PermanentError `data_dir.other_version`, `database.damaged`
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const dataDir = resolve(options.dataDir);
  const lock = lockDataDir(dataDir);
  const directory = databaseDirectory(dataDir);
  const socket = placeSocket(dataDir);
  const giveUp = () => {
    socket.remove();
    lock.release();
  };
  try {
    refuseOtherVersion(directory);
    const guard = new ThreadGuard(options, {
      type: "open",
      directory,
      socketPath: socket.path,
      durable: options.durable ?? true,
      ownerIdleMs: options.idleInTransactionMs ?? 60_000,
    });
    const { serverVersion } = await guard.start();
    const target = { path: socket.path, user: EMBEDDED_USER, database: EMBEDDED_DATABASE };
    const keeper = keepUp(target, options);
    const stop = async () => {
      await keeper.stop();
      await guard.stop();
    };
    let stopping: Promise<void> | undefined;
    return { target, serverVersion, stop: () => (stopping ??= stop().finally(giveUp)) };
  } catch (error) {
    giveUp();
    throw error;
  }
}

function keepUp(target: SocketTarget, options: EmbeddedOptions): { stop(): Promise<void> } {
  const sql = connectDatabase(target, { max: 1, applicationName: "sluice upkeep" });
  const upkeep = startUpkeep(sql, options.onUpkeepError ?? (() => {}), options.upkeep ?? UPKEEP_LIMITS);
  return {
    async stop() {
      await upkeep.stop();
      await endDatabase(sql);
    },
  };
}

/** A data directory knows its version from the moment it exists (Postgres' own PG_VERSION). */
function refuseOtherVersion(directory: string): void {
  if (!existsSync(directory)) return;
  const versionFile = join(directory, "PG_VERSION");
  const version = existsSync(versionFile) ? readFileSync(versionFile, "utf8").trim() : "none";
  if (version === EMBEDDED_POSTGRES_MAJOR) return;
  throw new PermanentError(
    "data_dir.other_version",
    `${directory} holds a database of Postgres version ${version}; this release embeds Postgres ${EMBEDDED_POSTGRES_MAJOR}.`,
    { directory, version, expected: EMBEDDED_POSTGRES_MAJOR },
  );
}

/** The socket lies in the data directory if its path is short enough for one, else in a directory of its own in /tmp. */
function placeSocket(dataDir: string): { path: string; remove: () => void } {
  const run = join(dataDir, "run");
  const path = join(run, "db.sock");
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) {
    mkdirSync(run, { recursive: true, mode: 0o700 });
    return { path, remove: () => rmSync(path, { force: true }) };
  }
  let base = tmpdir();
  if (Buffer.byteLength(base) > 60) base = "/tmp";
  // mkdtemp makes it 0700.
  const short = mkdtempSync(join(base, "sluice-"));
  return { path: join(short, "db.sock"), remove: () => rmSync(short, { recursive: true, force: true }) };
}
