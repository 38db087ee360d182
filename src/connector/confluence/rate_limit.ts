/**
 * The pace of a connection: one rate for all threads and machines that work on it. Where the count is kept is not known
 * here: `RateLimits` is given, over a database in the product and in memory elsewhere. Callers that wait together
 * reserve their turns in one go, so that a fast connection does not cost a statement for each request.
 */

import { SnoozeError, TransientError } from "../../errors.ts";

/** Shared by everything that talks to the same site with the same credentials. */
export interface RateLimits {
  /** Reserves `count` turns; milliseconds until the first of them, the others follow at the rate. */
  acquire(key: string, perSecond: number, count: number): Promise<number>;
  /** Nobody gets a turn within the next `ms`. */
  pause(key: string, ms: number): Promise<void>;
}

/** Turns that one reservation may take, as a share of a second: a pause is noticed after about so long. */
const AHEAD_SECONDS = 0.25;

/** For a single process. */
export class LocalRateLimits implements RateLimits {
  private readonly next = new Map<string, number>();

  async acquire(key: string, perSecond: number, count: number): Promise<number> {
    const now = performance.now();
    const first = Math.max(now, this.next.get(key) ?? 0);
    this.next.set(key, first + (count * 1000) / perSecond);
    return first - now;
  }

  async pause(key: string, ms: number): Promise<void> {
    this.next.set(key, Math.max(this.next.get(key) ?? 0, performance.now() + ms));
  }
}

interface Waiting {
  signal: AbortSignal;
  /** When this caller would rather come back later. */
  until: number;
  go: () => void;
  fail: (reason: unknown) => void;
}

export class Pace {
  private waiting: Waiting[] = [];
  private reserving = false;
  private pausedUntil = 0;

  constructor(
    private readonly limits: RateLimits,
    private readonly key: string,
    private readonly perSecond: number,
  ) {}

  /**
   * Resolves when it is this caller's turn. Throws the signal's reason, and SnoozeError `connector.rate_limited` when the
   * turn would come, or has not come, within `patienceMs`.
   */
  turn(signal: AbortSignal, patienceMs: number): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve: go, reject: fail } = Promise.withResolvers<void>();
    const one: Waiting = { signal, until: performance.now() + patienceMs, go, fail };
    this.waiting.push(one);
    void this.reserve();
    const late = setTimeout(() => {
      // Only while it stands in the queue: a turn that is reserved is near.
      const at = this.waiting.indexOf(one);
      if (at >= 0) this.waiting.splice(at, 1);
      if (at >= 0) fail(tooLate(patienceMs / 4));
    }, patienceMs);
    return promise.finally(() => clearTimeout(late));
  }

  /** The site asked to be left alone: nobody goes on before that time, on no machine. */
  async pause(ms: number): Promise<void> {
    this.pausedUntil = Math.max(this.pausedUntil, performance.now() + ms);
    await this.limits.pause(this.key, ms);
  }

  private async reserve(): Promise<void> {
    if (this.reserving) return;
    this.reserving = true;
    try {
      while (this.waiting.length > 0) {
        await Promise.resolve();
        const group = this.waiting.splice(0, Math.max(1, Math.ceil(this.perSecond * AHEAD_SECONDS)));
        if (group.length > 0) await this.release(group);
      }
    } finally {
      this.reserving = false;
    }
  }

  private async release(group: Waiting[]): Promise<void> {
    try {
      const firstMs = await this.limits.acquire(this.key, this.perSecond, group.length);
      const turns = group.map((one, i) => this.releaseOne(one, firstMs + (i * 1000) / this.perSecond));
      // The next group reserves when this one's last turn has come: who reserves far ahead misses pauses.
      await turns.at(-1);
    } catch (error) {
      const fault = new TransientError("connector.unavailable", "the shared pace cannot be read", {}, { cause: error });
      for (const one of group) one.fail(fault);
    }
  }

  private async releaseOne(one: Waiting, ms: number): Promise<void> {
    try {
      await this.waitWithin(one, ms);
      // Somebody else may have been told to rest meanwhile.
      await this.waitWithin(one, this.pausedUntil - performance.now());
      one.go();
    } catch (error) {
      one.fail(error);
    }
  }

  private async waitWithin(one: Waiting, ms: number): Promise<void> {
    if (performance.now() + ms > one.until) throw tooLate(ms);
    await sleep(ms, one.signal);
  }
}

const tooLate = (ms: number): SnoozeError =>
  new SnoozeError(
    "connector.rate_limited",
    "the connection's request rate is used up",
    new Date(Date.now() + Math.max(ms, 1000)),
  );

/**
 * How many pages and attachments a slow connection works on at once. Without it, many begin, each waits for the turns of
 * all others, and all give up half done; so only as many begin as the rate can finish soon.
 */
export class Gate {
  private inside = 0;
  private readonly queue: (() => void)[] = [];

  constructor(private readonly max: number) {}

  /** Throws SnoozeError `connector.rate_limited` after `patienceMs`, with nothing done. */
  async through<T>(signal: AbortSignal, patienceMs: number, work: () => Promise<T>): Promise<T> {
    if (this.inside < this.max) this.inside++;
    else await this.admitted(signal, patienceMs);
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      // The place passes on to whoever waited longest.
      if (next) next();
      else this.inside--;
    }
  }

  private admitted(signal: AbortSignal, patienceMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown) => {
        this.queue.splice(this.queue.indexOf(enter), 1);
        done();
        reject(reason);
      };
      const abort = () => leave(signal.reason);
      const late = setTimeout(() => leave(tooLate(patienceMs / 4)), patienceMs);
      const done = () => {
        clearTimeout(late);
        signal.removeEventListener("abort", abort);
      };
      const enter = () => {
        done();
        resolve();
      };
      this.queue.push(enter);
      signal.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Throws the signal's reason as soon as it fires. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
