/** Traces as a collector gets them from the running binary: OTLP over HTTP in JSON. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, sluiceJson } from "../support/binary.ts";

const DEMO = join(import.meta.dir, "../demo/documents");

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: string } }[];
  status?: { code: number; message: string };
}
interface Received {
  path: string;
  authorization: string | null;
  service: string;
  spans: Span[];
}

const received: Received[] = [];
let refusals = 1;
const collector = Bun.serve({
  port: 0,
  async fetch(request) {
    // A collector that restarts: what it refuses so is to be sent again.
    if (refusals-- > 0) return new Response(null, { status: 503 });
    const { resourceSpans } = (await request.json()) as {
      resourceSpans: { resource: { attributes: Span["attributes"] }; scopeSpans: { spans: Span[] }[] }[];
    };
    for (const { resource, scopeSpans } of resourceSpans)
      received.push({
        path: new URL(request.url).pathname,
        authorization: request.headers.get("authorization"),
        service: attribute(resource, "service.name"),
        spans: scopeSpans.flatMap(({ spans }) => spans),
      });
    return Response.json({});
  },
});
afterAll(() => collector.stop(true));

const attribute = ({ attributes }: Pick<Span, "attributes">, name: string): string =>
  attributes.find(({ key }) => key === name)?.value.stringValue ?? "";

function folderWithOneBroken(): string {
  const folder = scratch();
  cpSync(DEMO, join(folder, "documents"), { recursive: true });
  writeFileSync(
    join(folder, "documents/broken.docx"),
    readFileSync(join(DEMO, "handbook/expense-policy.docx")).subarray(0, 5000),
  );
  return folder;
}

test("each item is a trace with a span for each stage, and a failed one says where and why", async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20collect",
    OTEL_SERVICE_NAME: "documents",
  };
  const job = await sluiceJson(folderWithOneBroken(), ["ingest", "documents"], env);
  expect(job).toMatchObject({ items_ingested: 13, items_failed: 1 });
  expect(
    received.every(
      ({ path, authorization, service }) =>
        path === "/v1/traces" && authorization === "Bearer collect" && service === "documents",
    ),
  ).toBe(true);
  const traces = [
    ...Map.groupBy(
      received.flatMap(({ spans }) => spans),
      ({ traceId }) => traceId,
    ).values(),
  ];
  expect(traces.length).toBe(14);
  for (const spans of traces) {
    const root = spans.find(({ parentSpanId }) => parentSpanId === undefined)!;
    const stages = spans.filter((span) => span !== root);
    expect([root.name, root.traceId.length, root.spanId.length]).toEqual(["ingest", 32, 16]);
    expect(attribute(root, "sluice.job_id")).toBe(job["job_id"] as unknown as string);
    expect(stages.every(({ parentSpanId }) => parentSpanId === root.spanId)).toBe(true);
    const failed = attribute(root, "sluice.external_ref").endsWith("broken.docx");
    const names = stages.map(({ name }) => name);
    if (failed) {
      expect(names).toEqual(["fetch", "put_raw", "convert", "settle"]);
      expect(root.status).toEqual({ code: 2, message: "convert.malformed" });
      expect(stages.find(({ name }) => name === "convert")?.status?.code).toBe(2);
    } else {
      expect(names).toEqual([
        "fetch",
        "put_raw",
        "convert",
        "put_markdown",
        "chunk",
        "put_manifest",
        "swap_in",
        "embed",
        "settle",
      ]);
      expect([root.status, attribute(root, "sluice.outcome")]).toEqual([undefined, "ingested"]);
    }
    const start = BigInt(root.startTimeUnixNano);
    expect(Math.abs(Number(start / 1_000_000n) - Date.now())).toBeLessThan(120_000);
    for (const span of stages) {
      expect(BigInt(span.startTimeUnixNano)).toBeGreaterThanOrEqual(start);
      expect(BigInt(span.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(root.endTimeUnixNano));
    }
  }
}, 60_000);

test("with a ratio of nothing only failures are kept, and a collector that is not there stops nobody", async () => {
  received.length = 0;
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.origin, OTEL_TRACES_SAMPLER_ARG: "0" };
  await sluiceJson(folderWithOneBroken(), ["ingest", "documents"], env);
  expect(new Set(received.flatMap(({ spans }) => spans).map(({ traceId }) => traceId)).size).toBe(1);
  const nowhere = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:1/v1/traces" };
  expect(await sluiceJson(folderWithOneBroken(), ["ingest", "documents"], nowhere)).toMatchObject({
    items_ingested: 13,
  });
}, 60_000);
