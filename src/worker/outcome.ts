/** What becomes of an item whose flow threw: the error's own fate decides, never a guess. */
import { type ErrorCode, messageOf, SluiceError, SnoozeError } from "../errors.ts";
import { backoffMs } from "../queue/backoff.ts";
import type { ClaimedItem } from "../queue/claim_items.ts";
import type { Settlement } from "../queue/settle.ts";

/** Not a failure of the pipeline but a property of the source: listed with its reason, and the job can be done. */
const SKIPPED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "convert.unsupported_type",
  "convert.empty",
  "connector.gone",
  "connector.excluded",
]);
/** Whoever sent a file wants it ingested: for an upload nothing of that is normal. */
const isSkipped = (code: ErrorCode, item: ClaimedItem): boolean =>
  SKIPPED.has(code) && item.sourceType !== "FILE_UPLOAD_OBJECT";

/** A defect may be a fluke of the moment once; the second time it is in the document. */
const BUG_ATTEMPTS_MAX = 2;

/** Why an item was interrupted from outside. */
export class Interruption extends Error {
  constructor(readonly reason: "canceled" | "shutdown" | "lost") {
    super(reason);
  }
}

/** `attemptsMax` bounds transient errors; a snooze and an interruption spend no attempt. */
export function settlementOf(error: unknown, item: ClaimedItem, attemptsMax: number): Settlement {
  const claim = { itemId: item.itemId, runLease: item.runLease };
  if (error instanceof Interruption) return { ...claim, outcome: error.reason === "canceled" ? "canceled" : "release" };
  const code: ErrorCode = error instanceof SluiceError ? error.code : "internal.unexpected";
  const why = { errorCode: code, errorMessage: messageOf(error) };
  if (error instanceof SnoozeError)
    return { ...claim, ...why, outcome: "release", delayMs: Math.max(0, error.until.getTime() - Date.now()) };
  if (error instanceof SluiceError && error.fate === "permanent")
    return { ...claim, ...why, outcome: isSkipped(code, item) ? "skipped" : "failed" };
  const max = error instanceof SluiceError ? attemptsMax : Math.min(attemptsMax, BUG_ATTEMPTS_MAX);
  if (item.attempt >= max) return { ...claim, ...why, outcome: "failed" };
  return { ...claim, ...why, outcome: "retry", delayMs: backoffMs(item.attempt, Math.random()) };
}
