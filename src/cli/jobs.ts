/** `sluice jobs`: what happened to what was asked for; cancel, and retry of what failed. */
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { openApi } from "./api.ts";
import { type FailedItem, followJob, type JobAnswer, ledgerJson, sayLedger } from "./follow_job.ts";
import type { Launch } from "./launch.ts";
import { EXIT, print, printJson, table } from "./terminal.ts";

export interface JobsOptions {
  json: boolean;
  items?: string;
  limit: number;
  cancel: boolean;
  retry: boolean;
}

/** Without an id: the newest jobs. With one: cancels or retries it if asked to, then shows it or its items. */
export async function jobs(
  jobId: string | undefined,
  options: JobsOptions,
  config: Config,
  launch: Launch,
  log: Log,
): Promise<number> {
  // Only a retry needs workers in this process; looking must not start work.
  const api = await openApi(config, launch, log, { workers: options.retry, mustExist: true });
  try {
    if (!jobId) {
      const page = await api.call<{ jobs: (JobAnswer & { job_type: string })[] }>(
        "GET",
        `/v1/jobs?limit=${options.limit}`,
      );
      if (options.json) printJson(page);
      else if (page.jobs.length === 0) print(`No jobs in tenant ${config.tenant}.`);
      else
        print(
          table([
            ["JOB", "TYPE", "STATUS", "CREATED", "LISTED", "INGESTED", "UNCHANGED", "FAILED"],
            ...page.jobs.map(row),
          ]),
        );
      return EXIT.ok;
    }
    if (options.cancel) await api.call("POST", `/v1/jobs/${jobId}/cancel`);
    if (options.retry) {
      await api.call("POST", `/v1/jobs/${jobId}/retry`);
      await followJob(api, jobId, options.json);
    }
    if (options.items) {
      const page = await api.call<{ items: FailedItem[] }>(
        "GET",
        `/v1/jobs/${jobId}/items?status=${encodeURIComponent(options.items)}&limit=${options.limit}`,
      );
      if (options.json) printJson(page);
      else
        print(
          table(
            page.items.map((item) => [
              item.item_status,
              item.external_ref,
              item.error_code ?? "",
              item.error_message ?? "",
            ]),
          ),
        );
      return EXIT.ok;
    }
    const job = await api.call<JobAnswer>("GET", `/v1/jobs/${jobId}`);
    if (options.json) printJson(ledgerJson(job));
    else await sayLedger(api, job);
    return EXIT.ok;
  } finally {
    await api.close();
  }
}

const row = (job: JobAnswer & { job_type: string }): string[] => [
  job.job_id,
  job.job_type,
  job.job_status,
  job.created_at.slice(0, 19).replace("T", " "),
  ...[job.descriptors_listed, job.items_ingested, job.items_skipped_incremental, job.items_failed].map(String),
];
