/**
 * The pace of a connection: one rate for all threads and machines that work on it. Where the count is kept is not known
 * here: `RateLimits` is given, over a database in the product and in memory elsewhere. Callers that wait together
 * reserve their turns in one go, so that a fast connection does not cost a statement for each request.
 */

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

  /** Resolves when it is this caller's turn; throws the signal's reason. */
  turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((go, fail) => {
      this.waiting.push({ signal, go, fail });
      void this.reserve();
    });
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
        await this.release(group);
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
      for (const one of group) one.fail(error);
    }
  }

  private async releaseOne(one: Waiting, ms: number): Promise<void> {
    try {
      await sleep(ms, one.signal);
      const rest = this.pausedUntil - performance.now();
      if (rest > 0) await sleep(rest, one.signal);
      one.go();
    } catch (error) {
      one.fail(error);
    }
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
