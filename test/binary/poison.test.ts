/** Poison in the running binary: what hangs, blocks a thread or is broken costs itself and nothing else. */
import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ServedFolder, serveFolder } from "../support/service_folder.ts";

const DOCX = readFileSync(join(import.meta.dir, "../demo/documents/handbook/expense-policy.docx"));

let served: ServedFolder | null = null;
afterEach(async () => {
  await served?.service.kill();
  served = null;
});
const open = async (env: Record<string, string> = {}, home?: string): Promise<ServedFolder> => {
  served = await serveFolder(env, home);
  return served;
};
const logged = (code: string) => served!.service.log.filter((line) => line["code"] === code);

test("a broken document is counted and listed at each sync, and costs nothing until it changes or a caller asks", async () => {
  const folder = await open();
  folder.write("good.md", "# Good");
  folder.write("bad.docx", DOCX.subarray(0, 5000));
  const first = await folder.sync();
  expect(first).toMatchObject({ job_status: "error", error_code: "ITEMS_FAILED", items_fetched: 2, items_failed: 1 });

  const second = await folder.sync();
  expect(second).toMatchObject({ job_status: "error", error_code: "ITEMS_FAILED", items_fetched: 0, items_failed: 1 });
  expect(second).toMatchObject({ descriptors_listed: 2, items_skipped_incremental: 1 });
  expect(second["result_json"]).toMatchObject({ connections: [{ quarantined: 1 }] });
  const [item] = await folder.items(second["job_id"]);
  expect(item).toMatchObject({ item_status: "failed", error_code: "convert.malformed", attempt: 0 });
  expect(item!.error_message).toContain("not tried again");

  expect(await folder.sync({ force_reindex: true })).toMatchObject({ items_fetched: 2, items_failed: 1 });
  expect((await folder.api.call("POST", `/v1/jobs/${second["job_id"]}/retry`)).status).toBe(202);
  expect(await folder.api.finished(second["job_id"] as string)).toMatchObject({ items_fetched: 1, items_failed: 1 });
  folder.write("bad.docx", DOCX);
  expect(await folder.sync()).toMatchObject({ job_status: "done", items_fetched: 1, items_ingested: 1 });
}, 60_000);

test("an item that hangs ends at its deadline, is tried again, and its neighbours do not wait for it", async () => {
  const folder = await open({ SLUICE_FAILPOINTS: "after_fetch=hang@1", ITEM_DEADLINE_SECONDS: "2" });
  for (let i = 0; i < 8; i++) folder.write(`${i}.md`, `# ${i}`);
  const jobId = await folder.begin();
  while ((await folder.items(jobId)).filter(({ item_status }) => item_status === "ingested").length < 7)
    await Bun.sleep(20);
  expect(logged("queue.deadline").length).toBe(0);
  const job = await folder.api.finished(jobId);
  expect(job).toMatchObject({ job_status: "done", items_ingested: 8 });
  expect(logged("queue.deadline").length).toBe(1);
  expect((await folder.items(jobId)).map(({ attempt }) => attempt).sort()).toEqual([1, 1, 1, 1, 1, 1, 1, 2]);
}, 60_000);

test("a thread whose event loop stands still is ended and replaced, and its work is done by the next one", async () => {
  // The second document that a thread fetches blocks it; the one that replaces it has nothing but that document to fetch.
  const folder = await open({
    SLUICE_FAILPOINTS: "after_fetch=block@2",
    ITEM_DEADLINE_SECONDS: "3",
    LEASE_SECONDS: "4",
    HEARTBEAT_SECONDS: "1",
  });
  folder.write("a.md", "# A");
  expect(await folder.sync()).toMatchObject({ job_status: "done" });
  folder.write("b.md", "# B");
  const jobId = await folder.begin();
  const job = await folder.api.finished(jobId);
  expect(job).toMatchObject({ job_status: "done", items_ingested: 1 });
  expect(await folder.items(jobId)).toMatchObject([{ item_status: "ingested", attempt: 2 }]);
  expect(served!.service.log.filter((line) => String(line["why"]).startsWith("silent for more than")).length).toBe(1);
  expect((await fetch(`${folder.service.url}/healthz`)).status).toBe(200);
}, 60_000);

test("SIGTERM hands back what does not finish within its budget, and no attempt is spent by it", async () => {
  const first = await open({ SLUICE_FAILPOINTS: "after_fetch=hang", SHUTDOWN_SECONDS: "2" });
  for (let i = 0; i < 4; i++) first.write(`${i}.md`, `# ${i}`);
  const jobId = await first.begin();
  while ((await first.items(jobId)).filter(({ item_status }) => item_status === "running").length < 4)
    await Bun.sleep(20);
  const startedAt = performance.now();
  expect(await first.service.stop()).toBe(0);
  const ms = performance.now() - startedAt;
  expect(ms).toBeGreaterThan(1900);
  expect(ms).toBeLessThan(6000);

  const second = await open({}, first.home);
  expect(await second.api.finished(jobId)).toMatchObject({ job_status: "done", items_ingested: 4 });
  expect((await second.items(jobId)).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
}, 60_000);
