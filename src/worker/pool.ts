/**
 * The pool of worker threads in the main thread: starts them, replaces a dead one, and ends one whose event loop has
 * been silent for longer than any item may take. Threads are long-lived; none is terminated while it loads (Bun crashed
 * on that before 1.4.1, oven-sh/bun#41022).
 */
import type { Config } from "../config.ts";
import { errorFromData } from "../errors.ts";
import type { Log } from "../log.ts";
import { meter } from "../metrics_meter.ts";
import type { FromThread, StartMessage, ToThread } from "./message.ts";

/** A replaced thread starts after so long, so that a thread that dies at once does not spin. */
const RESPAWN_MS = 1000;

export interface PoolOptions {
  threads: number;
  /** Written in main.ts, the only place from which the compiled binary finds the thread's code. */
  spawn: () => Worker;
  start: Omit<StartMessage, "kind" | "name" | "janitor">;
  log: Log;
}

interface Thread {
  worker: Worker;
  ready: boolean;
  /** By the clock that nobody sets: one that is set ahead must not make living threads look silent. */
  lastBeat: number;
  /** Items under way. */
  running: number;
  stopped: Promise<void>;
  resolveStopped: () => void;
}

export class WorkerPool {
  private readonly threads = new Map<number, Thread>();
  private stopping = false;
  /** Every thread has been ready once. */
  private started = false;
  private watchdog: ReturnType<typeof setInterval> | null = null;
  private starts = 0;
  private lastBeat = performance.now();

  constructor(private readonly options: PoolOptions) {}

  /** Resolves when every thread is ready; rejects when one cannot start. */
  async start(): Promise<void> {
    const { threads, start } = this.options;
    await Promise.all(Array.from({ length: threads }, (_, index) => this.startThread(index)));
    this.started = true;
    const silenceMax = start.config.worker.itemDeadlineMs;
    this.watchdog = setInterval(() => this.endSilent(silenceMax), Math.min(5000, silenceMax));
  }

  private startThread(index: number): Promise<void> {
    const { start, spawn, log } = this.options;
    // Unique for each start: a new thread never passes for the one it replaces.
    const name = `${process.pid}.${index}.${Date.now().toString(36)}.${this.starts++}`;
    const worker = spawn();
    const { promise: stopped, resolve: resolveStopped } = Promise.withResolvers<void>();
    const thread: Thread = { worker, ready: false, lastBeat: performance.now(), running: 0, stopped, resolveStopped };
    this.threads.set(index, thread);
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
        this.lastBeat = thread.lastBeat = performance.now();
        if (data.kind === "beat") {
          thread.running = data.running;
          meter.absorb(data.counts);
          this.measure();
        }
        if (data.kind === "ready") {
          thread.ready = true;
          resolve();
        }
        if (data.kind === "stopped") resolveStopped();
        if (data.kind === "fatal") {
          reject(errorFromData(data.error));
          this.died(index, thread, `fatal: ${data.error.message}`);
        }
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
        this.died(index, thread, event.message);
      };
      worker.addEventListener("close", () => this.died(index, thread, "its thread ended"));
      worker.postMessage({ kind: "start", ...start, name, janitor: index === 0 } satisfies ToThread);
      log.debug({ worker: name }, "worker thread starts");
    });
  }

  private died(index: number, thread: Thread, why: string): void {
    thread.resolveStopped();
    if (this.threads.get(index) !== thread) return;
    this.threads.delete(index);
    // A thread that never came up in the first place fails the start of the pool; a replacement is tried again and again.
    if (this.stopping || !(thread.ready || this.started)) return;
    this.options.log.error({ thread: index, why }, "worker thread died; replacing it");
    meter.count("sluice_worker_threads_replaced_total", 1);
    this.measure();
    setTimeout(() => {
      if (!this.stopping) this.startThread(index).catch(() => {});
    }, RESPAWN_MS);
  }

  private endSilent(silenceMax: number): void {
    for (const [index, thread] of this.threads) {
      if (!thread.ready || performance.now() - thread.lastBeat < silenceMax) continue;
      thread.worker.terminate();
      this.died(index, thread, `silent for more than ${silenceMax / 1000} s`);
    }
  }

  /** Milliseconds since any thread was heard of. */
  get silentMs(): number {
    return performance.now() - this.lastBeat;
  }

  /** Threads that start from now on get it by themselves: it is the object that they are started with. */
  reload(config: Config): void {
    for (const { worker } of this.threads.values()) worker.postMessage({ kind: "reload", config } satisfies ToThread);
  }

  private measure(): void {
    const ready = [...this.threads.values()].filter((thread) => thread.ready);
    meter.set("sluice_worker_threads", ready.length);
    meter.set(
      "sluice_items_running",
      ready.reduce((sum, thread) => sum + thread.running, 0),
    );
  }

  /** Drains all threads within their budget; ends those that do not answer. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    if (this.watchdog) clearInterval(this.watchdog);
    const threads = [...this.threads.values()];
    for (const { worker } of threads) worker.postMessage({ kind: "stop" } satisfies ToThread);
    await Promise.race([Promise.all(threads.map((thread) => thread.stopped)), Bun.sleep(graceMs + 3000)]);
    for (const { worker } of threads) worker.terminate();
  }
}
