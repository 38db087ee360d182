/** How fast requests came, measured at the server, and a limit that the server may enforce. */

/** The most requests in any window of this length; times are milliseconds in ascending order. */
export function peakRate(times: readonly number[], windowMs = 1000): number {
  let peak = 0;
  let from = 0;
  for (let to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! >= windowMs) from++;
    peak = Math.max(peak, to - from + 1);
  }
  return peak;
}

export interface Limit {
  perSecond: number;
  /** Requests that may come at once; as many as in a second when left out. */
  burst?: number;
}

/** A bucket that fills at `perSecond` up to `burst`. */
export class TokenBucket {
  readonly burst: number;
  #tokens: number;
  #at: number;

  constructor(
    readonly limit: Limit,
    now = performance.now(),
  ) {
    this.burst = limit.burst ?? Math.max(1, limit.perSecond);
    this.#tokens = this.burst;
    this.#at = now;
  }

  /** Takes a token; if there is none, the seconds until there will be. */
  take(now = performance.now()): number {
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#at) / 1000) * this.limit.perSecond);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return (1 - this.#tokens) / this.limit.perSecond;
  }
}
