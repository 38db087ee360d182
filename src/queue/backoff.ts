/**
 * When to try again: exponential backoff with full jitter, so that items that failed together do not come back together.
 * Upper bounds by attempt (s): 2, 4, 8, 16, 32, 64, 128, 256, then 300. (AWS Architecture Blog, "Exponential Backoff And Jitter")
 */
const CAP_MS = 300_000;

/** `attempt` counts from 1; `random` is in [0, 1). Never sooner than 250 ms. */
export function backoffMs(attempt: number, random: number): number {
  const bound = Math.min(CAP_MS, 1000 * 2 ** Math.min(attempt, 20));
  return Math.max(250, Math.floor(random * bound));
}
