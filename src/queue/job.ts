/** What a job and an item are: row types, statuses and the ledger. Shared by the files of the queue. */

export type JobType = "sync" | "upload";
export const JOB_STATUSES = ["queued", "processing", "retrying", "done", "error", "canceled"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
export const ITEM_STATUSES = ["queued", "running", "ingested", "unchanged", "skipped", "failed", "canceled"] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];
/** Isolated items are parsed in the child process, one at a time per worker thread. */
export type Lane = "inline" | "isolated";

/** What the caller of a sync asked for. */
export interface SyncPayload {
  source_types: string[];
  /** Only this connection; null: every connection of the source types. */
  connection_id: string | null;
  /** Ingest even what is unchanged. */
  force_reindex: boolean;
  /** Delete although more than the safe share of a connection's sources is missing. */
  confirm_deletions: boolean;
}

/** Names a claim: only who presents it may settle the row. Leases come from a sequence and never repeat. */
export interface JobLease {
  tenantId: string;
  jobId: string;
  runLease: string;
}

/** The counters that must balance; see the CHECK `ledger_balances`. */
export interface Ledger {
  descriptors_listed: number;
  items_fetched: number;
  items_skipped_incremental: number;
  items_skipped: number;
  items_ingested: number;
  items_failed: number;
  items_canceled: number;
  items_open: number;
  chunks: number;
  vectors_embedded: number;
  vectors_reused: number;
  vectors_pending: number;
  links: number;
}

/** A job that has just been closed, as the `sync_summary` log line and the answer show it. */
export interface ClosedJob extends Ledger {
  tenant_id: string;
  job_id: string;
  job_type: JobType;
  job_status: JobStatus;
  error_code: string | null;
  duration_ms: number;
}
