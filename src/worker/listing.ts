/** Runs the listing of a claimed job under its lease, and records how it ended. */
import { asTenant } from "../db/tenant_scope.ts";
import { messageOf, SluiceError, SnoozeError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { closeAndSummarise } from "../pipeline/close.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { ListingInterrupted, listJob } from "../pipeline/sync.ts";
import { backoffMs } from "../queue/backoff.ts";
import { type ClaimedJob, finishListing, releaseJob } from "../queue/claim_job.ts";
import { heartbeatJob } from "../queue/heartbeat.ts";
import type { Wake } from "../queue/wake.ts";
import { Interruption } from "./outcome.ts";

/** Never rejects: whatever happens is recorded, or left to the rescue of expired leases. */
export async function runListing(
  job: ClaimedJob,
  given: IngestContext,
  handBack: AbortSignal,
  wake: Wake,
): Promise<void> {
  const log = given.log.child({ job_id: job.jobId, correlation_id: job.correlationId });
  const context: IngestContext = { ...given, sql: asTenant(given.sql, job.tenantId) };
  const { sql, config } = context;
  const interrupted = new AbortController();
  const signal = AbortSignal.any([interrupted.signal, handBack]);
  const beat = setInterval(async () => {
    const state = await heartbeatJob(sql, job, config.worker.leaseSeconds).catch(() => "held" as const);
    if (state === "lost") interrupted.abort(new ListingInterrupted("lease lost"));
    if (state === "canceled") interrupted.abort(new ListingInterrupted("canceled"));
  }, config.worker.heartbeatMs);
  try {
    const result = await listJob(job, { ...context, log }, signal, () => wake.ring());
    await failpoint("before_finish_listing");
    await finishListing(sql, job, result);
  } catch (error) {
    await recordFault(error, job, context).catch((fault: unknown) =>
      log.warn({ err: fault }, "the end of a listing could not be recorded; its lease will run out"),
    );
    if (!(error instanceof Interruption || error instanceof ListingInterrupted))
      log.warn({ err: error }, "listing failed");
  } finally {
    clearInterval(beat);
  }
  wake.ring();
  await closeAndSummarise(context, job).catch((error: unknown) =>
    log.warn({ err: error }, "job could not be closed; the janitor will"),
  );
}

async function recordFault(error: unknown, job: ClaimedJob, { sql, config }: IngestContext): Promise<void> {
  const errorCode = error instanceof SluiceError ? error.code : "internal.unexpected";
  const why = { errorCode, errorMessage: messageOf(error) };
  const end = (code: string | null) =>
    finishListing(sql, job, { complete: false, errorCode: code, errorMessage: why.errorMessage, summary: {} });
  if (error instanceof Interruption)
    return releaseJob(sql, job, { delayMs: 0, spendAttempt: false, errorCode: null, errorMessage: null });
  // Canceled (or lost, then this matches nothing): the lease goes back and the job can be closed.
  if (error instanceof ListingInterrupted) return void (await end("LISTING_INCOMPLETE"));
  if (error instanceof SnoozeError)
    return releaseJob(sql, job, {
      ...why,
      delayMs: Math.max(0, error.until.getTime() - Date.now()),
      spendAttempt: false,
    });
  const permanent = error instanceof SluiceError && error.fate === "permanent";
  if (permanent || job.attempt >= config.worker.attemptsMax) return void (await end(errorCode));
  return releaseJob(sql, job, { ...why, delayMs: backoffMs(job.attempt, Math.random()), spendAttempt: true });
}
