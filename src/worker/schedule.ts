/** Starts the syncs whose time has come; a periodic duty that every process may do at once. */
import { meter } from "../metrics_meter.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { startDueSync } from "../queue/start_due_sync.ts";
import type { Wake } from "../queue/wake.ts";

/** Ends when nothing is due any more, or with `signal`. */
export async function startDueSyncs(
  { sql, log }: Pick<IngestContext, "sql" | "log">,
  wake: Pick<Wake, "ring">,
  signal?: AbortSignal,
): Promise<void> {
  while (!signal?.aborted) {
    const started = await startDueSync(sql);
    if (started === null) return;
    wake.ring();
    meter.count("sluice_scheduled_syncs_total", 1);
    log.info(
      {
        job_id: started.jobId,
        tenant_id: started.tenantId,
        connection_id: started.connectionId,
        correlation_id: started.correlationId,
        due_at: started.dueAt,
        next_run_at: started.nextRunAt,
      },
      "scheduled sync queued",
    );
  }
}
