/**
 * The pace of a connection: one rate for all threads and machines that work on it. Where the count is kept is not known
 * here: `RateLimits` is given, over a database in the product and in memory elsewhere. Turns are reserved in one go for
 * all who wait, and ahead of time for those who will come, so that a busy database holds up no request.
 */

import { SnoozeError, TransientError } from "../../errors.ts";

/** Shared by everything that talks to the same site with the same credentials. */
export interface RateLimits {
  /** Reserves `count` turns; milliseconds until the first of them, the others follow at the rate. */
  acquire(key: string, perSecond: number, count: number): Promise<number>;
  /** Nobody gets a turn within the next `ms`. */
  pause(key: string, ms: number): Promise<void>;
}

/** Turns are reserved so far ahead at most: a pause of others is noticed after about so long. */
const AHEAD_MS = 500;
/** A turn that nobody took in time is good for so long. */
const CATCH_UP_MS = 300;

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
  private readonly waiting: Waiting[] = [];
  /** Times of turns that are reserved and nobody's yet, earliest first. */
  private readonly reserved: number[] = [];
  /** Of the last turn that was reserved. */
  private horizon = 0;
  /** Turns that were given away since the last reservation: so many will be wanted again. */
  private taken = 0;
  private isReserving = false;
  private later: ReturnType<typeof setTimeout> | undefined;
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
    // Only while it stands in the queue: a turn that is its own is near.
    const leave = (reason: unknown) => {
      const at = this.waiting.indexOf(one);
      if (at < 0) return;
      this.waiting.splice(at, 1);
      fail(reason);
    };
    const abort = () => leave(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const late = setTimeout(() => leave(tooLate(patienceMs / 4)), patienceMs);
    this.serve();
    return promise.finally(() => {
      clearTimeout(late);
      signal.removeEventListener("abort", abort);
    });
  }

  /** The site asked to be left alone: nobody goes on before that time, on no machine. */
  async pause(ms: number): Promise<void> {
    this.pausedUntil = Math.max(this.pausedUntil, performance.now() + ms);
    this.reserved.length = 0;
    await this.limits.pause(this.key, ms);
  }

  /** Gives reserved turns to those who wait, and reserves the next ones before they are needed. */
  private serve(): void {
    const now = performance.now();
    while (this.reserved.length > 0 && this.reserved[0]! < now - CATCH_UP_MS) this.reserved.shift();
    while (this.waiting.length > 0 && this.reserved.length > 0) {
      const one = this.waiting.shift()!;
      if (this.reserved[0]! > one.until) one.fail(tooLate(this.reserved[0]! - now));
      else {
        this.taken++;
        void this.release(one, this.reserved.shift()!);
      }
    }
    if (this.isReserving || this.wanted() <= 0) return;
    const tooEarlyMs = this.horizon - now - AHEAD_MS / 2;
    if (tooEarlyMs <= 0) void this.reserve();
    else if (this.waiting.length > 0) this.serveIn(tooEarlyMs);
  }

  /** Who waits now, or as many as came since the last time, less what is there. */
  private wanted(): number {
    return Math.max(this.waiting.length, this.taken - this.reserved.length);
  }

  private serveIn(ms: number): void {
    for (const one of this.waiting.filter(({ until }) => until < this.horizon)) {
      this.waiting.splice(this.waiting.indexOf(one), 1);
      one.fail(tooLate(this.horizon - performance.now()));
    }
    this.later ??= setTimeout(() => {
      this.later = undefined;
      this.serve();
    }, ms);
  }

  private async reserve(): Promise<void> {
    this.isReserving = true;
    try {
      // Whoever comes in the same moment is counted.
      await Promise.resolve();
      const most = Math.max(1, Math.ceil((this.perSecond * AHEAD_MS) / 1000));
      const count = Math.min(most, Math.max(1, this.wanted()));
      this.taken = 0;
      const firstMs = await this.limits.acquire(this.key, this.perSecond, count);
      const first = performance.now() + firstMs;
      for (let i = 0; i < count; i++) this.reserved.push(first + (i * 1000) / this.perSecond);
      this.horizon = this.reserved.at(-1)!;
    } catch (error) {
      const fault = new TransientError("connector.unavailable", "the shared pace cannot be read", {}, { cause: error });
      for (const one of this.waiting.splice(0)) one.fail(fault);
    } finally {
      this.isReserving = false;
    }
    this.serve();
  }

  private async release(one: Waiting, at: number): Promise<void> {
    try {
      await this.waitWithin(one, at);
      // Somebody else may have been told to rest meanwhile.
      await this.waitWithin(one, this.pausedUntil);
      one.go();
    } catch (error) {
      one.fail(error);
    }
  }

  private async waitWithin(one: Waiting, at: number): Promise<void> {
    const ms = at - performance.now();
    if (at > one.until) throw tooLate(ms);
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
