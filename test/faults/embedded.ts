/**
 * The embedded database and local objects: killed in the middle of work, and on a disk that is full. Nobody else can look
 * into that database meanwhile, so what is there is read back through the API, byte by byte.
 */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fleet, type Member } from "./fleet.ts";
import { Load, sha256 } from "./load.ts";
import type { SuiteContext } from "./stage.ts";
import { fsckFailures } from "./verdict.ts";

const SETTLE_MS = 120_000;
const DISK = "256m";
/** Left free when the disk is "full": too little for the next segment of the database's log. */
const ALMOST_FULL = 4 * 1024 * 1024;

interface Embedded {
  suite: SuiteContext;
  folder: string;
  dataDir: string;
  fleet: Fleet;
  load: Load;
  token: string;
}

async function openEmbedded(suite: SuiteContext, folder: string, dataDir: string): Promise<Embedded> {
  const root = join(folder, "tree");
  mkdirSync(root);
  const env = { DATA_DIR: dataDir, FILE_CATALOG_ROOTS: root, SHUTDOWN_SECONDS: "8", ITEM_ATTEMPTS_MAX: "100" };
  const fleet = new Fleet({ binary: suite.binary, folder, env, report: suite.report });
  const member = fleet.launch(0);
  if (!(await member.ready())) throw new Error("the embedded service does not start");
  const { tenant_id: tenantId, token } = JSON.parse(readFileSync(join(dataDir, "token.json"), "utf8")) as {
    tenant_id: string;
    token: string;
  };
  const { random, report } = suite;
  const urls = () => fleet.urls();
  const load = new Load({
    root,
    random: random.fork(),
    report,
    urls,
    token,
    tenantId,
    files: 40,
    syncMs: 1500,
    uploadMs: 400,
  });
  await load.connect();
  return { suite, folder, dataDir, fleet, load, token };
}

/** SIGKILL at random moments; each start must find what was acknowledged before. */
export async function killEmbedded(suite: SuiteContext, kills: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-faults-"));
  try {
    const embedded = await openEmbedded(suite, folder, join(folder, "data"));
    embedded.load.start();
    let member: Member = embedded.fleet.members.get(0)!;
    for (let i = 0; i < kills; i++) {
      await Bun.sleep(suite.random.between(300, 3000));
      member.kill();
      await member.exited;
      suite.report.kill("embedded");
      member = embedded.fleet.launch(0);
      if (!(await member.ready())) return ["the embedded service does not start after a kill"];
    }
    return await judgeEmbedded(embedded);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** DATA_DIR on a small file system that fills up under load, and is freed again after a while. */
export async function fillDisk(suite: SuiteContext): Promise<string[] | { skipped: string }> {
  if (process.getuid?.() !== 0 || process.platform !== "linux")
    return { skipped: "a small file system needs root, to be mounted" };
  const folder = mkdtempSync(join(tmpdir(), "sluice-faults-"));
  const dataDir = join(folder, "data");
  mkdirSync(dataDir);
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", dataDir]);
  try {
    if (mounted.exitCode !== 0) return { skipped: `tmpfs cannot be mounted: ${mounted.stderr.toString().trim()}` };
    const embedded = await openEmbedded(suite, folder, dataDir);
    embedded.load.start();
    await Bun.sleep(4000);
    const filler = join(dataDir, "filler");
    const free = (): number => statfsSync(dataDir).bavail * statfsSync(dataDir).bsize;
    // First so that it becomes full in the midst of writing, then to the last byte.
    for (const left of [ALMOST_FULL, 0]) {
      appendFileSync(filler, new Uint8Array(Math.max(0, free() - left)));
      await Bun.sleep(7500);
    }
    const failures: string[] = [];
    // In the midst of it, the process may have given up; what it left must open again.
    if (embedded.fleet.urls().length === 0) failures.push("the service ended because the disk was full");
    rmSync(filler);
    suite.report.restart("full disks");
    return [...failures, ...(await judgeEmbedded(embedded))];
  } finally {
    Bun.spawnSync(["umount", "-l", dataDir]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything that was acknowledged comes to its end and can be read back; then the process ends well and fsck finds nothing. */
async function judgeEmbedded({ suite, load, fleet, token, dataDir, folder }: Embedded): Promise<string[]> {
  await load.stop();
  const failures = [...load.failures];
  const get = async (path: string): Promise<Response> =>
    fetch(`${fleet.urls()[0]}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(20_000),
    });
  const finished = async (jobId: string): Promise<void> => {
    const until = Date.now() + SETTLE_MS;
    for (;;) {
      const answer = await get(`/v1/jobs/${jobId}`).catch(() => null);
      if (answer?.status === 404) return void failures.push(`job ${jobId} was acknowledged and is gone`);
      const job = answer?.ok
        ? ((await answer.json()) as { job_status: string; finished_at: string | null; error_code: string })
        : null;
      if (job?.finished_at) {
        if (job.job_status !== "done") failures.push(`job ${jobId} ended ${job.job_status}: ${job.error_code}`);
        return;
      }
      if (Date.now() > until) return void failures.push(`job ${jobId} did not end`);
      await Bun.sleep(200);
    }
  };
  for (const jobId of [...load.syncs, ...[...load.uploads.values()].map((upload) => upload.jobId)])
    await finished(jobId);
  for (let i = 0; i < 2; i++) {
    const jobId = await load.sync();
    if (jobId) await finished(jobId);
    else failures.push("nobody answers the last sync");
  }
  failures.push(...(await readBack(load, get)));
  await fleet.stop();
  suite.report.items += load.uploads.size + load.files.size;
  failures.push(...fleet.failures, ...(await fsckFailures(suite, folder, { DATA_DIR: dataDir }, [])));
  if (failures.length > 0) for (const warning of fleet.warnings().slice(0, 12)) console.log(`    ${warning}`);
  return [...new Set(failures)];
}

/** The raw bytes of every document, compared with what was there last. */
async function readBack(load: Load, get: (path: string) => Promise<Response>): Promise<string[]> {
  const found = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page = await get(`/v1/documents?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    const json = (await page.json()) as {
      documents: { document_id: string; external_ref: string }[];
      next_cursor: string | null;
    };
    for (const { document_id: id, external_ref: ref } of json.documents)
      found.set(ref, sha256(await (await get(`/v1/documents/${id}/raw`)).bytes()));
    cursor = json.next_cursor;
  } while (cursor !== null);
  return load.compare(found);
}
