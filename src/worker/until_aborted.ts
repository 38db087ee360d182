/** A stage that cannot be interrupted must not hold up a shutdown, a deadline or a cancel: its caller stops waiting. */

/** The outcome of `work`, or the signal's reason as soon as it fires; the work itself goes on unobserved then. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
