/**
 * A limit for waiting on the database from this side. The server's own timeouts do not help when the connection is
 * half open: the driver then waits for ever (porsager/postgres#1089).
 */
import { TransientError } from "../errors.ts";

/**
 * The value of `promise`, unless it takes longer than `ms`. A query of the driver is cancelled then, so that one that
 * still waits for a connection does not run after its caller has given up.
 * @param what the work, for the message: "claim of items"
 * @throws TransientError `database.timeout`
 */
export async function withTimeout<T>(promise: PromiseLike<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TransientError("database.timeout", `The ${what} did not end within ${ms} ms.`));
      cancel(promise);
    }, ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** The driver's `cancel` opens a connection of its own and may fail like any: nobody waits for it. */
function cancel(query: unknown): void {
  const { cancel } = query as { cancel?: () => unknown };
  if (typeof cancel !== "function") return;
  Promise.resolve(cancel.call(query)).catch(() => {});
  Promise.resolve(query).catch(() => {});
}
