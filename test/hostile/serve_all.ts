/** All cases as one folder of a running service, good documents between them: what the service is like meanwhile. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { client, type Service } from "../support/binary.ts";
import { DEADLINE_MS, MEMORY_MAX_MB } from "./convert_all.ts";
import type { Document } from "./mutate.ts";

const NEIGHBOURS = 40;
/** Of the service itself; its children have a cap of their own. Its embedded database alone takes about 300 MB. */
const RSS_MAX_MB = 1500;
const HEALTH_MS_MAX = 2000;
/** What the place of a file in the queue may cost it for each file before it. */
const TURN_MS = 10;
/** One file in so many is sent by itself as well. */
const UPLOAD_EVERY = 4;

interface Item {
  external_ref: string;
  item_status: string;
  error_code: string | null;
  finished_at: string;
}
type Api = ReturnType<typeof client>;

/** Serves with an embedded database; what went wrong, in words. */
export async function serveAll(binary: string, folder: string, cases: Document[]): Promise<string[]> {
  process.env["SLUICE_BINARY"] = binary;
  const { serve } = await import("../support/binary.ts");
  const root = join(folder, "tree");
  mkdirSync(root);
  for (const { name, bytes } of cases) writeFileSync(join(root, name), bytes);
  for (let i = 0; i < NEIGHBOURS; i++)
    writeFileSync(join(root, `${i}-neighbour.md`), `# Neighbour ${i}\n\nGood words.\n`);
  const service = await serve(folder, {
    FILE_CATALOG_ROOTS: root,
    CONVERT_DEADLINE_SECONDS: String(DEADLINE_MS / 1000),
    CONVERT_MEMORY_MAX_MB: String(MEMORY_MAX_MB),
    ITEM_DEADLINE_SECONDS: "60",
    WORKER_THREADS: "1",
  });
  const health = watchHealth(service);
  try {
    const { token, tenant_id } = JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8"));
    const api = client(service.url, token);
    const failures = await syncs(api, tenant_id, root, cases.length);
    failures.push(
      ...(await uploads(
        api,
        tenant_id,
        cases.filter((_, i) => i % UPLOAD_EVERY === 0),
      )),
    );
    const { worstMs, worstRssMb } = health.stop();
    console.log(`service: worst RSS ${worstRssMb} MB, slowest /healthz ${worstMs} ms`);
    if (worstRssMb > RSS_MAX_MB) failures.push(`the service took ${worstRssMb} MB`);
    if (worstMs > HEALTH_MS_MAX) failures.push(`/healthz took ${worstMs} ms`);
    const defects = service.log.filter((line) => line["level"] === "error" || line["level"] === "fatal");
    for (const line of defects.slice(0, 10)) failures.push(`logged: ${JSON.stringify(line)}`);
    return failures;
  } finally {
    health.stop();
    await service.stop();
  }
}

async function finished(api: Api, jobId: unknown): Promise<Record<string, unknown>> {
  for (;;) {
    const { json } = await api.call("GET", `/v1/jobs/${jobId}`);
    if (json["finished_at"]) return json;
    await Bun.sleep(250);
  }
}

async function itemsOf(api: Api, jobId: unknown): Promise<Item[]> {
  const all: Item[] = [];
  for (let cursor = ""; ; ) {
    const { json } = await api.call("GET", `/v1/jobs/${jobId}/items?limit=200${cursor && `&cursor=${cursor}`}`);
    all.push(...(json["items"] as Item[]));
    if (!json["next_cursor"]) return all;
    cursor = encodeURIComponent(String(json["next_cursor"]));
  }
}

