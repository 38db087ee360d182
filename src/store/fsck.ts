/**
 * Checks every invariant of a database and its objects and, when asked to, repairs what can be repaired safely and looks
 * again. May run beside working processes; it locks nothing while it looks.
 */
import type { Sql } from "postgres";
import { PermanentError } from "../errors.ts";
import { INVARIANTS, type Invariant, type RepairLimits } from "./fsck_invariants.ts";
import { checkObjects } from "./fsck_objects.ts";
import type { ObjectStore } from "./objects.ts";

/** Ids that are named for each broken invariant. */
export const EXAMPLES_MAX = 5;

/** One invariant, as it was found. */
export interface Finding {
  name: string;
  sentence: string;
  /** How many things break it (still, after a repair). */
  broken: number;
  /** The first few of them. */
  examples: string[];
  /** How many broke it before it was repaired; absent when nothing was repaired. */
  repaired?: number;
  /** What a repair would do and why it is safe; null where none is. */
  repair: string | null;
  help?: string;
  /** How many things were looked at, where that is not all rows. */
  checked?: number;
}

export interface FsckOptions extends RepairLimits {
  repair: boolean;
  /** Objects are only looked for, not read. */
  fast: boolean;
}

/** @throws PermanentError `schema.not_owner` if row-level security would hide rows from this login: it would find nothing wrong */
export async function assertSeesAll(sql: Sql): Promise<void> {
  const [row] = await sql<{ bound: boolean }[]>`SELECT row_security_active('ingest_jobs') AS bound`;
  if (row?.bound) throw new PermanentError("schema.not_owner", "this login does not see the rows of all tenants");
}

/** Findings as they come, one for each invariant, in the order of the list. */
export async function* fsck(sql: Sql, objects: ObjectStore, options: FsckOptions): AsyncGenerator<Finding> {
  for (const invariant of INVARIANTS) yield await checkRows(sql, invariant, options);
  yield* checkObjects(sql, objects, options);
}

async function checkRows(sql: Sql, invariant: Invariant, options: FsckOptions): Promise<Finding> {
  const { name, sentence, repair, help } = invariant;
  const base = { name, sentence, repair: repair?.because ?? null, ...(help ? { help } : {}) };
  const before = await count(sql, invariant.broken);
  if (before.broken === 0 || !options.repair || !repair) return { ...base, ...before };
  await repair.run(sql, options);
  const after = await count(sql, invariant.broken);
  return { ...base, ...after, repaired: before.broken - after.broken };
}

async function count(sql: Sql, broken: string): Promise<{ broken: number; examples: string[] }> {
  const rows = await sql.unsafe<{ id: string; broken: number }[]>(
    `SELECT id, count(*) OVER ()::float8 AS broken FROM (${broken}) AS found LIMIT ${EXAMPLES_MAX}`,
  );
  return { broken: rows[0]?.broken ?? 0, examples: rows.map((row) => row.id) };
}
