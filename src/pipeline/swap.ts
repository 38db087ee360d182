/** Swaps a batch of documents in, again when Postgres chose this transaction as the victim of a deadlock. */
import type { Sql } from "postgres";
import { toSluiceError } from "../db/sqlstate.ts";
import { SluiceError } from "../errors.ts";
import type { PreparedDocument, SwapResult } from "../store/prepared.ts";
import { swapIn } from "../store/swap_in.ts";

const TRIES = 3;

/** `documents` of one tenant; throws TransientError `database.*`, and what else `swapIn` throws. */
export async function swapBatch(sql: Sql, documents: PreparedDocument[], model: string): Promise<SwapResult[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await swapIn(sql, documents, model);
    } catch (error) {
      const fault = toSluiceError(error, "swap_in");
      if (attempt < TRIES && fault instanceof SluiceError && fault.code === "database.conflict") continue;
      throw fault;
    }
  }
}
