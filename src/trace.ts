/**
 * OpenTelemetry traces of a worker thread, where a collector is configured: one trace for each item, a span for each
 * stage. Spans go out as OTLP over HTTP in JSON, which is one POST of plain data: the OpenTelemetry packages for it are
 * twelve, with those for logs and metrics. An item without a tracer costs a look at an undefined field for each stage.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import { meter } from "./metrics_meter.ts";
import { VERSION } from "./version.ts";

export interface TracingConfig {
  /** Where spans are posted, e.g. http://localhost:4318/v1/traces. */
  url: string;
  headers: Record<string, string>;
  serviceName: string;
  /** Share of the traces that is kept, from 0 to 1; failed items are always kept. */
  ratio: number;
}

type Attributes = Record<string, string | number | null | undefined>;

/** The trace of one item while it is worked on. */
export interface ItemTrace {
  /** Times as `performance.now()` gives them; with an error the stage failed. */
  stage(name: string, startedAt: number, endedAt: number, error?: unknown): void;
  /** Ends the trace; `failure` is an error code. */
  end(attributes: Attributes, failure: string | null): void;
}

export interface Tracer {
  start(name: string, attributes: Attributes): ItemTrace;
  /** Sends what is left. */
  close(): Promise<void>;
}

const FLUSH_MS = 5000;
const BATCH_MAX = 512;
/** Beyond this a collector that does not answer loses the oldest spans, and the service its memory to nobody. */
const WAITING_MAX = 8192;
const POST_MS = 10_000;
/** Before the second try to send what is left at the end. */
const LAST_TRY_MS = 500;
const COMPLAIN_MS = 60_000;
const INTERNAL = 1;
const CONSUMER = 5;
const ERROR = 2;

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue: string } | { intValue: string } }[];
  status?: { code: number; message: string };
}

/** Null without a configuration. `instance` tells this thread from others. */
export function openTracer(config: TracingConfig | null, instance: string, log: Log): Tracer | null {
  return config && new Exporter(config, instance, log);
}

class Exporter implements Tracer {
  private waiting: Span[] = [];
  private sending: Promise<void> | null = null;
  private complainedAt = Number.NEGATIVE_INFINITY;
  private readonly timer = setInterval(() => void this.flush(), FLUSH_MS);

  constructor(
    private readonly config: TracingConfig,
    private readonly instance: string,
    private readonly log: Log,
  ) {}

  start(name: string, attributes: Attributes): ItemTrace {
    const traceId = randomHex(16);
    const root = randomHex(8);
    const startedAt = performance.now();
    const stages: Span[] = [];
    return {
      stage: (stage, from, to, error) => {
        const status = error === undefined ? {} : { status: { code: ERROR, message: messageOf(error) } };
        const span = { traceId, spanId: randomHex(8), parentSpanId: root, name: stage, kind: INTERNAL };
        stages.push({ ...span, ...times(from, to), attributes: [], ...status });
      },
      end: (more, failure) => {
        if (failure === null && Math.random() >= this.config.ratio) return;
        const status = failure === null ? {} : { status: { code: ERROR, message: failure } };
        const span = { traceId, spanId: root, name, kind: CONSUMER, ...times(startedAt, performance.now()) };
        this.add([{ ...span, attributes: attributesOf({ ...attributes, ...more }), ...status }, ...stages]);
      },
    };
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.sending;
    await this.flush();
    if (this.waiting.length === 0) return;
    // A short run meets its collector here for the first time; one that restarts may take them a moment later.
    await Bun.sleep(LAST_TRY_MS);
    await this.flush();
  }

  private add(spans: Span[]): void {
    this.waiting.push(...spans);
    const excess = this.waiting.length - WAITING_MAX;
    if (excess > 0) {
      this.waiting.splice(0, excess);
      meter.count("sluice_trace_spans_total", excess, "dropped");
    }
    if (this.waiting.length >= BATCH_MAX) void this.flush();
  }

  /** One request at a time; while the collector is slow, spans wait. */
  private flush(): Promise<void> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, BATCH_MAX);
      const outcome = await this.post(batch);
      if (outcome === "again") {
        this.waiting.unshift(...batch);
        return;
      }
      meter.count("sluice_trace_spans_total", batch.length, outcome);
    }
  }

  private async post(spans: Span[]): Promise<"sent" | "dropped" | "again"> {
    const resource = {
      "service.name": this.config.serviceName,
      "service.version": VERSION.version,
      "service.instance.id": this.instance,
    };
    const scopeSpans = [{ scope: { name: "sluice", version: VERSION.version }, spans }];
    try {
      const answer = await fetch(this.config.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...this.config.headers },
        body: JSON.stringify({ resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] }),
        signal: AbortSignal.timeout(POST_MS),
      });
      await answer.arrayBuffer();
      if (answer.ok) return "sent";
      this.complain(`the collector answered ${answer.status}`);
      return [429, 502, 503, 504].includes(answer.status) ? "again" : "dropped";
    } catch (error) {
      this.complain(messageOf(error));
      return "again";
    }
  }

  private complain(reason: string): void {
    if (performance.now() - this.complainedAt < COMPLAIN_MS) return;
    this.complainedAt = performance.now();
    this.log.warn({ url: this.config.url, reason, waiting: this.waiting.length }, "traces are not taken");
  }
}

const randomHex = (bytes: number): string => crypto.getRandomValues(Buffer.alloc(bytes)).toString("hex");

/** Nanoseconds since 1970 as text; microseconds are what a double still holds. */
const nanoseconds = (at: number): string => `${Math.floor((performance.timeOrigin + at) * 1000)}000`;
const times = (from: number, to: number) => ({
  startTimeUnixNano: nanoseconds(from),
  endTimeUnixNano: nanoseconds(to),
});

const attributesOf = (attributes: Attributes): Span["attributes"] =>
  Object.entries(attributes).flatMap(([key, value]) => {
    if (value === null || value === undefined) return [];
    return [{ key, value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value } }];
  });