async function syncs(api: Api, tenantId: string, root: string, cases: number): Promise<string[]> {
  const failures: string[] = [];
  await api.call("POST", "/v1/connections", {
    ...{ tenant_id: tenantId, source_type: "FILE_CATALOG_OBJECT", name: "hostile" },
    config: { kind: "directory", root, include: ["**/*"] },
  });
  const sync = async () => {
    const wanted = { tenant_id: tenantId, source_types: ["FILE_CATALOG_OBJECT"], connection: "hostile" };
    return finished(api, (await api.call("POST", "/v1/ingest/sources/sync", wanted)).json["job_id"]);
  };
  const first = await sync();
  const items = await itemsOf(api, first["job_id"]);
  for (const { external_ref, item_status, error_code } of items)
    if (item_status === "failed" && !/^(?:convert|connector)\./.test(error_code ?? ""))
      failures.push(`${external_ref}: ${item_status} ${error_code}`);
  const startedAt = Date.parse(String(first["started_at"] ?? first["created_at"]));
  const neighbours = items.filter(({ external_ref }) => external_ref.endsWith("-neighbour.md"));
  if (neighbours.some(({ item_status }) => item_status !== "ingested") || neighbours.length !== NEIGHBOURS)
    failures.push("not every neighbour was ingested");
  const slowest = Math.max(...neighbours.map(({ finished_at }) => Date.parse(finished_at))) - startedAt;
  if (slowest > DEADLINE_MS + cases * TURN_MS) failures.push(`a neighbour waited ${slowest} ms`);
  const seconds = (Date.parse(String(first["finished_at"])) - startedAt) / 1000;
  const second = await sync();
  const tried = Number(second["items_fetched"]);
  console.log(
    `synced ${cases} cases and ${NEIGHBOURS} good files in one job: ${seconds.toFixed(1)} s, ${first["items_ingested"]} ingested, ` +
      `${first["items_failed"]} failed, ${first["items_skipped"]} skipped; slowest good file ${slowest} ms; ` +
      `again: ${second["items_failed"]} failed, of which ${tried} were tried`,
  );
  const doubtful = items.filter(({ error_code }) => /deadline|memory|crashed|^connector/.test(error_code ?? "")).length;
  // What failed in doubt may come through the second time; a verdict stands.
  const missing = Number(first["items_failed"]) - Number(second["items_failed"]);
  if (missing < 0 || missing > doubtful) failures.push(`the second sync has ${missing} failures less than the first`);
  if (tried > doubtful) failures.push(`${tried} items were fetched again, though only ${doubtful} were in doubt`);
  return failures;
}

/** One by one, as a person would send them: 202, or a refusal with a code. */
async function uploads(api: Api, tenantId: string, cases: Document[]): Promise<string[]> {
  const failures: string[] = [];
  const statuses = new Map<string, number>();
  const jobs: unknown[] = [];
  for (const { name, bytes } of cases) {
    const form = new FormData();
    form.set("tenant_id", tenantId);
    form.set("file", new File([new Uint8Array(bytes)], name));
    const { status, json } = await api.call("POST", "/v1/ingest/files/upload", form);
    const code = String((json["error"] as { code?: string } | undefined)?.code ?? "accepted");
    statuses.set(code, (statuses.get(code) ?? 0) + 1);
    if (status === 202) jobs.push(json["job_id"]);
    else if (status >= 500 || status < 400) failures.push(`upload of ${name}: ${status} ${code}`);
  }
  for (const job of jobs) await finished(api, job);
  console.log(
    `uploaded ${cases.length} one by one: ${[...statuses]
      .sort()
      .map(([code, n]) => `${code} ${n}`)
      .join(", ")}`,
  );
  return failures;
}

function watchHealth({ url, pid }: Service): { stop(): { worstMs: number; worstRssMb: number } } {
  let worstMs = 0;
  let worstRssMb = 0;
  let stopped = false;
  void (async () => {
    while (!stopped) {
      const startedAt = performance.now();
      await fetch(`${url}/healthz`).catch(() => {});
      if (stopped) return;
      worstMs = Math.max(worstMs, Math.round(performance.now() - startedAt));
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      worstRssMb = Math.max(worstRssMb, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024));
      await Bun.sleep(100);
    }
  })();
  return {
    stop() {
      stopped = true;
      return { worstMs, worstRssMb };
    },
  };
}
