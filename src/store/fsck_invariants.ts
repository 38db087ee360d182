/**
 * What must be true of every database, once: a name, a sentence, the query that finds what breaks it, and a repair where
 * one is safe. Each query is one statement, so that it sees one moment and may run beside working processes. A repair
 * counts again what rows say, gives back what nobody holds, rebuilds what derives from other rows, or has the next sync
 * write a source anew; it never touches a version, an object or what a person decided.
 */
import type { Sql } from "postgres";
import { QUEUE_INVARIANTS } from "./fsck_queue.ts";
import { SERVER_INVARIANTS } from "./fsck_server.ts";
import { SOURCE_INVARIANTS } from "./fsck_sources.ts";

export interface Repair {
  /** What it does, and why that cannot do harm; shown to the operator. */
  because: string;
  run(sql: Sql, limits: RepairLimits): Promise<unknown>;
}

export interface RepairLimits {
  /** ITEM_ATTEMPTS_MAX. */
  attemptsMax: number;
}

export interface Invariant {
  name: string;
  /** What holds when it is not broken. */
  sentence: string;
  /** A SELECT without parameters whose column `id` (text) names each thing that breaks it. */
  broken: string;
  repair?: Repair;
  /** What a person can do where nothing can be repaired. */
  help?: string;
}

export const INVARIANTS: readonly Invariant[] = [...QUEUE_INVARIANTS, ...SOURCE_INVARIANTS, ...SERVER_INVARIANTS];
