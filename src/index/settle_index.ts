/** What the index wants after many documents have come in: words merged, tables known to the planner. */
import type { Sql } from "postgres";
import { ensurePlannerStatistics } from "./planner_statistics.ts";

/**
 * Merges the words that wait in the full-text index's pending list, which every search would read through, and analyses
 * tables that have changed much: autovacuum would do both, later, and the embedded database has none.
 */
export async function settleIndex(sql: Sql): Promise<void> {
  await Promise.all([sql`SELECT merge_pending_words()`, ensurePlannerStatistics(sql)]);
}
