/**
 * The listing of a sync job: every connection's descriptors, page by page → diff → enqueue; then tombstones, if the
 * listing proved itself complete. Workers ingest the first pages while the later ones are still being listed.
 */
import type { Sql } from "postgres";
import type { Descriptor, DescriptorPage, Listing } from "../connector/connector.ts";
import { guessLane } from "../convert/sniff.ts";
import { messageOf, PermanentError, SluiceError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { timedStatement } from "../metrics_meter.ts";
import type { ClaimedJob, ListingResult } from "../queue/claim_job.ts";
import { restartListing } from "../queue/claim_job.ts";
import { enqueueItems, type NewItem } from "../queue/enqueue.ts";
import { verdictKey } from "../queue/quarantine.ts";
import { type ConnectionRow, connectionsOfJob } from "../store/connections.ts";
import { sourcesWithChangedParts, sourcesWithDependencies } from "../store/dependencies.ts";
import { sourceIdOf } from "../store/ids.ts";
import { diffAgainstSyncState, type Quarantined } from "../store/sync_state.ts";
import {
  applyTombstones,
  type ListedScope,
  missingSources,
  restoreSeen,
  type TombstoneResult,
} from "../store/tombstones.ts";
import type { IngestContext } from "./context.ts";

/** How long a job may not know what was found unchanged. */
const TELL_MS = 500;

/** What the listing of one connection came to; part of the job's result. */
export interface ConnectionSummary {
  connection_id: string;
  name: string;
  listing_complete: boolean;
  reason?: string;
  descriptors_listed: number;
  /** Outside the include globs or inside the exclude globs; not descriptors. */
  ignored: number;
  /** Failed before and unchanged since: listed as failed again, and not tried. */
  quarantined: number;
  /** Listed twice; counted once. */
  duplicates: number;
  hidden: number;
  purged: number;
  restored: number;
  /** Missing from the list, but found when asked for by name: not deleted. */
  unlisted?: number;
  deletion_stopped?: { missing: number; of: number; help: string };
}

/** Thrown when the job's lease is gone or the job was canceled: nothing more may be written. */
export class ListingInterrupted extends Error {}

/** `wake` tells the other workers that there is something to claim. */
export async function listJob(
  job: ClaimedJob,
  context: Pick<IngestContext, "config" | "sql" | "connectorOf" | "log">,
  signal: AbortSignal,
  wake: () => void,
): Promise<ListingResult> {
  if (job.repeated) await restartListing(context.sql, job);
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
  quarantined: 0,
  duplicates: 0,
  hidden: 0,
  purged: 0,
  restored: 0,
});

/** The listing of one connection while it is read. */
interface ListingRun {
  job: ClaimedJob;
  connection: ConnectionRow;
  sql: Sql;
  summary: ConnectionSummary;
  /** Under which earlier failures still stand. */
  verdictKey: string;
  /** Ids of all that was listed: what a complete listing lacks is missing. About 100 bytes for each source. */
  seen: Set<string>;
  /** Sources that include others; whether they changed is known when everything has been listed. */
  composed: ReadonlySet<string>;
  held: Listed[];
  /** Found unchanged and not yet told to the job. */
  untold: number;
  /** Of performance.now(). */
  toldAt: number;
}

interface Listed {
  descriptor: Descriptor;
  sourceId: string;
}

