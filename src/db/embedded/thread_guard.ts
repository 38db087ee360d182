/**
 * Holds the thread of the embedded database: starts it, asks it to stop, and starts another one when Postgres inside has
 * died, which recovers from the write-ahead log. It never gives up: what keeps Postgres from opening, a full disk, may pass.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, PermanentError, TransientError } from "../../errors.ts";
import type { FromThread, ToThread } from "./messages.ts";

/** Deaths that are so long ago, ms, no longer delay the next start. */
const CRASH_WINDOW_MS = 600_000;
/** Before the start after the second death in a row, ms, doubled with each, and the most. */
const DELAY_MS = { first: 500, max: 15_000 };

export interface GuardOptions {
  spawnThread: () => Worker;
  onCrash?: (error: Error) => void;
  startTimeoutMs?: number;
}

type Ready = Extract<FromThread, { type: "ready" }>;

export class ThreadGuard {
  #thread: DatabaseThread | undefined;
  #restarting: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  #crashes: number[] = [];

  constructor(
    private readonly options: GuardOptions,
    private readonly opening: Extract<ToThread, { type: "open" }>,
  ) {}

  /** @throws PermanentError `database.damaged` with what Postgres logged */
  async start(): Promise<Ready> {
    const thread = new DatabaseThread(this.options.spawnThread(), (error) => this.#crashed(error));
    const ready = await thread.ask(this.opening, "ready", this.options.startTimeoutMs ?? 120_000);
    this.#thread = thread;
    return ready;
  }

  /** Closes the database with a checkpoint and ends the thread. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#restarting;
    const thread = this.#thread;
    if (!thread || thread.dead) return;
    await thread.ask({ type: "stop" }, "stopped", 60_000);
    await thread.end();
  }

  #crashed(error: Error): void {
    if (!this.#stopping.signal.aborted) this.#restarting = this.#restart(error);
  }

  async #restart(crash: Error): Promise<void> {
    for (let fault = crash; ; ) {
      this.options.onCrash?.(fault);
      await sleep(this.#delay(), undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (this.#stopping.signal.aborted) return;
      try {
        await this.start();
        return;
      } catch (error) {
        fault = error instanceof Error ? error : new Error(messageOf(error));
      }
    }
  }

  /** How long to wait after one more death. */
  #delay(): number {
    const now = performance.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    const before = this.#crashes.length - 1;
    return before === 0 ? 0 : Math.min(DELAY_MS.first * 2 ** (before - 1), DELAY_MS.max);
  }
}

/** The thread as something that can be asked and answers, or fails. */
class DatabaseThread {
  dead = false;
  #closed = Promise.withResolvers<void>();
  #waiting: { answer: (message: FromThread) => void; fail: (error: Error) => void } | undefined;

  constructor(
    private readonly worker: Worker,
    private readonly onCrash: (error: Error) => void,
  ) {
    worker.onmessage = (event: MessageEvent<FromThread>) => this.#receive(event.data);
    worker.onerror = (event: ErrorEvent) => void this.#die(event.message, []);
    worker.addEventListener("close", () => {
      this.#closed.resolve();
      void this.#die("its thread has ended", []);
    });
  }

  /** Sends a message and waits for the answer of that type. */
  ask<T extends FromThread["type"]>(message: ToThread, type: T, timeoutMs: number) {
    return new Promise<Extract<FromThread, { type: T }>>((resolve, reject) => {
      const late = `no answer to "${message.type}" in ${timeoutMs} ms`;
      const timer = setTimeout(() => void this.#die(late, []), timeoutMs);
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        action();
      };
      this.#waiting = {
        answer: (answer) => {
          if (answer.type === type) settle(() => resolve(answer as Extract<FromThread, { type: T }>));
        },
        fail: (error) => settle(() => reject(error)),
      };
      this.worker.postMessage(message);
    });
  }

  /** Resolves when the thread has let go of the files and of the socket, which it removes. */
  async end(): Promise<void> {
    this.dead = true;
    this.worker.terminate();
    await this.#closed.promise;
  }

  #receive(message: FromThread): void {
    if (message.type === "failed" || message.type === "gone") void this.#die(message.message, message.log);
    else this.#waiting?.answer(message);
  }

  async #die(what: string, log: string[]): Promise<void> {
    if (this.dead) return;
    await this.end();
    const text = ["The embedded database failed:", what, ...log].join("\n");
    if (this.#waiting) this.#waiting.fail(new PermanentError("database.damaged", text));
    else this.onCrash(new TransientError("database.unavailable", text));
  }
}
