/** What is slow behind the service slows it down; it does not pile up in memory, and the service says so. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { client, type Service, scratch, serve, sluiceJson } from "../support/binary.ts";
import { serveFolder } from "../support/service_folder.ts";
import { realServices } from "../support/services.ts";
import { slowProxy } from "../support/slow_proxy.ts";

const services = await realServices();
afterAll(() => services?.close());

const rssMb = ({ pid }: Service): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

/** The largest growth of the service's memory while `work` runs, in MB. */
async function growthDuring<T>(service: Service, work: Promise<T>): Promise<{ result: T; grownMb: number }> {
  const before = rssMb(service);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, rssMb(service));
  }, 50);
  const result = await work.finally(() => clearInterval(timer));
  return { result, grownMb: most - before };
}

const paragraph = (seed: number): string =>
  Array.from({ length: 120 }, (_, i) => `word${seed}x${(seed * 7919 + i * 104729) % 99991}`).join(" ");

test("an embeddings endpoint that limits the rate slows the intake, is left alone meanwhile, and loses no vector", async () => {
  let busyUntil = 0;
  let asked = 0;
  let askedWhileBusy = 0;
  let running = 0;
  let mostRunning = 0;
  const endpoint = Bun.serve({
    port: 0,
    async fetch(request) {
      const { input } = (await request.json()) as { input: string[] };
      // Every third request makes everybody wait for a second.
      if (Date.now() < busyUntil || ++asked % 3 === 0) {
        if (Date.now() < busyUntil) askedWhileBusy++;
        else busyUntil = Date.now() + 1000;
        return Response.json({}, { status: 429, headers: { "retry-after": "1" } });
      }
      mostRunning = Math.max(mostRunning, ++running);
      await Bun.sleep(100);
      running--;
      return Response.json({ data: input.map((_, index) => ({ index, embedding: [1, 2, 3, 4] })) });
    },
  });
  const folder = await serveFolder({
    EMBEDDINGS_URL: `http://127.0.0.1:${endpoint.port}/v1`,
    EMBEDDINGS_MODEL: "m",
    EMBEDDINGS_BATCH_SIZE: "64",
  });
  try {
    const files = 150;
    for (let i = 0; i < files; i++) folder.write(`${i}.md`, `# ${i}\n\n${paragraph(i)}\n`);
    const { result: job, grownMb } = await growthDuring(folder.service, folder.sync());
    expect(job).toMatchObject({ job_status: "done", items_ingested: files, vectors_pending: 0 });
    expect(Number(job["vectors_embedded"]) + Number(job["vectors_reused"])).toBe(Number(job["chunks"]));
    // A thread asks from two batches at once and the background from one; those under way when the pause begins meet it.
    expect(mostRunning).toBeLessThanOrEqual(3);
    expect(askedWhileBusy).toBeLessThanOrEqual(3 * Math.ceil(asked / 3));
    // Waited out, so no document went on without its vectors.
    expect(folder.service.log.filter(({ code }) => String(code).startsWith("embeddings."))).toEqual([]);
    expect(grownMb).toBeLessThan(300);
  } finally {
    await folder.service.stop();
    await endpoint.stop(true);
  }
}, 90_000);

if (services)
  describe("on real services behind a slow network", () => {
    test("slow objects and a slow database: uploads beyond the bound are told to come back, and memory stays", async () => {
      const s3 = new URL(services.env["S3_ENDPOINT"]!);
      const database = new URL(services.env["DATABASE_URL"]!);
      const slowS3 = await slowProxy({ host: s3.hostname, port: Number(s3.port || 80) });
      const slowDatabase = await slowProxy({ host: database.hostname, port: Number(database.port || 5432) });
      s3.hostname = database.hostname = "127.0.0.1";
      s3.port = String(slowS3.port);
      database.port = String(slowDatabase.port);
      const home = scratch();
      const { tenant_id: tenantId } = await sluiceJson<{ tenant_id: string }>(
        home,
        ["tenant", "create", "slow"],
        services.env,
      );
      const make = ["token", "create", "--tenant", tenantId, "--name", "slow"];
      const { token } = await sluiceJson<{ token: string }>(home, make, services.env);
      const { token: ops } = await sluiceJson<{ token: string }>(
        home,
        ["token", "create", "--name", "ops"],
        services.env,
      );
      const service = await serve(home, {
        ...services.env,
        S3_ENDPOINT: s3.origin,
        DATABASE_URL: database.href,
        WORKER_THREADS: "1",
        HTTP_UPLOADS_MAX: "4",
      });
      try {
        slowS3.pace.delayMs = 60;
        slowDatabase.pace.delayMs = 10;
        const api = client(service.url, token);
        const retryAfter: string[] = [];
        const jobs: string[] = [];
        const send = async (i: number): Promise<void> => {
          const form = new FormData();
          form.set("tenant_id", tenantId);
          // Mostly white space: megabytes to carry, little to index.
          form.set("file", new File([`# ${i}\n\n${paragraph(i)}\n${" ".repeat(4_000_000)}\n\nend ${i}\n`], `${i}.txt`));
          for (;;) {
            const { status, json, response } = await api.call("POST", "/v1/ingest/files/upload", form);
            if (status === 202) return void jobs.push(String(json["job_id"]));
            expect(status).toBe(503);
            retryAfter.push(response.headers.get("retry-after") ?? "none");
            await Bun.sleep(Number(response.headers.get("retry-after")) * 300);
          }
        };
        const all = Promise.all(Array.from({ length: 24 }, (_, i) => send(i)));
        const told = (async () => {
          for (let i = 0; i < 200; i++) {
            const { json } = await api.call("GET", "/readyz");
            if (json["intake"] === "uploads") return true;
            await Bun.sleep(50);
          }
          return false;
        })();
        const { grownMb } = await growthDuring(service, all);
        expect(await told).toBe(true);
        expect(retryAfter.length).toBeGreaterThan(0);
        expect(new Set(retryAfter)).toEqual(new Set(["2"]));
        expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
        const metrics = await (
          await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${ops}` } })
        ).text();
        expect(metrics).toMatch(/sluice_intake_refused_total\{bound="uploads"\} [1-9]/);
        slowS3.pace.delayMs = slowDatabase.pace.delayMs = 0;
        for (const job of jobs) expect(await api.finished(job)).toMatchObject({ job_status: "done" });
        expect(grownMb).toBeLessThan(500);
      } finally {
        await service.kill();
        slowS3.close();
        slowDatabase.close();
      }
    }, 120_000);
  });
