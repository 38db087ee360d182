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
  private hintCount = 0;
  private ringCount = 0;
  private lastNotify = 0;

  /** `notify`: the database to tell other processes through; null in embedded mode, where there are none. */
  constructor(private readonly notify: Sql | null) {
    this.channel.onmessage = () => this.rung();
    // A hint must not keep a process alive.
    (this.channel as unknown as { unref?: () => void }).unref?.();
  }

  /** Hints so far; for `wait`, so that none is lost that comes while the queue is being asked. */
  get hints(): number {
    return this.hintCount;
  }

  /** How often it was said that there is something to claim. */
  get rings(): number {
    return this.ringCount;
  }

  /** There is something to claim. Never throws and never waits. */
  ring(): void {
    this.rung();
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
      this.rung();
      this.channel.postMessage(0);
    });
  }

  /** Resolves at the next hint or after `ms`; at once if there was one since `hints` was `seen`. */
  wait(ms: number, signal?: AbortSignal, seen = this.hintCount): Promise<void> {
    if (seen !== this.hintCount) return Promise.resolve();
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

  private rung(): void {
    this.ringCount++;
    this.fire();
  }

  private fire(): void {
    this.hintCount++;
    for (const listener of [...this.listeners]) listener();
  }

  close(): void {
    this.channel.close();
  }
}
