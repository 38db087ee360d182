/**
 * The claim loop of a worker thread: claims a listing or items whenever there is room, runs them, settles them. Leases are
 * renewed by a heartbeat; whoever loses its lease stops. On shutdown running work may finish within a budget, the rest
 * is handed back without spending an attempt.
 */
import { randomInt } from "node:crypto";
import { toSluiceError } from "../db/sqlstate.ts";
import { asSystem, asTenant } from "../db/tenant_scope.ts";
import { TransientError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { timedStatement } from "../metrics_meter.ts";
import { Batcher } from "../pipeline/batch.ts";
import { closeAndSummarise } from "../pipeline/close.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { ingestItem, type Progress } from "../pipeline/ingest.ts";
import { CLAIM_MAX, type ClaimedItem, claimItems } from "../queue/claim_items.ts";
import { claimJob } from "../queue/claim_job.ts";
import { heartbeatItems } from "../queue/heartbeat.ts";
import type { Lane } from "../queue/job.ts";
import { isVerdict, verdictKey } from "../queue/quarantine.ts";
import { type Settlement, settleItems } from "../queue/settle.ts";
import type { Wake } from "../queue/wake.ts";
import { ByteBudget } from "./byte_budget.ts";
import { runListing } from "./listing.ts";
import { Interruption, settlementOf } from "./outcome.ts";
import { untilAborted } from "./until_aborted.ts";

/** Items of each lane that one thread works on at once. Isolated ones share one child process. */
const LANE_MAX: Readonly<Record<Lane, number>> = { inline: CLAIM_MAX, isolated: 2 };

/** Payloads that one thread holds at once, as far as their sizes are known. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

/** Between two looks at an idle queue; a hint shortens it. */
const IDLE_MS = 1000;
/** After a failed statement of the loop itself. */
const OUTAGE_MS = { min: 500, max: 5000 };
/** A settlement is tried this often before the lease is left to run out. */
const SETTLE_TRIES = 5;

/** What names an item in a trace. */
const traced = (item: ClaimedItem, lane: Lane) => ({
  "sluice.tenant_id": item.tenantId,
  "sluice.job_id": item.jobId,
  "sluice.item_id": item.itemId,
  "sluice.source_id": item.sourceId,
  "sluice.source_type": item.sourceType,
  "sluice.external_ref": item.externalRef,
  "sluice.correlation_id": item.correlationId,
  "sluice.attempt": item.attempt,
  "sluice.lane": lane,
});

interface RunningItem {
  item: ClaimedItem;
  lane: Lane;
  controller: AbortController;
}

interface Asked {
  rings: number;
  at: number;
}

export class WorkerLoop {
  private readonly running = new Map<string, RunningItem>();
  private listing: Promise<void> | null = null;
  /** When each kind of work was last asked for in vain. */
  private readonly emptyAt = new Map<Lane | "listing", Asked>();
  private readonly stopping = new AbortController();
  /** Aborts what still runs when the drain budget is spent. */
  private readonly handBack = new AbortController();
  private readonly payloads = new ByteBudget(PAYLOAD_BYTES_MAX);
  private readonly settle: Batcher<{ item: ClaimedItem; settlement: Settlement }, undefined>;

  constructor(
    private readonly context: IngestContext,
    private readonly wake: Wake,
    private readonly name: string,
  ) {
    this.settle = new Batcher((inputs) => this.settleBatch(inputs), {
      max: 200,
      keyOf: ({ item }) => item.jobId,
      concurrency: 2,
    });
  }

  get runningCount(): number {
    return this.running.size;
  }

  /** Runs until `stop` has drained it. */
  async run(): Promise<void> {
    const beat = setInterval(() => void this.beat(), this.context.config.worker.heartbeatMs);
    try {
      while (!this.stopping.signal.aborted) {
        const seen = this.wake.hints;
        const found = await this.claimAll().catch((error: unknown) => this.outage(error));
        if (!found) await this.wake.wait(IDLE_MS + randomInt(250), this.stopping.signal, seen);
      }
      await this.drained();
    } finally {
      clearInterval(beat);
    }
  }

  /** Claims no more; lets running work finish for `graceMs`, then hands it back. */
  stop(graceMs: number): void {
    this.stopping.abort();
    setTimeout(() => this.handBack.abort(new Interruption("shutdown")), graceMs).unref();
  }

  private async drained(): Promise<void> {
    while (this.running.size > 0 || this.listing) await this.wake.wait(50);
  }

  /** One round of claims; true when anything was found or there is no room to look for it. */
  private async claimAll(): Promise<boolean> {
    const [listed, inline, isolated] = await Promise.all([
      this.claimListing(),
      this.claimLane("inline"),
      this.claimLane("isolated"),
    ]);
    return listed || inline || isolated;
  }

  private async claimListing(): Promise<boolean> {
    if (this.listing || this.foundEmpty("listing")) return false;
    const asked = this.askedNow();
    const job = await claimJob(asSystem(this.context.sql), {
      worker: this.name,
      leaseSeconds: this.context.config.worker.leaseSeconds,
    });
    if (!job) return this.empty("listing", asked);
    this.listing = runListing(job, this.context, this.handBack.signal, this.wake).finally(() => {
      this.listing = null;
      this.wake.nudge();
    });
    return true;
  }

  private async claimLane(lane: Lane): Promise<boolean> {
    const busy = [...this.running.values()].filter((entry) => entry.lane === lane).length;
    const room = LANE_MAX[lane] - busy;
    // In bulk, so that a claim is not spent on every free place, and early, so that there is always something to convert
    // while Postgres is at work.
    if (room < LANE_MAX[lane] / 3 || this.foundEmpty(lane)) return false;
    const asked = this.askedNow();
    const items = await timedStatement(
      "claim_items",
      claimItems(asSystem(this.context.sql), {
        worker: this.name,
        leaseSeconds: this.context.config.worker.leaseSeconds,
        lane,
        limit: room,
      }),
    );
    if (items.length === 0) return this.empty(lane, asked);
    for (const item of items) void this.process(item, lane);
    return true;
  }

  /** Nothing was there a moment ago and nobody has said since that there is more: a finished item is no reason to ask. */
  private foundEmpty(what: Lane | "listing"): boolean {
    const last = this.emptyAt.get(what);
    return last !== undefined && last.rings === this.wake.rings && performance.now() - last.at < IDLE_MS;
  }

  private askedNow(): Asked {
    return { rings: this.wake.rings, at: performance.now() };
  }

  private empty(what: Lane | "listing", asked: Asked): false {
    this.emptyAt.set(what, asked);
    return false;
  }

  private async process(item: ClaimedItem, lane: Lane): Promise<void> {
    const controller = new AbortController();
    const entry: RunningItem = { item, lane, controller };
    this.running.set(item.itemId, entry);
    const signal = AbortSignal.any([controller.signal, this.handBack.signal]);
    const trace = this.context.tracer?.start("ingest", traced(item, lane));
    const progress: Progress = { fetched: false, converting: false, trace };
    try {
      const settlement = await this.ingest(item, controller, signal, progress).catch((error: unknown) =>
        this.failed(error, item, progress),
      );
      await failpoint("before_settle");
      const settlingAt = performance.now();
      await this.settle.add({ item, settlement: { fetched: progress.fetched, ...settlement } });
      trace?.stage("settle", settlingAt, performance.now());
      const { outcome, errorCode, chunks } = settlement;
      const failed = outcome === "failed" || outcome === "retry";
      trace?.end(
        { "sluice.outcome": outcome, "sluice.code": errorCode, "sluice.chunks": chunks },
        failed ? (errorCode ?? outcome) : null,
      );
    } catch (error) {
      this.context.log.error(
        { job_id: item.jobId, item_id: item.itemId, err: error },
        "item could not be settled; its lease will run out",
      );
      trace?.end({}, "unsettled");
    } finally {
      this.running.delete(item.itemId);
      this.wake.nudge();
    }
  }

  /** Within its deadline, which begins when there is room for its payload. */
  private async ingest(
    item: ClaimedItem,
    controller: AbortController,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<Settlement> {
    const giveBack = await this.payloads.take(item.descriptor.size ?? 0, signal);
    const { itemDeadlineMs } = this.context.config.worker;
    const late = () =>
      controller.abort(new TransientError("queue.deadline", `the item was not done within ${itemDeadlineMs / 1000} s`));
    const deadline = setTimeout(late, itemDeadlineMs);
    try {
      return await untilAborted(ingestItem(item, this.context, signal, progress), signal);
    } finally {
      clearTimeout(deadline);
      giveBack();
    }
  }

  private failed(error: unknown, item: ClaimedItem, progress: Progress): Settlement {
    const { worker, convert } = this.context.config;
    const settlement = settlementOf(toSluiceError(error, item.externalRef), item, worker.attemptsMax);
    if (settlement.outcome === "failed" && isVerdict(settlement.errorCode, progress.converting))
      settlement.failedUnder = verdictKey(convert);
    if (error instanceof Interruption) return settlement;
    const line = {
      job_id: item.jobId,
      item_id: item.itemId,
      external_ref: item.externalRef,
      code: settlement.errorCode,
      attempt: item.attempt,
      correlation_id: item.correlationId,
    };
    if (settlement.errorCode === "internal.unexpected")
      this.context.log.error({ ...line, err: error }, "item failed by a defect");
    else this.context.log.warn({ ...line, err_message: settlement.errorMessage }, `item ${settlement.outcome}`);
    return settlement;
  }

  private async settleBatch(inputs: { item: ClaimedItem; settlement: Settlement }[]): Promise<undefined[]> {
    const { tenantId, jobId } = inputs[0]!.item;
    const settlements = inputs.map(({ settlement }) => settlement);
    for (let attempt = 1; ; attempt++) {
      try {
        const { itemsOpen } = await timedStatement(
          "settle_items",
          settleItems(asTenant(this.context.sql, tenantId), { tenantId, jobId }, settlements),
        );
        if (itemsOpen === 0) await closeAndSummarise(this.context, { tenantId, jobId });
        return inputs.map(() => undefined);
      } catch (error) {
        if (attempt >= SETTLE_TRIES) throw error;
        await Bun.sleep(200 * 2 ** attempt);
      }
    }
  }

  private async beat(): Promise<void> {
    const entries = [...this.running.values()];
    if (entries.length === 0) return;
    try {
      const { held, canceled } = await timedStatement(
        "heartbeat",
        heartbeatItems(
          asSystem(this.context.sql),
          entries.map((entry) => entry.item),
          this.context.config.worker.leaseSeconds,
        ),
      );
      for (const { item, controller } of entries) {
        if (canceled.has(item.itemId)) controller.abort(new Interruption("canceled"));
        // Settled while the beat was under way is not lost.
        else if (!held.has(item.itemId) && this.running.has(item.itemId)) controller.abort(new Interruption("lost"));
      }
    } catch (error) {
      this.context.log.warn({ err: error }, "heartbeat failed");
    }
  }

  private async outage(error: unknown): Promise<boolean> {
    this.context.log.warn({ err: error }, "the queue does not answer; trying again");
    await this.wake.wait(randomInt(OUTAGE_MS.min, OUTAGE_MS.max), this.stopping.signal);
    return true;
  }
}
