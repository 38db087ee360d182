/** Whether the database answers at all, for readiness. */
import type { Sql } from "postgres";
import { withTimeout } from "./deadline.ts";

/** Throws TransientError `database.timeout` after `ms`, or what the driver throws. */
export async function pingDatabase(sql: Sql, ms: number): Promise<void> {
  await withTimeout(sql`SELECT 1`, ms, "readiness check");
}