async function listConnection(
  job: ClaimedJob,
  connection: ConnectionRow,
  context: Pick<IngestContext, "config" | "sql" | "connectorOf" | "log">,
  signal: AbortSignal,
  wake: () => void,
): Promise<ConnectionSummary> {
  const { sql } = context;
  const { tenantId } = job;
  const { connectionId } = connection;
  const connector = await context.connectorOf(tenantId, connectionId, connection.sourceType);
  const sourceTypes = connector.sourceTypes.filter((type) => job.payload.source_types.includes(type));
  const listing = connector.list({ signal, sourceTypes });
  const summary = emptySummary(connection);
  const composed = await sourcesWithDependencies(sql, tenantId, connectionId);
  const run: ListingRun = {
    ...{ job, connection, sql, summary, composed },
    verdictKey: verdictKey(context.config.convert),
    seen: new Set(),
    held: [],
    untold: 0,
    toldAt: performance.now(),
  };
  try {
    for await (const page of listing.pages) {
      signal.throwIfAborted();
      summary.ignored += page.ignored;
      if ((await takePage(run, page)) > 0) wake();
    }
    if ((await takeHeld(run)) > 0) wake();
    await tell(run, []);
  } catch (error) {
    // Also what a listing found before it broke off; why it did is worth more than why that could not be told.
    await tell(run, []).catch((err: unknown) => context.log.debug({ err }, "what was found unchanged is not counted"));
    throw error;
  }
  const outcome = listing.outcome();
  summary.listing_complete = outcome.listingComplete;
  if (outcome.reason) summary.reason = outcome.reason;
  if (outcome.listingComplete) {
    const scope = { tenantId, connectionId, sourceTypes };
    await confirmMissing(run, listing, scope, signal);
    await failpoint("before_tombstones");
    const tombstones = await applyTombstones(sql, scope, [...run.seen], job.payload.confirm_deletions);
    Object.assign(summary, describeTombstones(tombstones));
  } else {
    summary.restored = await restoreSeen(sql, { tenantId, connectionId }, [...run.seen]);
  }
  return summary;
}

/** What the listing lacked although the source says that it is there counts as seen. */
async function confirmMissing(
  run: ListingRun,
  listing: Listing,
  scope: ListedScope,
  signal: AbortSignal,
): Promise<void> {
  if (!listing.confirmMissing) return;
  const missing = await missingSources(run.sql, scope, [...run.seen]);
  if (missing.length === 0) return;
  const living = await listing.confirmMissing(
    missing.map(({ externalRef }) => externalRef),
    signal,
  );
  for (const { sourceId, externalRef } of missing) if (living.has(externalRef)) run.seen.add(sourceId);
  run.summary.unlisted = living.size;
}

/** Diffs and enqueues one page; returns how many items wait now because of it. */
async function takePage(run: ListingRun, page: DescriptorPage): Promise<number> {
  const { job, connection, seen, summary } = run;
  const isNew = (sourceId: string): boolean => {
    if (seen.has(sourceId)) summary.duplicates++;
    return !seen.has(sourceId) && seen.add(sourceId) !== undefined;
  };
  const listed = page.descriptors
    .map((descriptor) => ({
      descriptor,
      sourceId: sourceIdOf(job.tenantId, descriptor.sourceType, descriptor.externalRef),
    }))
    .filter(({ sourceId }) => isNew(sourceId));
  const failures = page.failures
    .map((failure) => ({ failure, sourceId: sourceIdOf(job.tenantId, connection.sourceType, failure.externalRef) }))
    .filter(({ sourceId }) => isNew(sourceId));
  summary.descriptors_listed += listed.length + failures.length;
  const failed = failures.map(
    ({ failure, sourceId }): NewItem => ({
      connectionId: connection.connectionId,
      sourceType: connection.sourceType,
      sourceId,
      externalRef: failure.externalRef,
      descriptor: JSON.stringify({ name: failure.name }),
      lane: "inline",
      failure: failure.error,
    }),
  );
  run.held.push(...listed.filter(({ sourceId }) => run.composed.has(sourceId)));
  const { changed, unchanged, quarantined } = await diff(
    run,
    listed.filter(({ sourceId }) => !run.composed.has(sourceId)),
  );
  const isolated = quarantine(run, quarantined);
  return await enqueue(run, [...changed.map((one) => newItem(connection, one)), ...isolated, ...failed], unchanged);
}

