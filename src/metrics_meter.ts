/**
 * The counts of one thread. Work is done in worker threads and read in the main thread, so a thread counts into plain
 * numbers, hands over what came new once a second (`drain`), and the main thread adds it to its own (`absorb`). Counting
 * costs a map look-up; labels are few and bounded, since each combination is a time series for ever.
 */

/** Seconds; from a statement on a local socket to a stage that waits for a slow source. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

type Kind = "counter" | "gauge" | "histogram";

interface Definition<T extends Kind = Kind> {
  type: T;
  help: string;
  labels: readonly string[];
}

const counter = (help: string, ...labels: string[]): Definition<"counter"> => ({ type: "counter", help, labels });
const gauge = (help: string, ...labels: string[]): Definition<"gauge"> => ({ type: "gauge", help, labels });
const histogram = (help: string, ...labels: string[]): Definition<"histogram"> => ({ type: "histogram", help, labels });

/** Everything that is measured where the work is done. */
export const MEASURES = {
  sluice_items_settled_total: counter("Items settled, by outcome and error code.", "outcome", "code"),
  sluice_items_unchanged_total: counter("Descriptors that a listing found unchanged; no item was made for them."),
  sluice_jobs_closed_total: counter("Jobs closed, by status and error code.", "status", "code"),
  sluice_stage_duration_seconds: histogram("Time of each stage of an item, its wait for a batch included.", "stage"),
  sluice_chunks_total: counter("Chunks of the documents that were ingested."),
  sluice_vectors_total: counter("Vectors by where they came from: embedded, reused or refused.", "how"),
  sluice_embeddings_request_duration_seconds: histogram("Requests to the embeddings endpoint, by result.", "result"),
  sluice_embeddings_texts_total: counter("Texts sent to the embeddings endpoint."),
  sluice_embeddings_tokens_total: counter("Tokens that the embeddings endpoint says it read."),
  sluice_database_duration_seconds: histogram("Time of the statements that the pipeline lives on.", "statement"),
  sluice_s3_duration_seconds: histogram(
    "Requests to S3, retries included, by operation and status.",
    "operation",
    "status",
  ),
  sluice_convert_children_started_total: counter("Conversion children started."),
  sluice_convert_children_ended_total: counter("Conversion children that ended, by reason.", "reason"),
  sluice_http_requests_running: gauge("Requests under way in this process."),
  sluice_uploads_running: gauge("Uploads under way in this process."),
  sluice_intake_refused_total: counter(
    "Requests refused because a bound was reached: requests, uploads, queue.",
    "bound",
  ),
  sluice_worker_threads: gauge("Worker threads of this process that answer."),
  sluice_worker_threads_replaced_total: counter("Worker threads that died or fell silent and were replaced."),
  sluice_items_running: gauge("Items under way in this process."),
  sluice_trace_spans_total: counter("Spans handed to the trace collector or dropped.", "result"),
  sluice_scheduled_syncs_total: counter("Syncs that a schedule asked for."),
  sluice_webhook_attempts_total: counter("Deliveries attempted, by result and error code.", "result", "code"),
  sluice_gc_deleted_total: counter("What retention deleted, by kind.", "kind"),
} as const satisfies Record<string, Definition>;

export type MeasureName = keyof typeof MEASURES;
type NameOf<T extends Kind> = {
  [N in MeasureName]: (typeof MEASURES)[N]["type"] extends T ? N : never;
}[MeasureName];

/** One time series. A histogram has a count for each bucket and one beyond; for the others `sum` is the value. */
interface Series {
  name: MeasureName;
  labels: string[];
  sum: number;
  buckets: number[] | null;
}

/** What came new in a thread; plain data for `postMessage`. */
export type Counts = Series[];

/** A metric as prom-client's `getMetricsAsJSON` gives it, which its aggregator reads. */
export interface MetricJson {
  name: string;
  help: string;
  type: Kind;
  aggregator: "sum";
  values: { metricName?: string; labels: Record<string, string | number>; value: number }[];
}

export class Meter {
  private series = new Map<string, Series>();

  count(name: NameOf<"counter">, n: number, ...labels: string[]): void {
    if (n !== 0) this.at(name, labels).sum += n;
  }

  set(name: NameOf<"gauge">, value: number): void {
    this.at(name, []).sum = value;
  }

  observe(name: NameOf<"histogram">, seconds: number, ...labels: string[]): void {
    const series = this.at(name, labels);
    let bucket = 0;
    while (bucket < SECONDS.length && seconds > SECONDS[bucket]!) bucket++;
    series.buckets![bucket]!++;
    series.sum += seconds;
  }

  /** Observes how long the promise takes, whether it succeeds or not, and passes it on. */
  async time<T>(name: NameOf<"histogram">, label: string, work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work;
    } finally {
      this.observe(name, (performance.now() - startedAt) / 1000, label);
    }
  }

  /** What was counted since the last call, or undefined; the meter starts at nothing again. */
  drain(): Counts | undefined {
    if (this.series.size === 0) return undefined;
    const counts = [...this.series.values()];
    this.series = new Map();
    return counts;
  }

  /** Adds what another thread has counted. */
  absorb(counts: Counts | undefined): void {
    for (const { name, labels, sum, buckets } of counts ?? []) {
      const series = this.at(name, labels);
      series.sum += sum;
      for (const [i, n] of (buckets ?? []).entries()) series.buckets![i]! += n;
    }
  }

  /** All measures in prom-client's form; one that never happened and has no labels is 0. */
  toJson(): MetricJson[] {
    const grouped = Map.groupBy(this.series.values(), (series) => series.name);
    return (Object.keys(MEASURES) as MeasureName[]).map((name) => {
      const { type, help, labels } = MEASURES[name] as Definition;
      const series = grouped.get(name) ?? (labels.length === 0 ? [emptySeries(name, [])] : []);
      return { name, help, type, aggregator: "sum", values: series.flatMap(valuesOf) };
    });
  }

  private at(name: MeasureName, labels: string[]): Series {
    const key =
      labels.length === 0 ? name : labels.length === 1 ? `${name} ${labels[0]}` : `${name} ${labels.join(" ")}`;
    const found = this.series.get(key);
    if (found) return found;
    const made = emptySeries(name, labels);
    this.series.set(key, made);
    return made;
  }
}

/** Of this thread. */
export const meter = new Meter();

/** Measures a statement that the pipeline lives on, by name. */
export const timedStatement = <T>(statement: string, work: Promise<T>): Promise<T> =>
  meter.time("sluice_database_duration_seconds", statement, work);

const emptySeries = (name: MeasureName, labels: string[]): Series => ({
  name,
  labels,
  sum: 0,
  buckets: MEASURES[name].type === "histogram" ? new Array<number>(SECONDS.length + 1).fill(0) : null,
});

function valuesOf({ name, labels, sum, buckets }: Series): MetricJson["values"] {
  const named = Object.fromEntries(MEASURES[name].labels.map((label, i) => [label, labels[i] ?? ""]));
  if (!buckets) return [{ labels: named, value: sum }];
  let total = 0;
  const values = buckets.map((n, i) => {
    total += n;
    return { metricName: `${name}_bucket`, labels: { ...named, le: SECONDS[i] ?? "+Inf" }, value: total };
  });
  return [
    ...values,
    { metricName: `${name}_sum`, labels: named, value: sum },
    { metricName: `${name}_count`, labels: named, value: total },
  ];
}
