/**
 * Periodic duties of a process, done by one of its threads; every process does them, since each duty is safe to repeat and
 * finds only what is due: rescue of expired leases, canceled jobs, jobs that can be closed, pending vectors, statistics
 * for ranking, the vector index, syncs and webhooks that are due, and once a day what retention deletes.
 */
import { asSystem } from "../db/tenant_scope.ts";
import { ensureLexicalStatistics } from "../index/lexical_statistics.ts";
import { ensureVectorIndex, type VectorLook } from "../index/vector_index.ts";
import { closeAndSummarise } from "../pipeline/close.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { embedDocuments } from "../pipeline/embed.ts";
import { cancelLeftovers } from "../queue/cancel.ts";
import { rescueExpired } from "../queue/rescue.ts";
import type { Wake } from "../queue/wake.ts";
import { collectGarbage, deletesAnything, takeDailyTurn } from "../store/gc.ts";
import { deleteExpiredKeys } from "../store/idempotency.ts";
import { claimPendingDocuments, noteVectors, reconcileWaitingItems } from "../store/pending_vectors.ts";
import { deleteOldDeliveries } from "../store/webhook_deliveries.ts";
import { startDueSyncs } from "./schedule.ts";
import { deliverWebhooks } from "./webhook.ts";

/** A process that has just started has a job to begin, and all of its code is still cold. */
const START_MS = 1_000;
/** For webhooks that are due when the process ends. */
const LAST_MS = 2_000;
const QUEUE_MS = 2_000;
const INDEX_MS = 60_000;
const SCHEDULE_MS = 5_000;
const OUTDATED_MS = 3_600_000;
const RETENTION_MS = 600_000;
const EMBED_MS = { min: 1_000, max: 60_000 };
const PENDING_DOCUMENTS = 32;
const PENDING_LEASE_SECONDS = 300;

/**
 * Begins all duties after a moment. Each is done at least once, if need be while `stop` waits: a short command may be all
 * that ever runs. A failing duty is logged and tried again.
 */
export function startJanitor(given: IngestContext, wake: Wake): { stop(): Promise<void> } {
  const context: IngestContext = { ...given, sql: asSystem(given.sql) };
  const stopping = new AbortController();
  const late = new AbortController();
  const vectors: VectorLook = { written: null };
  const every = async (ms: number, duty: () => Promise<void>, name: string): Promise<void> => {
    await pause(START_MS, stopping.signal);
    do {
      await duty().catch((error: unknown) => context.log.warn({ err: error, duty: name }, "periodic duty failed"));
      await pause(ms, stopping.signal);
    } while (!stopping.signal.aborted);
  };
  const duties = [
    every(QUEUE_MS, () => tidyQueue(context, wake), "queue"),
    every(INDEX_MS, () => tidyIndex(context, vectors), "index"),
    every(SCHEDULE_MS, () => startDueSyncs(context, wake, stopping.signal), "schedules"),
    every(QUEUE_MS, () => deliverWebhooks(context, late.signal), "webhooks"),
    every(OUTDATED_MS, () => forgetOutdated(context), "outdated"),
    embedPending(context, stopping.signal),
    every(RETENTION_MS, () => applyRetention(context), "retention"),
  ];
  return {
    async stop() {
      stopping.abort();
      const timer = setTimeout(() => late.abort(), LAST_MS);
      await Promise.allSettled(duties);
      clearTimeout(timer);
    },
  };
}

async function tidyQueue(context: IngestContext, wake: Wake): Promise<void> {
  const rescued = await rescueExpired(context.sql, context.config.worker.attemptsMax);
  if (rescued.items + rescued.jobs > 0) {
    context.log.warn({ ...rescued }, "took back what stopped workers held");
    wake.ring();
  }
  await cancelLeftovers(context.sql);
  await reconcileWaitingItems(context.sql);
  await closeAndSummarise(context);
}

/** What is kept for its time only. */
async function forgetOutdated({ sql }: IngestContext): Promise<void> {
  await deleteExpiredKeys(sql);
  await deleteOldDeliveries(sql);
}

async function tidyIndex(context: IngestContext, vectors: VectorLook): Promise<void> {
  await ensureLexicalStatistics(context.sql);
  const { embedder, config } = context;
  if (!config.database.url || !embedder.dimensions) return;
  const startedAt = performance.now();
  if (await ensureVectorIndex(context.sql, embedder.model, embedder.dimensions, vectors))
    context.log.info({ model: embedder.model, ms: Math.round(performance.now() - startedAt) }, "vector index built");
}

async function applyRetention({ sql, objects, config, log }: IngestContext): Promise<void> {
  if (!deletesAnything(config.retention) || !(await takeDailyTurn(sql))) return;
  const options = { dryRun: false, orphans: false, embedded: config.database.url === null };
  const report = await collectGarbage(sql, objects, config.retention, options);
  log.info({ event: "gc", ...report }, "retention applied");
}

/** Embeds what an outage left without vectors, as soon as the endpoint answers again; backs off while it does not. */
async function embedPending(context: IngestContext, signal: AbortSignal): Promise<void> {
  const { sql, embedder, log } = context;
  let delay = EMBED_MS.min;
  while (!signal.aborted) {
    let progress = false;
    try {
      const documents = await claimPendingDocuments(sql, {
        model: embedder.model,
        limit: PENDING_DOCUMENTS,
        leaseSeconds: PENDING_LEASE_SECONDS,
      });
      for (const [tenantId, group] of Map.groupBy(documents, (document) => document.tenantId)) {
        // Whoever wrote the last vectors of these ended before it could say so.
        const complete = group.filter((document) => document.chunks.length === 0);
        const none = complete.map(({ documentId, versionId }) => ({ documentId, versionId, pending: 0 }));
        if (none.length > 0) await noteVectors(sql, tenantId, none);
        const requests = group.map((document) => ({
          document,
          chunkIds: document.chunks.map((chunk) => chunk.chunkId),
          signal,
        }));
        const outcomes = await embedDocuments(requests, embedder, sql, log);
        progress ||= outcomes.some((outcome) => outcome.pending === 0);
      }
      if (documents.length > 0) await reconcileWaitingItems(sql);
      delay = progress || documents.length === 0 ? EMBED_MS.min : Math.min(delay * 2, EMBED_MS.max);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "embedding of pending chunks failed");
      delay = Math.min(delay * 2, EMBED_MS.max);
    }
    if (!progress) await pause(delay, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
