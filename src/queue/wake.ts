/**
 * Hints that there is work. Polling is the truth; a hint only shortens the wait. Within a process it is a broadcast to all
 * threads, between processes a NOTIFY, at most one in 50 ms: a commit that carries a NOTIFY takes a database-wide lock.
 * (recall.ai, "Postgres LISTEN/NOTIFY does not scale")
 */
import type { Sql } from "postgres";

const CHANNEL = "sluice_wake";
const NOTIFY_INTERVAL_MS = 50;

export class Wake {
  private readonly channel = new BroadcastChannel(CHANNEL);
  private listeners = new Set<() => void>();
  private lastNotify = 0;

  /** `notify`: the database to tell other processes through; null in embedded mode, where there are none. */
  constructor(private readonly notify: Sql | null) {
    this.channel.onmessage = () => this.fire();
    // A hint must not keep a process alive.
    (this.channel as unknown as { unref?: () => void }).unref?.();
  }

  /** There is something to claim. Never throws and never waits. */
  ring(): void {
    this.fire();
    this.channel.postMessage(0);
    const now = performance.now();
    if (!this.notify || now - this.lastNotify < NOTIFY_INTERVAL_MS) return;
    this.lastNotify = now;
    this.notify`SELECT pg_notify(${CHANNEL}, '')`.catch(() => {});
  }

  /** Room has become free in this thread: wakes its own loop and nobody else. */
  nudge(): void {
    this.fire();
  }

  /** Hints of other processes; one listening connection for the whole process is enough. */
  async listen(sql: Sql): Promise<void> {
    await sql.listen(CHANNEL, () => {
      this.fire();
      this.channel.postMessage(0);
    });
  }

  /** Resolves at the next hint or after `ms`. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.listeners.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.listeners.add(done);
      if (signal?.aborted) done();
      else signal?.addEventListener("abort", done, { once: true });
    });
  }

  private fire(): void {
    for (const listener of [...this.listeners]) listener();
  }

  close(): void {
    this.channel.close();
  }
}
