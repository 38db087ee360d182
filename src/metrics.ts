/**
 * What Prometheus reads: requests by route pattern and status, the state of the queue (asked of the database at each
 * scrape, so that every process tells the same), what the threads of this process have done (`metrics_meter.ts`), and
 * the process itself. prom-client's own process metrics are left out: under Bun most of them are zero or nonsense (an
 * event loop lag of 292 years), so the few that hold are measured here.
 */
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";
import { withTimeout } from "./db/deadline.ts";
import { meter, timedStatement } from "./metrics_meter.ts";
import type { QueueDepth } from "./queue/depth.ts";
import { VERSION } from "./version.ts";

export interface Metrics {
  readonly contentType: string;
  observeRequest(method: string, route: string, status: number, seconds: number): void;
  /** The whole text; asks `queueDepth` once. */
  scrape(): Promise<string>;
}

/** Callers may invent methods; each would be a time series for ever. */
const METHODS = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]);
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Prometheus waits 10 s by default; whatever the database does, the rest of the answer comes before. */
const QUEUE_MS = 5000;

/** A registry of its own, so that two apps in one process do not mix their requests; the threads' work is the process's. */
export function createMetrics(queueDepth: () => Promise<QueueDepth>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: "sluice_http_request_duration_seconds",
    help: "Time until a request was answered, by route pattern and status.",
    labelNames: ["method", "route", "status"] as const,
    buckets: SECONDS,
    registers,
  });
  const writeQueue = queueGauges(registry);
  processMetrics(registry);
  return {
    contentType: registry.contentType,
    observeRequest(method, route, status, seconds) {
      requests.observe({ method: METHODS.has(method) ? method : "other", route, status }, seconds);
    },
    async scrape() {
      writeQueue(
        await withTimeout(timedStatement("queue_depth", queueDepth()), QUEUE_MS, "look at the queue").catch(() => null),
      );
      return `${await registry.metrics()}\n${await AggregatorRegistry.aggregate([meter.toJson()]).metrics()}`;
    },
  };
}

/** Null when the database did not answer: then nothing is said of the queue, rather than something old. */
function queueGauges(registry: Registry): (depth: QueueDepth | null) => void {
  const registers = [registry];
  const jobs = new Gauge({
    name: "sluice_jobs",
    help: "Unfinished jobs by status.",
    labelNames: ["status"] as const,
    registers,
  });
  const items = new Gauge({
    name: "sluice_items_open",
    help: "Items of unfinished jobs that are not settled.",
    registers,
  });
  const vectors = new Gauge({
    name: "sluice_job_vectors_pending",
    help: "Chunks of unfinished jobs without a vector.",
    registers,
  });
  const oldest = new Gauge({
    name: "sluice_queue_oldest_waiting_seconds",
    help: "Age of the oldest work that could be claimed.",
    registers,
  });
  const up = new Gauge({
    name: "sluice_database_up",
    help: "1 when the database answered this scrape, else 0.",
    registers,
  });
  return (depth) => {
    up.set(depth ? 1 : 0);
    for (const gauge of [jobs, items, vectors, oldest]) gauge.reset();
    if (!depth) return void [items, vectors, oldest].map((gauge) => gauge.remove());
    for (const [status, n] of Object.entries(depth.jobs)) jobs.set({ status }, n);
    items.set(depth.itemsOpen);
    vectors.set(depth.vectorsPending);
    oldest.set(depth.oldestWaitingSeconds);
  };
}

function processMetrics(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "User and system CPU time of the process.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const started = new Gauge({
    name: "process_start_time_seconds",
    help: "Start of the process, Unix time.",
    registers,
  });
  started.set(Math.round(Date.now() / 1000 - process.uptime()));
  const { version, commit, schema } = VERSION;
  const build = new Gauge({
    name: "sluice_build_info",
    help: "Always 1; what runs here is in the labels.",
    labelNames: ["version", "commit", "schema"] as const,
    registers,
  });
  build.set({ version, commit, schema: String(schema) }, 1);
}