/** Pages that include others: those that changed themselves, and those of which a part changed in this sync. */
async function takeHeld(run: ListingRun): Promise<number> {
  const { job, connection, held, sql } = run;
  if (held.length === 0) return 0;
  const { changed, unchanged, quarantined } = await diff(run, held);
  const own = new Set(changed.map(({ sourceId }) => sourceId));
  const others = held.filter(({ sourceId }) => !own.has(sourceId));
  const stale = await sourcesWithChangedParts(
    sql,
    job,
    others.map(({ sourceId }) => sourceId),
  );
  const again = others.filter(({ sourceId }) => stale.has(sourceId));
  const standing = quarantined.filter(({ sourceId }) => !stale.has(sourceId));
  // In a repeated listing some of them have their item already and are counted as it.
  const added = await enqueue(
    run,
    again.map((one) => newItem(connection, one)),
    0,
  );
  return (
    added +
    (await enqueue(
      run,
      [...changed.map((one) => newItem(connection, one)), ...quarantine(run, standing)],
      // Of those that are ingested again, some were in quarantine and no part of the unchanged.
      unchanged + (quarantined.length - standing.length) - added,
    ))
  );
}

type Standing = Listed & { failure: Pick<Quarantined, "code" | "message"> };

/** Items for what is in quarantine: in the ledger they fail again, and nothing else is done for them. */
function quarantine(run: ListingRun, standing: Standing[]): NewItem[] {
  run.summary.quarantined += standing.length;
  return standing.map(({ failure, ...one }) => ({
    ...newItem(run.connection, one),
    failure: {
      code: failure.code,
      message: `${failure.message.replace(/\.$/, "")}; unchanged since, so it was not tried again`,
    },
    quarantined: true,
  }));
}

interface ListedDiff {
  changed: Listed[];
  unchanged: number;
  quarantined: Standing[];
}

async function diff(run: ListingRun, listed: Listed[]): Promise<ListedDiff> {
  const { job, sql, verdictKey } = run;
  const result: ListedDiff = { changed: [], unchanged: 0, quarantined: [] };
  for (const [sourceType, group] of Map.groupBy(listed, ({ descriptor }) => descriptor.sourceType)) {
    const found = await diffAgainstSyncState(
      sql,
      {
        tenantId: job.tenantId,
        jobId: job.jobId,
        sourceType,
        force: job.payload.force_reindex,
        repeated: job.repeated,
        verdictKey,
      },
      group.map(({ descriptor, sourceId }) => ({
        sourceId,
        externalRef: descriptor.externalRef,
        fingerprint: descriptor.fingerprint,
      })),
    );
    result.changed.push(...found.changed.map((index) => group[index]!));
    result.unchanged += found.unchanged;
    for (const { position, ...failure } of found.quarantined) result.quarantined.push({ ...group[position]!, failure });
  }
  return result;
}

/** Unchanged descriptors alone are worth no commit for each page: the job hears of them now and then. */
async function enqueue(run: ListingRun, items: NewItem[], unchanged: number): Promise<number> {
  run.untold += unchanged;
  if (items.length === 0 && performance.now() - run.toldAt < TELL_MS) return 0;
  return await tell(run, items);
}

async function tell(run: ListingRun, items: NewItem[]): Promise<number> {
  const { job, sql, untold } = run;
  if (items.length === 0 && untold === 0) return 0;
  // Before the answer: told twice would be worse than not at all, and a listing that fails is repeated.
  run.untold = 0;
  const inserted = await timedStatement("enqueue_items", enqueueItems(sql, job, items, untold));
  await failpoint("after_enqueue_page");
  if (inserted === null) throw new ListingInterrupted("the job's lease is gone or the job was canceled");
  run.toldAt = performance.now();
  return inserted;
}

const newItem = (connection: ConnectionRow, { descriptor, sourceId }: Listed): NewItem => ({
  connectionId: connection.connectionId,
  sourceType: descriptor.sourceType,
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
