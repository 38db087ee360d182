/** `sluice gc`: applies retention now and removes orphaned objects, or with --dry-run says what would go. */
import type { Config } from "../config.ts";
import { collectGarbage, type GcReport } from "../store/gc.ts";
import { openObjectStore } from "../store/objects.ts";
import type { Launch } from "./launch.ts";
import { withDatabase } from "./operate.ts";
import { count, EXIT, print, printJson, size } from "./terminal.ts";

export interface GcOptions {
  dryRun: boolean;
  rowsOnly: boolean;
  json: boolean;
}

/** Exit code 0 whenever it got through, whatever there was to delete. */
export async function gc(options: GcOptions, config: Config, launch: Launch): Promise<number> {
  const objects = await openObjectStore(config.objects);
  try {
    const report = await withDatabase(
      config,
      launch,
      (sql) =>
        collectGarbage(sql, objects, config.retention, {
          dryRun: options.dryRun,
          orphans: !options.rowsOnly,
          embedded: config.database.url === null,
        }),
      // It may read whole tables, and nobody waits for it.
      { statementTimeoutMs: 0 },
    );
    if (options.json) printJson(report);
    else show(report, config.retention);
    return EXIT.ok;
  } finally {
    await objects.close();
  }
}

function show(report: GcReport, policy: Config["retention"]): void {
  const did = report.dry_run ? "would be deleted" : "deleted";
  const line = (what: string, days: number | null, variable: string, text: string): void =>
    print(
      `${what.padEnd(18)}${days === null ? `kept for ever (${variable})` : `${text} ${did} (older than ${days} days)`}`,
    );
  line("jobs", policy.jobsDays, "RETENTION_JOBS_DAYS", `${count(report.jobs)} with ${count(report.items)} items`);
  line(
    "replaced versions",
    policy.versionsDays ?? policy.purgedDays,
    "RETENTION_VERSIONS_DAYS",
    `${count(report.versions)} (${size(report.version_bytes)})`,
  );
  line("purged sources", policy.purgedDays, "RETENTION_PURGED_DAYS", count(report.sources));
  const { orphans } = report;
  if (!orphans) return;
  line("orphaned objects", policy.orphansDays, "", `${count(orphans.objects)} (${size(orphans.bytes)})`);
  if (orphans.young > 0) print(`${"".padEnd(18)}${count(orphans.young)} more are too new to judge`);
  if (orphans.foreign > 0) print(`${"".padEnd(18)}${count(orphans.foreign)} are not of this installation and stay`);
}
