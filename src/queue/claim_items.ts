/**
 * Claims items: FOR UPDATE SKIP LOCKED on a small partial index, from ONE job per claim, the job (of the tenant) that was
 * served least recently. So a million-page sync never starves an upload, and a claim locks a single job row.
 * Every claimed row gets a new fencing token; the caller must present it to settle the row.
 */
import type { Sql } from "postgres";
import type { Descriptor } from "../connector/connector.ts";
import type { Lane } from "./job.ts";

export interface ClaimedItem {
  tenantId: string;
  jobId: string;
  itemId: string;
  runLease: string;
  /** Counts from 1. */
  attempt: number;
  connectionId: string | null;
  sourceId: string;
  sourceType: string;
  externalRef: string;
  descriptor: Descriptor;
  /** In which it was claimed. */
  lane: Lane;
  forceReindex: boolean;
  correlationId: string;
  /** Of the version that was indexed last, when it is still there: equal bytes need no work. */
  lastChecksum: string | null;
  lastConverterVersion: string | null;
}

interface ClaimedRow {
  tenant_id: string;
  job_id: string;
  item_id: string;
  run_lease: string;
  attempt: number;
  connection_id: string | null;
  source_id: string;
  source_type: string;
  external_ref: string;
  descriptor: Descriptor;
  force_reindex: boolean;
  correlation_id: string;
  last_checksum: string | null;
  last_converter_version: string | null;
}

export interface ClaimRequest {
  worker: string;
  leaseSeconds: number;
  /** How many items of which lane this worker can take now; at most CLAIM_MAX. */
  lane: Lane;
  limit: number;
}

/** Items that one claim gives at most. */
export const CLAIM_MAX = 48;

/** Claims up to `limit` items of one job; an empty array when there is nothing to do. */
export async function claimItems(sql: Sql, request: ClaimRequest): Promise<ClaimedItem[]> {
  const rows = await sql<ClaimedRow[]>`
    WITH active AS (
      SELECT tenant_id, job_id, last_served_at, correlation_id,
        coalesce((job_payload_json ->> 'force_reindex')::boolean, false) AS force_reindex,
        max(last_served_at) OVER (PARTITION BY tenant_id) AS tenant_served_at
      FROM ingest_jobs
      WHERE job_status IN ('processing', 'retrying') AND cancel_requested_at IS NULL
        AND items_open > 0
    ), job AS (
      -- LATERAL, ordered as the index is, here and below: each job's queue is entered by its key, whatever the planner
      -- believes of a table that is being filled.
      SELECT a.* FROM active a CROSS JOIN LATERAL (
        SELECT 1 FROM ingest_items i
        WHERE i.job_id = a.job_id AND i.lane = ${request.lane} AND i.item_status = 'queued' AND i.available_at <= now()
        ORDER BY i.available_at, i.item_id LIMIT 1
      ) AS something
      ORDER BY a.tenant_served_at, a.last_served_at, a.job_id LIMIT 1
    ), ready AS (
      SELECT first.* FROM job CROSS JOIN LATERAL (
        SELECT i.ctid AS place, i.tenant_id, i.job_id, i.item_id FROM ingest_items i
        WHERE i.job_id = job.job_id AND i.tenant_id = job.tenant_id AND i.lane = ${request.lane}
          AND i.item_status = 'queued' AND i.available_at <= now()
        ORDER BY i.available_at, i.item_id LIMIT ${request.limit}
        FOR UPDATE OF i SKIP LOCKED
      -- Written out, since a parameter would be taken for a tenth of the table, and all of it be read to update these few.
      ) AS first LIMIT 48
    ), served AS (
      -- A job that is alone takes no turns; its row, once it has been served, is left to those who settle.
      UPDATE ingest_jobs j SET last_served_at = clock_timestamp() FROM job
      WHERE j.tenant_id = job.tenant_id AND j.job_id = job.job_id AND EXISTS (SELECT 1 FROM ready)
        AND (job.last_served_at = '-infinity' OR (SELECT count(*) FROM active) > 1)
    ), claimed AS (
      UPDATE ingest_items i SET item_status = 'running', attempt = i.attempt + 1, run_lease = nextval('run_leases'),
        leased_by = ${request.worker}, leased_until = now() + make_interval(secs => ${request.leaseSeconds})
      FROM ready
      -- By its place, which is locked; one that an update has moved since this statement began is left to the next claim.
      WHERE i.ctid = ready.place AND i.tenant_id = ready.tenant_id AND i.job_id = ready.job_id AND i.item_id = ready.item_id
      RETURNING i.*
    )
    SELECT c.tenant_id, c.job_id, c.item_id::text, c.run_lease::text, c.attempt, c.connection_id, c.source_id, c.source_type,
      c.external_ref, c.descriptor, job.force_reindex, job.correlation_id,
      s.last_seen_checksum AS last_checksum, s.converter_version AS last_converter_version
    FROM claimed c CROSS JOIN job
    LEFT JOIN source_sync_state s ON s.tenant_id = c.tenant_id AND s.source_type = c.source_type AND s.external_ref = c.external_ref
      AND s.last_status IN ('ingested', 'unchanged')
      -- What an earlier attempt of this very item swapped in may lack vectors and manifest: it is no reason to skip them.
      AND NOT EXISTS (SELECT 1 FROM sources own
        WHERE own.tenant_id = c.tenant_id AND own.source_id = c.source_id AND own.current_item_id = c.item_id)
    ORDER BY c.item_id`;
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    jobId: row.job_id,
    itemId: row.item_id,
    runLease: row.run_lease,
    attempt: row.attempt,
    connectionId: row.connection_id,
    sourceId: row.source_id,
    sourceType: row.source_type,
    externalRef: row.external_ref,
    descriptor: row.descriptor,
    lane: request.lane,
    forceReindex: row.force_reindex,
    correlationId: row.correlation_id,
    lastChecksum: row.last_checksum,
    lastConverterVersion: row.last_converter_version,
  }));
}
