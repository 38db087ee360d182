/** Invariants of the database itself: what keeps the others true is in force, and nobody holds a transaction open. */
import type { Invariant } from "./fsck_invariants.ts";

export const SERVER_INVARIANTS: readonly Invariant[] = [
  {
    name: "schema_is_in_force",
    sentence: "every constraint is validated, every trigger enabled, every index valid",
    broken: `
      SELECT 'constraint ' || conname AS id FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
      UNION ALL
      SELECT 'trigger ' || tgname || ' of ' || relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled <> 'O'
      UNION ALL
      SELECT 'index ' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE c.relnamespace = current_schema()::regnamespace AND NOT (indisvalid AND indisready)
        AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index)`,
    help: "Validate the constraint, enable the trigger or REINDEX; an invalid index over vectors is built anew by itself.",
  },
  {
    name: "no_transaction_idles",
    sentence: "no transaction of this database has been idle for 30 seconds",
    broken: `
      SELECT 'process ' || pid || ' ' || application_name AS id FROM pg_stat_activity
      WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '30 seconds'`,
    help: "The server ends those of Sluice after a minute; look who the others are with pg_stat_activity.",
  },
];
