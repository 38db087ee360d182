/**
 * How much this process takes in at once. Whatever is slow behind it (database, object store, disk), requests beyond the
 * bound are refused at once with a time to come back, instead of waiting in memory; and while the queue is full, nothing
 * is added to it. Health, readiness and metrics are never refused: they are how one sees it.
 */
import type { Sql } from "postgres";
import { SnoozeError } from "../errors.ts";
import { meter } from "../metrics_meter.ts";
import { itemsOpen } from "../queue/depth.ts";

export interface IntakeLimits {
  /** Requests under way. */
  requests: number;
  /** Uploads under way: each holds a file on disk and pieces of it in memory. */
  uploads: number;
  /** Items in the queue, of all tenants. */
  queueItems: number;
}

const BACK_AFTER_MS = 2000;
/** The queue drains slowly; a look at it is good for a moment. */
const QUEUE_BACK_AFTER_MS = 30_000;
const QUEUE_LOOK_MS = 1000;

export class Intake {
  private requests = 0;
  private uploads = 0;
  private queue: { open: Promise<number>; at: number } | null = null;

  constructor(
    private readonly limits: IntakeLimits,
    private readonly sql: Sql,
  ) {}

  /** Takes a place; the result gives it back. Throws SnoozeError `request.busy`. */
  takeRequest(): () => void {
    if (this.requests >= this.limits.requests) throw busy("requests", this.limits.requests);
    meter.set("sluice_http_requests_running", ++this.requests);
    return () => meter.set("sluice_http_requests_running", --this.requests);
  }

  /** The same for an upload. */
  takeUpload(): () => void {
    if (this.uploads >= this.limits.uploads) throw busy("uploads", this.limits.uploads);
    meter.set("sluice_uploads_running", ++this.uploads);
    return () => meter.set("sluice_uploads_running", --this.uploads);
  }

  /** Throws SnoozeError `queue.full`. */
  async requireRoom(): Promise<void> {
    if (!(await this.queueIsFull())) return;
    meter.count("sluice_intake_refused_total", 1, "queue");
    throw new SnoozeError(
      "queue.full",
      `More than ${this.limits.queueItems} items wait in the queue`,
      new Date(Date.now() + QUEUE_BACK_AFTER_MS),
      { limit: this.limits.queueItems },
    );
  }

  /** Which bound is reached, for readiness; null when there is room. */
  async fullOf(): Promise<"requests" | "uploads" | "queue" | null> {
    if (this.requests >= this.limits.requests) return "requests";
    if (this.uploads >= this.limits.uploads) return "uploads";
    return (await this.queueIsFull()) ? "queue" : null;
  }

  private async queueIsFull(): Promise<boolean> {
    if (!this.queue || performance.now() - this.queue.at > QUEUE_LOOK_MS) {
      const look = { open: itemsOpen(this.sql), at: performance.now() };
      this.queue = look;
      look.open.catch(() => {
        if (this.queue === look) this.queue = null;
      });
    }
    return (await this.queue.open) >= this.limits.queueItems;
  }
}

function busy(what: "requests" | "uploads", max: number): SnoozeError {
  meter.count("sluice_intake_refused_total", 1, what);
  return new SnoozeError("request.busy", `${max} ${what} are under way already`, new Date(Date.now() + BACK_AFTER_MS), {
    limit: max,
  });
}
