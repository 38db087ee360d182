/**
 * Puts the parts together for one process: database (embedded or given), schema, object store, embedder, HTTP app and,
 * if wanted, the pool of worker threads. Everything that is started here is stopped by `stop`, in reverse order.
 */
import { mkdir } from "node:fs/promises";
import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import { connectDatabase, type DatabaseTarget, endDatabase } from "../db/connect.ts";
import { prepareDatabase } from "../db/migrate.ts";
import { asSystem } from "../db/tenant_scope.ts";
import { createEmbedder, type Embedder } from "../embed/provider.ts";
import { armFailpoints } from "../failpoint.ts";
import { createApp } from "../http/app.ts";
import { search } from "../index/search.ts";
import type { Log } from "../log.ts";
import { connectorOpener, registryOf } from "../pipeline/connectors.ts";
import { expireLeases } from "../queue/rescue.ts";
import { Wake } from "../queue/wake.ts";
import { type ObjectStore, openObjectStore } from "../store/objects.ts";
import { activateModel } from "../store/pending_vectors.ts";
import { WorkerPool } from "../worker/pool.ts";
import type { Launch } from "./launch.ts";
import { ensureSecretKey } from "./secret_key.ts";

export interface Runtime {
  config: Config;
  sql: Sql;
  objects: ObjectStore;
  embedder: Embedder;
  app: ReturnType<typeof createApp>;
  wake: Wake;
  /** Resolves when all worker threads run, rejects when one cannot start; requests can be answered before that. */
  workersReady: Promise<void>;
  /** Null without workers. */
  pool: WorkerPool | null;
  /** Ends workers within their budget, then connections and the embedded database. */
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  /** Run worker threads in this process. */
  workers: boolean;
  /** Local folders that this call may read beside FILE_CATALOG_ROOTS: what the person at the command line named. */
  extraRoots?: string[];
  /** Aborted before the server stops, so that no open stream holds it up. */
  closing?: AbortSignal;
}

/** Opens the database of the configuration: the given one, or the embedded one in DATA_DIR. */
export async function openDatabase(
  config: Config,
  launch: Pick<Launch, "spawnDatabase">,
  log: Log,
): Promise<{ target: DatabaseTarget; stop(): Promise<void> }> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  if (config.database.url) return { target: { url: config.database.url }, stop: async () => {} };
  const { startEmbedded } = await import("../db/embedded/embedded.ts");
  return startEmbedded({
    dataDir: config.dataDir,
    spawnThread: launch.spawnDatabase,
    onCrash: (error) => log.error({ err: error }, "the embedded database crashed and is started again"),
    onUpkeepError: (error) => log.warn({ err: error }, "upkeep of the embedded database failed"),
  });
}

/** Brings the schema up to date as the login of the target; gives the target whose pools act as the service's roles. */
export async function separate(target: DatabaseTarget, log?: Log): Promise<DatabaseTarget> {
  const login = connectDatabase(target, { max: 1, applicationName: "sluice migrate" });
  try {
    const { applied, separated, gaps } = await prepareDatabase(login);
    if (applied.length > 0) log?.info({ applied }, "schema migrated");
    if (!separated)
      log?.warn({ gaps }, "row-level security is not in force: a database administrator must run the gaps");
    return { ...target, separated };
  } finally {
    await endDatabase(login);
  }
}

/** Starts the parts; when one fails, those before it are stopped again. Worker threads may still be loading: see `workersReady`. */
export async function startRuntime(given: Config, launch: Launch, log: Log, options: RuntimeOptions): Promise<Runtime> {
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse())
      await step().catch((error: unknown) => log.warn({ err: error }, "a part did not stop cleanly"));
  };
  armFailpoints(given.failpoints);
  if (given.failpoints.length > 0) log.warn({ failpoints: given.failpoints }, "failpoints are armed");
  try {
    const database = await openDatabase(given, launch, log);
    undo.push(database.stop);
    // After the database, which holds the lock on DATA_DIR: two processes must not make two keys.
    const config: Config = { ...given, secretKey: await ensureSecretKey(given) };
    const target = await separate(database.target, log);
    const sql = connectDatabase(target, { max: config.database.poolMax, applicationName: "sluice" });
    undo.push(() => endDatabase(sql));
    if (!config.database.url) await expireLeases(asSystem(sql));

    const objects = await openObjectStore(config.objects);
    undo.push(() => objects.close());
    const embedder = createEmbedder(config.embeddings);
    if (await activateModel(asSystem(sql), embedder.model))
      log.warn({ model: embedder.model }, "embedding model changed; all chunks will be embedded again");
    const wake = new Wake(config.database.url ? sql : null);
    undo.push(async () => wake.close());

    const fileCatalogRoots = [...config.fileCatalogRoots, ...(options.extraRoots ?? [])];
    const registry = registryOf(config, objects, fileCatalogRoots);
    const validateConnectionConfig = (...asked: Parameters<typeof registry.validate>) => registry.validate(...asked);
    const openConnector = connectorOpener(config, sql, objects, fileCatalogRoots);
    const parts = { config, sql, objects, embedder, wake, log };
    const app = createApp({ ...parts, search, validateConnectionConfig, openConnector, closing: options.closing });
    let workersReady = Promise.resolve();
    let pool: WorkerPool | null = null;
    if (options.workers) {
      const workers = new WorkerPool({
        threads: config.worker.threads,
        spawn: launch.spawnWorker,
        start: { config, database: target, childCommand: launch.childCommand, fileCatalogRoots },
        log,
      });
      pool = workers;
      undo.push(() => workers.stop(config.worker.shutdownMs));
      workersReady = workers.start();
      workersReady.catch(() => {});
      if (config.database.url) await wake.listen(sql);
    }
    return { config, sql, objects, embedder, app, wake, pool, workersReady, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
