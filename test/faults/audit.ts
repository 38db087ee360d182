/**
 * A second account of all claims, kept by a trigger in the scenario's database: who held which item from when to when,
 * independent of what the queue says of itself.
 */
import type { Sql } from "postgres";

export async function startAudit(sql: Sql): Promise<void> {
  await sql.unsafe(`
    CREATE TABLE fault_audit (
      entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
      item_id bigint NOT NULL, run_lease bigint, event text NOT NULL, item_status text NOT NULL, error_code text, leased_until timestamptz
    );
    CREATE FUNCTION fault_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
      IF OLD.item_status = 'running' AND (NEW.item_status <> 'running' OR NEW.run_lease <> OLD.run_lease) THEN
        INSERT INTO fault_audit (item_id, run_lease, event, item_status, error_code, leased_until)
        VALUES (OLD.item_id, OLD.run_lease, 'end', NEW.item_status, NEW.error_code, OLD.leased_until);
      END IF;
      IF NEW.item_status = 'running' AND (OLD.item_status <> 'running' OR NEW.run_lease <> OLD.run_lease) THEN
        INSERT INTO fault_audit (item_id, run_lease, event, item_status) VALUES (NEW.item_id, NEW.run_lease, 'claim', OLD.item_status);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER fault_audit AFTER UPDATE ON ingest_items FOR EACH ROW EXECUTE FUNCTION fault_audit()`);
}

export interface AuditResult {
  failures: string[];
  /** Items that came to an end. */
  items: number;
  /** Claims of items that had been claimed before. */
  repeatedClaims: number;
}

/** Sentence and query of what must never be in the account. */
const NEVER: readonly [string, string][] = [
  [
    "an item was claimed while somebody held it",
    `SELECT item_id FROM (SELECT item_id, event, lag(event) OVER (PARTITION BY item_id ORDER BY entry) AS before FROM fault_audit) e
     WHERE event = 'claim' AND before = 'claim' OR event = 'end' AND before IS DISTINCT FROM 'claim'`,
  ],
  [
    "an item was claimed that was not waiting",
    "SELECT item_id FROM fault_audit WHERE event = 'claim' AND item_status <> 'queued'",
  ],
  [
    "an item was settled under another claim than the last one",
    `SELECT item_id FROM (SELECT item_id, event, run_lease, lag(run_lease) OVER (PARTITION BY item_id ORDER BY entry) AS before FROM fault_audit) e
     WHERE event = 'end' AND run_lease IS DISTINCT FROM before`,
  ],
  [
    "a token was given twice, or an older one after a newer one",
    `SELECT item_id FROM (SELECT item_id, run_lease, max(run_lease) OVER (PARTITION BY item_id ORDER BY entry ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
       FROM fault_audit WHERE event = 'claim') e WHERE run_lease <= before`,
  ],
  [
    "a lease was taken from its holder before it had ended",
    "SELECT item_id FROM fault_audit WHERE event = 'end' AND error_code = 'queue.lease_expired' AND leased_until > at",
  ],
  [
    "an item ended twice",
    `SELECT item_id FROM fault_audit WHERE event = 'end' AND item_status NOT IN ('queued', 'running') GROUP BY item_id HAVING count(*) > 1`,
  ],
];

export async function judgeAudit(sql: Sql): Promise<AuditResult> {
  const failures: string[] = [];
  for (const [sentence, query] of NEVER) {
    const rows = await sql.unsafe<{ item_id: string }[]>(query);
    if (rows.length > 0) failures.push(`${sentence}: ${rows.length} times, e.g. item ${rows[0]!.item_id}`);
  }
  const [counts] = await sql<{ items: number; claims: number; claimed: number }[]>`
    SELECT count(*) FILTER (WHERE event = 'end' AND item_status NOT IN ('queued', 'running'))::integer AS items,
      count(*) FILTER (WHERE event = 'claim')::integer AS claims,
      count(DISTINCT item_id) FILTER (WHERE event = 'claim')::integer AS claimed
    FROM fault_audit`;
  return { failures, items: counts!.items, repeatedClaims: counts!.claims - counts!.claimed };
}
