/**
 * Entry of a worker thread: opens its own connections, runs the claim loop, says that it is alive. It never decides about
 * the process; the pool in the main thread starts, watches and replaces it.
 */
import type { Config } from "../config.ts";
import { reloadConfig } from "../config_reload.ts";
import { connectDatabase, endDatabase } from "../db/connect.ts";
import { createEmbedder } from "../embed/provider.ts";
import { errorToData } from "../errors.ts";
import { armFailpoints } from "../failpoint.ts";
import { PlannerWatch } from "../index/planner_statistics.ts";
import { createLog } from "../log.ts";
import { meter, timedStatement } from "../metrics_meter.ts";
import { Batcher } from "../pipeline/batch.ts";
import { connectorCache } from "../pipeline/connectors.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { embedDocuments } from "../pipeline/embed.ts";
import { swapBatch } from "../pipeline/swap.ts";
import { Wake } from "../queue/wake.ts";
import { confirmCurrent } from "../store/confirm_current.ts";
import { openObjectStore } from "../store/objects.ts";
import type { PreparedDocument, SwapResult } from "../store/prepared.ts";
import { openTracer } from "../trace.ts";
import { ConvertChild, convertAnywhere } from "./isolate.ts";
import { startJanitor } from "./janitor.ts";
import { WorkerLoop } from "./loop.ts";
import type { FromThread, StartMessage, ToThread } from "./message.ts";

declare const self: Worker;

const BEAT_MS = 1000;
/** Chunks in one swap transaction, about; keeps a batch of large documents short. */
const SWAP_CHUNKS_MAX = 500;
const say = (message: FromThread): void => self.postMessage(message);

/** Until the loop runs, a stop is only remembered. */
let stopAsked = false;
let stop = (_graceMs: number): void => {
  stopAsked = true;
};
let shutdownMs = 0;
let reload = (_config: Config): void => {};

self.onmessage = (event: MessageEvent<ToThread>) => {
  const message = event.data;
  if (message.kind === "stop") return stop(shutdownMs);
  if (message.kind === "reload") return reload(message.config);
  shutdownMs = message.config.worker.shutdownMs;
  run(message).then(
    () => say({ kind: "stopped" }),
    (error: unknown) => say({ kind: "fatal", error: errorToData(error) }),
  );
};

async function run(start: StartMessage): Promise<void> {
  const { config } = start;
  armFailpoints(config.failpoints);
  const log = createLog(config.logLevel, { worker: start.name });
  reload = (fresh) => {
    reloadConfig(config, fresh);
    log.level = config.logLevel;
    shutdownMs = config.worker.shutdownMs;
  };
  const sql = connectDatabase(start.database, {
    max: config.database.poolMax,
    applicationName: `sluice worker ${start.name}`,
    genericPlans: true,
  });
  const objects = await openObjectStore(config.objects);
  const embedder = createEmbedder(config.embeddings);
  const child = new ConvertChild({
    command: start.childCommand,
    deadlineMs: config.convert.deadlineMs,
    memoryMaxBytes: config.convert.memoryMaxBytes,
  });
  const planner = new PlannerWatch();
  const swap = async (documents: PreparedDocument[]): Promise<SwapResult[]> => {
    const results = await timedStatement("swap_in", swapBatch(sql, documents, embedder.model));
    await planner.afterBatch(sql);
    return results;
  };
  const context: IngestContext = {
    config,
    sql,
    objects,
    embedder,
    log,
    connectorOf: connectorCache(config, sql, objects, start.fileCatalogRoots),
    convert: (request, signal, suspect) => convertAnywhere(request, child, signal, suspect),
    confirm: new Batcher((claims) => timedStatement("confirm_current", confirmCurrent(sql, claims)), {
      max: 200,
      keyOf: (claim) => claim.tenantId,
      concurrency: 1,
    }),
    swap: new Batcher(swap, {
      max: 16,
      keyOf: (document) => document.tenantId,
      weigh: (document) => document.chunks.length,
      weightMax: SWAP_CHUNKS_MAX,
      concurrency: 2,
    }),
    embed: new Batcher((requests) => embedDocuments(requests, embedder, sql, log), {
      max: 16,
      keyOf: (request) => request.document.tenantId,
      concurrency: 2,
    }),
  };
  const wake = new Wake(config.database.url ? sql : null);
  context.tracer = openTracer(config.tracing, start.name, log);
  const loop = new WorkerLoop(context, wake, start.name);
  const janitor = start.janitor ? startJanitor(context, wake) : null;
  stop = (graceMs) => loop.stop(graceMs);
  if (stopAsked) loop.stop(0);
  const beat = setInterval(() => say({ kind: "beat", running: loop.runningCount, counts: meter.drain() }), BEAT_MS);
  say({ kind: "ready" });
  try {
    await loop.run();
  } finally {
    clearInterval(beat);
    await janitor?.stop();
    await context.tracer?.close();
    await child.close();
    wake.close();
    await objects.close();
    await endDatabase(sql);
    say({ kind: "beat", running: 0, counts: meter.drain() });
  }
}
