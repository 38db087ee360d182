/** Whether a scenario held: nothing acknowledged is lost, every source is what it was last, nobody did anything twice. */
import type { Sql } from "postgres";
import { judgeAudit } from "./audit.ts";
import { commandJson, type Stage, type SuiteContext } from "./stage.ts";

/** Until all work that was acknowledged has come to its end, once the faults are over. */
const SETTLE_MS = 120_000;

interface FsckReport {
  ok: boolean;
  checks: { name: string; broken: number; examples: string[]; checked?: number }[];
}

/** Ends the scenario and judges it; the failures, none if all held. */
export async function judge(stage: Stage): Promise<string[]> {
  const { load, fleet, sql, suite } = stage;
  await load.stop();
  const failures = [...load.failures];
  failures.push(...(await settled(stage)));
  // Twice: what is missing from one complete listing is hidden, from the next one purged.
  for (let i = 0; i < 2; i++) {
    const jobId = await load.sync();
    if (jobId) load.syncs.push(jobId);
    else failures.push("nobody answers the last sync");
    failures.push(...(await settled(stage)));
  }
  failures.push(...(await jobs(sql, [...load.syncs, ...[...load.uploads.values()].map((upload) => upload.jobId)])));
  failures.push(...(await documents(stage)));
  const audit = await judgeAudit(sql);
  suite.report.items += audit.items;
  suite.report.repeatedClaims += audit.repeatedClaims;
  failures.push(...audit.failures);
  await fleet.stop();
  failures.push(...fleet.failures, ...(await invariants(stage, [])));
  if (failures.length > 0) for (const warning of fleet.warnings().slice(0, 12)) console.log(`    ${warning}`);
  return [...new Set(failures)];
}

export const invariants = ({ suite, folder, env }: Stage, options: string[]): Promise<string[]> =>
  fsckFailures(suite, folder, env, options);

/** `sluice fsck`, whose findings are failures. */
export async function fsckFailures(
  { report, binary }: SuiteContext,
  folder: string,
  env: Record<string, string>,
  options: string[],
): Promise<string[]> {
  const { json, code } = await commandJson<FsckReport>(binary, folder, env, ["fsck", ...options]);
  report.invariants += json.checks.length;
  if (!options.includes("--fast"))
    report.objects += json.checks.find((check) => check.name === "objects_exist")?.checked ?? 0;
  const broken = json.checks.filter((check) => check.broken > 0);
  if ((code === 0) !== (broken.length === 0)) broken.push({ name: `exit code ${code}`, broken: 0, examples: [] });
  return broken.map(
    ({ name, broken: n, examples }) => `fsck ${options.join(" ")}: ${name} broken ${n} times: ${examples.join("; ")}`,
  );
}

/** Waits until no job is open. */
async function settled({ sql }: Stage): Promise<string[]> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const open = await sql<{ job: string }[]>`
      SELECT job_id || ' ' || job_status || ', listing ' || listing || ', ' || items_open || ' items and ' || vectors_pending || ' vectors open' AS job
      FROM ingest_jobs WHERE finished_at IS NULL`;
    if (open.length === 0) return [];
    if (Date.now() > until) return open.map(({ job }) => `a job did not end in ${SETTLE_MS / 1000} s: ${job}`);
    await Bun.sleep(200);
  }
}

async function jobs(sql: Sql, acknowledged: string[]): Promise<string[]> {
  const rows = await sql<
    { job_id: string; job_status: string; error_code: string | null; error_message: string | null }[]
  >`
    SELECT job_id, job_status, error_code, error_message FROM ingest_jobs WHERE job_id = ANY (${acknowledged}::uuid[])`;
  const found = new Map(rows.map((row) => [row.job_id, row]));
  const failures: string[] = [];
  for (const id of acknowledged) {
    const job = found.get(id);
    if (!job) failures.push(`job ${id} was acknowledged and is gone`);
    else if (job.job_status !== "done")
      failures.push(
        `job ${id} ended ${job.job_status}: ${job.error_code} ${job.error_message}${await whyItemsFailed(sql, id)}`,
      );
  }
  return failures;
}

async function whyItemsFailed(sql: Sql, jobId: string): Promise<string> {
  const rows = await sql<{ why: string }[]>`
    SELECT DISTINCT error_code || ' ' || left(error_message, 200) AS why FROM ingest_items WHERE job_id = ${jobId} AND item_status = 'failed' LIMIT 3`;
  return rows.map(({ why }) => ` [${why}]`).join("");
}

/** Each file and each acknowledged upload has one document, of exactly the bytes that were there last. */
async function documents({ sql, load }: Stage): Promise<string[]> {
  const rows = await sql<{ external_ref: string; checksum: string }[]>`
    SELECT d.external_ref, v.checksum FROM documents d JOIN source_versions v USING (tenant_id, source_version_id) WHERE NOT d.hidden`;
  const found = new Map(rows.map((row) => [row.external_ref, row.checksum]));
  return [...(found.size === rows.length ? [] : ["a source has two documents"]), ...load.compare(found)];
}
