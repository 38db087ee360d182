/**
 * The listing of a sync job: every connection's descriptors, page by page → diff → enqueue; then tombstones, if the
 * listing proved itself complete. Workers ingest the first pages while the later ones are still being listed.
 */
import type { Sql } from "postgres";
import type { Descriptor, DescriptorPage } from "../connector/connector.ts";
import { guessLane } from "../convert/sniff.ts";
import { messageOf, PermanentError, SluiceError } from "../errors.ts";
import type { ClaimedJob, ListingResult } from "../queue/claim_job.ts";
import { restartListing } from "../queue/claim_job.ts";
import { enqueueItems, type NewItem } from "../queue/enqueue.ts";
import { type ConnectionRow, connectionsOfJob } from "../store/connections.ts";
import { sourceIdOf } from "../store/ids.ts";
import { diffAgainstSyncState } from "../store/sync_state.ts";
import { applyTombstones, type TombstoneResult } from "../store/tombstones.ts";
import type { IngestContext } from "./context.ts";

/** What the listing of one connection came to; part of the job's result. */
export interface ConnectionSummary {
  connection_id: string;
  name: string;
  listing_complete: boolean;
  reason?: string;
  descriptors_listed: number;
  /** Outside the include globs or inside the exclude globs; not descriptors. */
  ignored: number;
  /** Listed twice; counted once. */
  duplicates: number;
  hidden: number;
  purged: number;
  restored: number;
  deletion_stopped?: { missing: number; of: number; help: string };
}

/** Thrown when the job's lease is gone or the job was canceled: nothing more may be written. */
export class ListingInterrupted extends Error {}

/** `wake` tells the other workers that there is something to claim. */
export async function listJob(
  job: ClaimedJob,
  context: Pick<IngestContext, "sql" | "connectorOf" | "log">,
  signal: AbortSignal,
  wake: () => void,
): Promise<ListingResult> {
  if (job.attempt > 1) await restartListing(context.sql, job);
  const connections = await connectionsOfJob(context.sql, job.tenantId, job.payload);
  if (connections.length === 0)
    throw new PermanentError("connector.not_configured", `no connection for ${job.payload.source_types.join(", ")}`, {
      source_types: job.payload.source_types,
    });
  const summaries: ConnectionSummary[] = [];
  let fault: { code: string; message: string } | null = null;
  for (const connection of connections) {
    try {
      summaries.push(await listConnection(job, connection, context, signal, wake));
    } catch (error) {
      // One broken connection must not keep the others from being synced; a passing fault is worth another try of all.
      if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
      fault = { code: error.code, message: `${connection.name}: ${messageOf(error)}` };
      summaries.push({ ...emptySummary(connection), reason: messageOf(error) });
    }
  }
  const incomplete = summaries.find((summary) => !summary.listing_complete);
  return {
    complete: incomplete === undefined,
    errorCode: fault?.code ?? (incomplete ? "LISTING_INCOMPLETE" : null),
    errorMessage:
      fault?.message ??
      (incomplete ? `${incomplete.name}: ${incomplete.reason ?? "the listing was not complete"}` : null),
    summary: { connections: summaries, ignored: summaries.reduce((sum, s) => sum + s.ignored, 0) },
  };
}

const emptySummary = (connection: ConnectionRow): ConnectionSummary => ({
  connection_id: connection.connectionId,
  name: connection.name,
  listing_complete: false,
  descriptors_listed: 0,
  ignored: 0,
  duplicates: 0,
  hidden: 0,
  purged: 0,
  restored: 0,
});

async function listConnection(
  job: ClaimedJob,
  connection: ConnectionRow,
  context: Pick<IngestContext, "sql" | "connectorOf" | "log">,
  signal: AbortSignal,
  wake: () => void,
): Promise<ConnectionSummary> {
  const connector = await context.connectorOf(job.tenantId, connection.connectionId, connection.sourceType);
  const listing = connector.list({ signal });
  const summary = emptySummary(connection);
  // Ids of all that was listed: what a complete listing lacks is missing. About 100 bytes for each source.
  const seen = new Set<string>();
  for await (const page of listing.pages) {
    signal.throwIfAborted();
    summary.ignored += page.ignored;
    const added = await takePage(job, connection, context.sql, page, seen, summary);
    if (added > 0) wake();
  }
  const outcome = listing.outcome();
  summary.listing_complete = outcome.listingComplete;
  if (outcome.reason) summary.reason = outcome.reason;
  if (outcome.listingComplete) {
    const tombstones = await applyTombstones(
      context.sql,
      { tenantId: job.tenantId, connectionId: connection.connectionId },
      [...seen],
      job.payload.confirm_deletions,
    );
    Object.assign(summary, describeTombstones(tombstones));
  }
  return summary;
}

/** Diffs and enqueues one page; returns how many items wait now because of it. */
async function takePage(
  job: ClaimedJob,
  connection: ConnectionRow,
  sql: Sql,
  page: DescriptorPage,
  seen: Set<string>,
  summary: ConnectionSummary,
): Promise<number> {
  const idOf = (externalRef: string) => sourceIdOf(job.tenantId, connection.sourceType, externalRef);
  const isNew = (sourceId: string): boolean => {
    if (seen.has(sourceId)) summary.duplicates++;
    return !seen.has(sourceId) && seen.add(sourceId) !== undefined;
  };
  const listed = page.descriptors
    .map((descriptor) => ({ descriptor, sourceId: idOf(descriptor.externalRef) }))
    .filter(({ sourceId }) => isNew(sourceId));
  const failures = page.failures
    .map((failure) => ({ failure, sourceId: idOf(failure.externalRef) }))
    .filter(({ sourceId }) => isNew(sourceId));
  summary.descriptors_listed += listed.length + failures.length;

  const scope = {
    tenantId: job.tenantId,
    jobId: job.jobId,
    sourceType: connection.sourceType,
    force: job.payload.force_reindex,
    repeated: job.attempt > 1,
  };
  const diff = await diffAgainstSyncState(
    sql,
    scope,
    listed.map(({ descriptor, sourceId }) => ({
      sourceId,
      externalRef: descriptor.externalRef,
      fingerprint: descriptor.fingerprint,
    })),
  );
  const base = { connectionId: connection.connectionId, sourceType: connection.sourceType };
  const items: NewItem[] = diff.changed.map((index) =>
    newItem(base, listed[index]!.sourceId, listed[index]!.descriptor),
  );
  for (const { failure, sourceId } of failures)
    items.push({
      ...base,
      sourceId,
      externalRef: failure.externalRef,
      descriptor: JSON.stringify({ name: failure.name }),
      lane: "inline",
      failure: failure.error,
    });
  if (items.length === 0 && diff.unchanged === 0) return 0;
  const inserted = await enqueueItems(sql, job, items, diff.unchanged);
  if (inserted === null) throw new ListingInterrupted("the job's lease is gone or the job was canceled");
  return inserted;
}

const newItem = (
  base: { connectionId: string; sourceType: string },
  sourceId: string,
  descriptor: Descriptor,
): NewItem => ({
  ...base,
  sourceId,
  externalRef: descriptor.externalRef,
  descriptor: JSON.stringify(descriptor),
  lane: guessLane(descriptor.name, descriptor.mediaType),
});

function describeTombstones({ stopped, ...counts }: TombstoneResult): Partial<ConnectionSummary> {
  if (!stopped) return counts;
  return {
    ...counts,
    deletion_stopped: {
      ...stopped,
      help: `${stopped.missing} of ${stopped.of} sources are missing from this listing; nothing was deleted. Sync again with confirm_deletions if that is right.`,
    },
  };
}
