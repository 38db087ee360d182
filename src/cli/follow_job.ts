/** Follows a job to its end: a progress bar on a terminal, a plain line now and then elsewhere; then the ledger. */
import { SingleBar } from "cli-progress";
import type { Ledger } from "../queue/job.ts";
import type { Api } from "./api.ts";
import { count, say, seconds } from "./terminal.ts";

export interface JobAnswer extends Ledger {
  job_id: string;
  job_status: string;
  listing: string;
  error_code: string | null;
  error_message: string | null;
  result_json: { connections?: ConnectionResult[]; ignored?: number } | null;
  created_at: string;
  finished_at: string | null;
}

interface ConnectionResult {
  name: string;
  ignored: number;
  hidden: number;
  purged: number;
  restored: number;
  deletion_stopped?: { help: string };
}

export interface FailedItem {
  external_ref: string;
  item_status: string;
  error_code: string;
  error_message: string;
  help?: string;
}

/** Polling starts quickly, since most re-syncs are over in a moment, and slows down. */
const POLL_MS = { first: 15, factor: 1.3, max: 400 };
const LINE_EVERY_MS = 3000;

const closedOf = (job: Ledger): number => job.descriptors_listed - job.items_open;

/** Resolves with the finished job. */
export async function followJob(api: Api, jobId: string, quiet: boolean): Promise<JobAnswer> {
  const bar =
    !quiet && process.stderr.isTTY
      ? new SingleBar({
          format: "  {bar} {percentage}% | {value}/{total} sources | {eta_formatted} left",
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: true,
          barsize: 30,
        })
      : null;
  let started = false;
  let lastLine = performance.now();
  try {
    for (let delay = POLL_MS.first; ; delay = Math.min(delay * POLL_MS.factor, POLL_MS.max)) {
      const job = await api.call<JobAnswer>("GET", `/v1/jobs/${jobId}`);
      if (job.finished_at) return job;
      if (bar && job.descriptors_listed > 0) {
        if (!started) bar.start(job.descriptors_listed, 0);
        started = true;
        bar.setTotal(job.descriptors_listed);
        bar.update(closedOf(job));
      } else if (!bar && !quiet && performance.now() - lastLine > LINE_EVERY_MS) {
        lastLine = performance.now();
        say(
          `  ${count(closedOf(job))} of ${count(job.descriptors_listed)} sources${job.listing === "pending" ? ", still listing" : ""}`,
        );
      }
      await Bun.sleep(delay);
    }
  } finally {
    if (started) bar?.stop();
  }
}

/** One object for machines; the names are an interface to keep. */
export function ledgerJson(job: JobAnswer): Record<string, unknown> {
  return {
    job_id: job.job_id,
    job_status: job.job_status,
    descriptors_listed: job.descriptors_listed,
    items_fetched: job.items_fetched,
    items_skipped_incremental: job.items_skipped_incremental,
    items_skipped: job.items_skipped,
    items_ingested: job.items_ingested,
    items_failed: job.items_failed,
    items_canceled: job.items_canceled,
    chunks: job.chunks,
    vectors_embedded: job.vectors_embedded,
    vectors_reused: job.vectors_reused,
    vectors_pending: job.vectors_pending,
    links: job.links,
    duration_ms: durationMs(job),
    ignored: job.result_json?.ignored ?? 0,
    connections: job.result_json?.connections ?? [],
    error_code: job.error_code,
    error_message: job.error_message,
  };
}

const durationMs = (job: JobAnswer): number =>
  job.finished_at ? Date.parse(job.finished_at) - Date.parse(job.created_at) : 0;

/** The ledger and every source that failed or was skipped, for people. */
export async function sayLedger(api: Api, job: JobAnswer): Promise<void> {
  const line = (label: string, n: number, note = "") =>
    n > 0 && say(`  ${label.padEnd(22)} ${count(n).padStart(9)}${note}`);
  say(`${job.job_status === "done" ? "Done" : `Job ${job.job_status}`} in ${seconds(durationMs(job))}.`);
  line("sources listed", job.descriptors_listed);
  line("ingested", job.items_ingested, `   ${count(job.chunks)} chunks, ${count(job.links)} links`);
  line("unchanged", job.items_skipped_incremental);
  line("skipped", job.items_skipped);
  line("failed", job.items_failed);
  line("canceled", job.items_canceled);
  line(
    "vectors computed",
    job.vectors_embedded,
    job.vectors_reused > 0 ? `   ${count(job.vectors_reused)} reused` : "",
  );
  line("vectors pending", job.vectors_pending);
  line("ignored by globs", job.result_json?.ignored ?? 0);
  for (const c of job.result_json?.connections ?? []) {
    line("gone, now hidden", c.hidden);
    line("gone, now purged", c.purged);
    line("came back", c.restored);
    if (c.deletion_stopped) say(`  ${c.deletion_stopped.help}`);
  }
  if (job.error_code) say(`  ${job.error_code}: ${job.error_message}`);
  for (const status of ["failed", "skipped"]) await sayItems(api, job.job_id, status);
}

async function sayItems(api: Api, jobId: string, status: string): Promise<void> {
  const { items, next_cursor } = await api.call<{ items: FailedItem[]; next_cursor: string | null }>(
    "GET",
    `/v1/jobs/${jobId}/items?status=${status}&limit=50`,
  );
  for (const item of items) say(`  ${status}: ${item.external_ref}\n    ${item.error_code}: ${item.error_message}`);
  if (next_cursor) say(`  … and more: sluice jobs ${jobId} --items ${status}`);
}
