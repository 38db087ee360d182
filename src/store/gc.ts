/**
 * Retention: what may be deleted, and in which order. Rows go first and in transactions, then the objects that no row
 * names any more; whatever a crash leaves behind in between is an orphan, which the next run finds. Nothing is kept for
 * less time than its policy says, and without a policy nothing is deleted at all.
 */
import type { Sql } from "postgres";
import { meter } from "../metrics_meter.ts";
import { deleteOldJobs } from "./gc_jobs.ts";
import { removeUnnamed, sweepOrphans } from "./gc_objects.ts";
import { deleteOldVersions } from "./gc_versions.ts";
import type { ObjectStore } from "./objects.ts";

/** Days; null keeps for ever. */
export interface RetentionPolicy {
  /** Finished jobs with their items. */
  jobsDays: number | null;
  /** Versions, since they were replaced by another one. */
  versionsDays: number | null;
  /** Of these, so many of each source are kept whatever their age. */
  versionsKeep: number;
  /** Everything of sources that are gone from where they came from, since they were purged from the index. */
  purgedDays: number | null;
  /** Objects that no row names, since they were written. */
  orphansDays: number;
}

/** What was deleted, or with `dryRun` would be. */
export interface GcReport {
  dry_run: boolean;
  jobs: number;
  items: number;
  versions: number;
  /** Raw bytes and Markdown of those versions. */
  version_bytes: number;
  sources: number;
  /** Null when nobody looked for them. */
  orphans: OrphanReport | null;
}

export interface OrphanReport {
  objects: number;
  bytes: number;
  /** Without a row too, but too new to judge. */
  young: number;
  /** Not written by this installation: other names, or tenants that its database does not know. Never touched. */
  foreign: number;
}

/**
 * Applies the policy. `orphans` also lists the buckets and deletes what no row names.
 * Throws what the database and the object store throw; what was done until then stays done.
 */
export async function collectGarbage(
  sql: Sql,
  objects: ObjectStore,
  policy: RetentionPolicy,
  options: { dryRun: boolean; orphans: boolean; embedded: boolean },
): Promise<GcReport> {
  const { dryRun } = options;
  const jobs = policy.jobsDays === null ? { jobs: 0, items: 0 } : await deleteOldJobs(sql, policy.jobsDays, dryRun);
  const versions = await deleteOldVersions(sql, policy, {
    ...options,
    remove: (uris) => removeUnnamed(sql, objects, uris),
  });
  const orphans = options.orphans ? await sweepOrphans(sql, objects, policy.orphansDays, dryRun) : null;
  const report: GcReport = { dry_run: dryRun, ...jobs, ...versions, orphans };
  if (!dryRun) {
    for (const kind of ["jobs", "items", "versions", "sources"] as const)
      meter.count("sluice_gc_deleted_total", report[kind], kind);
    meter.count("sluice_gc_deleted_total", orphans?.objects ?? 0, "orphans");
  }
  return report;
}

const DAY_SECONDS = 86_400;

/** True for one caller a day, whichever process asks first: the duty is the database's and not a process's. */
export async function takeDailyTurn(sql: Sql): Promise<boolean> {
  const rows = await sql`
    INSERT INTO settings AS s (name, value) VALUES ('gc_at', to_jsonb(extract(epoch FROM now())))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
    WHERE (s.value #>> '{}')::float8 <= extract(epoch FROM now()) - ${DAY_SECONDS}::float8
    RETURNING 1`;
  return rows.length > 0;
}

/** Whether the policy deletes anything by itself. */
export const deletesAnything = (policy: RetentionPolicy): boolean =>
  policy.jobsDays !== null || policy.versionsDays !== null || policy.purgedDays !== null;
