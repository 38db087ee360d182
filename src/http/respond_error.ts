/**
 * Errors as callers see them: one envelope, the code's status, and nothing of the inside. What is no SluiceError is a
 * defect: it is logged with its stack and answered without any of it.
 */
import { toSluiceError } from "../db/sqlstate.ts";
import { CODES, errorToData, InputError, SluiceError, SnoozeError, TransientError } from "../errors.ts";
import type { Log } from "../log.ts";

/** What a caller waits before trying a passing fault again. */
const RETRY_AFTER_SECONDS = 5;

/** Any thrown value → answer. Logs server-side faults through the request's logger. */
export function respondError(thrown: unknown, correlationId: string, log: Log): Response {
  const error = toSluiceError(thrown, "request");
  const status = statusOf(error);
  if (!(error instanceof SluiceError)) log.error({ err: error }, "unexpected error in a request");
  else if (status >= 500)
    log.warn({ code: error.code, err_message: error.message, err_cause: causeOf(error) }, "request failed");
  return Response.json(envelope(error, correlationId), { status, headers: headersOf(error, status) });
}

function envelope(error: unknown, correlationId: string) {
  const known = error instanceof SluiceError ? errorToData(error) : null;
  const code = known?.code ?? "internal.unexpected";
  return {
    error: {
      code,
      message: known?.message ?? "An unexpected error occurred",
      details: { ...known?.details, help: CODES[code].help },
      correlation_id: correlationId,
      retryable: known?.fate === "transient" || known?.fate === "snooze",
      timestamp: new Date().toISOString(),
    },
  };
}

/** A passing fault is never the caller's: it is 503 unless its code names another server-side status. */
function statusOf(error: unknown): number {
  if (!(error instanceof SluiceError)) return 500;
  if (error instanceof TransientError) return error.status >= 500 ? error.status : 503;
  if (error instanceof SnoozeError) return error.status === 429 ? 429 : 503;
  return error.status;
}

function headersOf(error: unknown, status: number): Record<string, string> {
  if (error instanceof SnoozeError)
    return { "retry-after": String(Math.max(1, Math.ceil((error.until.getTime() - Date.now()) / 1000))) };
  if (error instanceof TransientError) return { "retry-after": String(RETRY_AFTER_SECONDS) };
  if (status === 401) return { "www-authenticate": 'Bearer realm="sluice"' };
  const allow = error instanceof InputError ? error.details.allow : undefined;
  return Array.isArray(allow) ? { allow: allow.join(", ") } : {};
}

const causeOf = (error: SluiceError): string | undefined =>
  error.cause instanceof Error ? error.cause.message : undefined;
