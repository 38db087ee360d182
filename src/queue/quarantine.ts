/**
 * Which failures are the document's own and therefore remembered: a source that failed so is listed as failed again by
 * the next syncs, with its code, but costs no fetch and no conversion. Faults of the surroundings (source, database,
 * objects, embeddings, a worker that died) say nothing of the bytes and are tried anew each time.
 */
import { CONVERTER_VERSION } from "../convert/convert.ts";
import type { ErrorCode } from "../error_codes.ts";

/** These may come from a machine that was too busy at the moment, so one such failure proves nothing. */
export const DOUBTFUL: readonly ErrorCode[] = ["convert.deadline", "convert.memory", "convert.crashed"];

/** A doubtful failure is the document's own when so many jobs in a row met it. */
export const DOUBTFUL_TIMES = 3;

/**
 * Whether the document itself is to blame. `inConversion`: a defect (`internal.unexpected`) that the converter met is
 * the document's too, for it will meet it again.
 */
export function isVerdict(code: string | undefined, inConversion: boolean): boolean {
  if (code === undefined) return false;
  if (code === "internal.unexpected") return inConversion;
  return code.startsWith("convert.") && code !== "convert.interrupted";
}

/** What the verdict depends on beside the bytes: a newer converter or other limits may come to another one. */
export const verdictKey = (limits: { deadlineMs: number; memoryMaxBytes: number }): string =>
  `${CONVERTER_VERSION} ${limits.deadlineMs} ${limits.memoryMaxBytes}`;
