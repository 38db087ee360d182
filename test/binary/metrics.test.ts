/** /metrics of the running binary: what threads and other processes did is counted once, and all that the docs name is there. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { client, type Service, scratch, serve, sluiceJson } from "../support/binary.ts";
import { realServices } from "../support/services.ts";

const ROOT = join(import.meta.dir, "../..");
const DEMO = join(ROOT, "test/demo/documents");
const services = await realServices();
afterAll(() => services?.close());

/** Sum of the samples of a metric whose labels include all of `labels`. */
function total(text: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const [, at, inner = "", value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm))
    if (at === name && Object.entries(labels).every(([k, v]) => inner.includes(`${k}="${v}"`))) sum += Number(value);
  return sum;
}

const folder = scratch();
const env: Record<string, string> = { WORKER_THREADS: "2", FILE_CATALOG_ROOTS: folder, ...services?.env };
const running: Service[] = [];
let token: string;

const scrape = async ({ url }: Service): Promise<string> => {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  return answer.text();
};

/** Threads hand over their counts once a second: asks until all of them are there. */
async function scrapeUntil(enough: (texts: string[]) => boolean): Promise<string[]> {
  for (let i = 0; i < 100; i++) {
    const texts = await Promise.all(running.map(scrape));
    if (enough(texts)) return texts;
    await Bun.sleep(100);
  }
  throw new Error("the counts did not arrive");
}
const sumOver = (texts: string[], name: string, labels: Record<string, string> = {}): number =>
  texts.reduce((sum, text) => sum + total(text, name, labels), 0);

beforeAll(async () => {
  await sluiceJson(folder, ["migrate"], env);
  ({ token } = await sluiceJson<{ token: string }>(folder, ["token", "create", "--name", "ops"], env));
  running.push(await serve(folder, env));
  if (services) running.push(await serve(scratch(), env, ["--worker-only"]));
}, 120_000);
afterAll(async () => {
  for (const service of running) await service.stop();
}, 60_000);

test("the counts of all threads and processes are those of the jobs", async () => {
  const api = client(running[0]!.url, token);
  const { json: tenant } = await api.call("POST", "/v1/tenants", { name: "measured" });
  const tenant_id = tenant["tenant_id"] as string;
  writeFileSync(
    join(folder, "broken.docx"),
    readFileSync(join(DEMO, "handbook/expense-policy.docx")).subarray(0, 5000),
  );
  for (const file of ["handbook/expense-policy.docx", "handbook/onboarding.md", "engineering/architecture.md"])
    writeFileSync(join(folder, file.split("/")[1]!), readFileSync(join(DEMO, file)));
  for (let i = 0; i < 60; i++) writeFileSync(join(folder, `${i}.md`), `# Note ${i}\n\nUnlike the others: ${i ** 7}.`);
  await api.call("POST", "/v1/connections", {
    ...{ tenant_id, source_type: "FILE_CATALOG_OBJECT", name: "folder" },
    config: { kind: "directory", root: folder, exclude: [".sluice/**"] },
  });
  const sync = { tenant_id, source_types: ["FILE_CATALOG_OBJECT"] };
  const { json } = await api.call("POST", "/v1/ingest/sources/sync", sync);
  const job = await api.finished(json["job_id"] as string);
  expect(job).toMatchObject({ items_ingested: 63, items_failed: 1 });
  const settled = { outcome: "ingested" };
  const texts = await scrapeUntil((all) => sumOver(all, "sluice_items_settled_total") >= 64);
  expect(sumOver(texts, "sluice_items_settled_total", settled)).toBe(63);
  expect(sumOver(texts, "sluice_items_settled_total", { code: "convert.malformed" })).toBe(1);
  expect(sumOver(texts, "sluice_jobs_closed_total", { status: "error", code: "ITEMS_FAILED" })).toBe(1);
  expect(sumOver(texts, "sluice_chunks_total")).toBe(Number(job["chunks"]));
  expect(sumOver(texts, "sluice_vectors_total", { how: "embedded" })).toBe(Number(job["vectors_embedded"]));
  expect(sumOver(texts, "sluice_stage_duration_seconds_count", { stage: "fetch" })).toBe(64);
  for (const stage of ["put_raw", "convert", "put_markdown", "chunk", "put_manifest", "swap_in", "embed"])
    expect(sumOver(texts, "sluice_stage_duration_seconds_count", { stage })).toBeWithin(63, 65);
  for (const statement of ["claim_items", "settle_items", "swap_in", "insert_vectors", "enqueue_items"])
    expect(sumOver(texts, "sluice_database_duration_seconds_count", { statement })).toBeGreaterThan(0);
  expect(sumOver(texts, "sluice_convert_children_started_total")).toBeGreaterThan(0);
  expect(sumOver(texts, "sluice_worker_threads")).toBe(2 * running.length);
  if (services)
    expect(sumOver(texts, "sluice_s3_duration_seconds_count", { operation: "PutObject" })).toBeGreaterThan(180);
}, 120_000);

test("every metric that the dashboard, the alerts and the docs name is in a scrape", async () => {
  const [text] = await Promise.all(running.map(scrape));
  const declared = [...text!.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((suffix) => name + suffix) : [name],
  );
  for (const file of ["docs/grafana_dashboard.json", "docs/alerts.yml", "docs/monitoring.md"]) {
    const named = readFileSync(join(ROOT, file), "utf8").match(/\b(?:sluice|process)_[a-z0-9_]+(?=[{[\s)"`]|$)/g) ?? [];
    expect(named.length).toBeGreaterThan(0);
    const bases = new Set(declared.map((name) => name!.replace(/_(bucket|sum|count)$/, "")));
    const known = (name: string) => declared.includes(name) || (file.endsWith(".md") && bases.has(name));
    expect([...new Set(named)].filter((name) => !known(name))).toEqual([]);
  }
}, 60_000);

test.if(services !== null)(
  "a process that only works answers for its health and metrics, and for nothing else",
  async () => {
    const worker = running[1]!;
    expect((await fetch(`${worker.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${worker.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${worker.url}/v1/jobs`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(404);
    const second = await serve(scratch(), { ...env, PORT: new URL(worker.url).port }, ["--worker-only"]);
    expect(second.url).toBe("");
    expect(await second.stop()).toBe(0);
  },
);
