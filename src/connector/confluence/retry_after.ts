/** Reads how long an answer asks to be left alone. Both forms of Retry-After are in use: seconds and an HTTP date. */

/** Nobody means a longer pause than this; a proxy's clock may be years off. */
const PAUSE_MAX_MS = 15 * 60_000;

/** Milliseconds, or null where nothing (or nonsense) is said. */
export function retryAfterMs(headers: Headers, now: number): number | null {
  const value = headers.get("retry-after")?.trim();
  if (value) {
    if (/^\d+(?:\.\d+)?$/.test(value)) return Math.min(Number(value) * 1000, PAUSE_MAX_MS);
    const date = Date.parse(value);
    if (!Number.isNaN(date)) return Math.min(Math.max(0, date - now), PAUSE_MAX_MS);
  }
  // Cloud names the time at which the budget is full again, to the minute
  // (https://developer.atlassian.com/cloud/confluence/rate-limiting/).
  const reset = headers.get("x-ratelimit-reset")?.trim();
  if (reset && isSpent(headers)) {
    const date = Date.parse(reset);
    if (!Number.isNaN(date) && date > now) return Math.min(date - now, PAUSE_MAX_MS);
  }
  return null;
}

/** The answer says that the budget is used up. */
export function isSpent(headers: Headers): boolean {
  return headers.get("x-ratelimit-remaining")?.trim() === "0";
}
