/**
 * The API while every worker thread is busy: how long callers wait who ask for a sync or for the status of a job, while
 * thousands of documents are being ingested by the same process.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Bench, install } from "./bench.ts";
import { writeDocuments } from "./generate.ts";
import { percentile } from "./measure.ts";
import { type BenchService, startService } from "./service.ts";

const SUITE = "API under load";
const PAUSE_MS = 10;

export async function benchApi(bench: Bench): Promise<void> {
  const at = await install(bench, "local objects");
  const [busy, idle] = [join(at.folder, "busy"), join(at.folder, "idle")];
  writeDocuments(busy, 0, bench.quick ? 2_000 : 10_000);
  mkdirSync(idle);
  writeDocuments(idle, 0, 1);
  const service = await startService(bench, at, { FILE_CATALOG_ROOTS: at.folder });
  try {
    for (const [name, root] of Object.entries({ busy, idle })) await connect(service, name, root);
    const { json } = await sync(service, "busy");
    const jobId = String(json["job_id"]);
    const times = { sync: [] as number[], status: [] as number[], search: [] as number[] };
    const timed = async (into: number[], ask: Promise<{ status: number }>): Promise<void> => {
      const start = performance.now();
      const { status } = await ask;
      into.push(performance.now() - start);
      if (status >= 300) throw new Error(`the API answered ${status}`);
    };
    for (;;) {
      const { json: job } = await service.call("GET", `/v1/jobs/${jobId}`);
      if (job["finished_at"]) break;
      for (let i = 0; i < 20; i++) {
        await timed(times.status, service.call("GET", `/v1/jobs/${jobId}`));
        if (i % 5 === 0) await timed(times.sync, sync(service, "idle"));
        await Bun.sleep(PAUSE_MS);
      }
    }
    const row = (who: string, unit: string, value: number, isGoal: boolean, note: string): void =>
      bench.report.add({
        suite: SUITE,
        what: "while all worker threads are busy",
        who,
        unit,
        runs: [value],
        ...(isGoal && { goal: { limit: 30, sense: "<=" } }),
        note,
      });
    for (const [name, values] of Object.entries({ "asking for a sync": times.sync, "status of a job": times.status })) {
      row(`${name}, p50`, "ms", percentile(values, 0.5), false, `${values.length} calls`);
      row(`${name}, p99`, "ms", percentile(values, 0.99), true, `${values.length} calls`);
    }
  } finally {
    await service.stop();
    await at.close();
  }
}

async function connect(service: BenchService, name: string, root: string): Promise<void> {
  const { status, json } = await service.call("POST", "/v1/connections", {
    tenant_id: service.tenantId,
    source_type: "FILE_CATALOG_OBJECT",
    name,
    config: { kind: "directory", root },
  });
  if (status >= 300) throw new Error(`no connection: ${JSON.stringify(json)}`);
}

const sync = (service: BenchService, connection: string): ReturnType<BenchService["call"]> =>
  service.call("POST", "/v1/ingest/sources/sync", {
    tenant_id: service.tenantId,
    source_types: ["FILE_CATALOG_OBJECT"],
    connection,
  });
