/** Closes jobs and writes the one structured line `sync_summary` that ends each of them. */
import { asSystem, asTenant } from "../db/tenant_scope.ts";
import { failpoint } from "../failpoint.ts";
import { settleIndex } from "../index/settle_index.ts";
import { meter } from "../metrics_meter.ts";
import { closeJobs } from "../queue/close_job.ts";
import type { IngestContext } from "./context.ts";

/** Without `job`: every job that can be closed. */
export async function closeAndSummarise(
  context: Pick<IngestContext, "sql" | "config" | "log">,
  job?: { tenantId: string; jobId: string },
): Promise<void> {
  await failpoint("before_close");
  const sql = job ? asTenant(context.sql, job.tenantId) : asSystem(context.sql);
  const closed = await closeJobs(sql, {
    ...(job ? { job } : {}),
    embeddingDeadlineSeconds: context.config.embeddings.deadlineSeconds,
  });
  if (closed.length > 0) await failpoint("after_close");
  for (const summary of closed) {
    context.log.info({ event: "sync_summary", ...summary }, "sync_summary");
    meter.count("sluice_jobs_closed_total", 1, summary.job_status, summary.error_code ?? "");
  }
  if (closed.some((summary) => summary.items_ingested > 0)) await settleIndex(context.sql);
}
