/**
 * Sorts what the database or its driver throws: what passes by itself (the server restarts, a deadlock, a timeout) is
 * transient, everything else (a constraint, a syntax error) is a defect of ours and stays as it is, with its stack.
 * SQLSTATEs: https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
import { type ErrorCode, SluiceError, TransientError } from "../errors.ts";

/** By whole SQLSTATE, or by its class (the first two characters). */
const SQLSTATES: Record<string, ErrorCode> = {
  "08": "database.unavailable", // connection exceptions
  "28": "database.refused", // authentication
  "3D000": "database.refused", // no such database
  "53": "database.unavailable", // out of disk, memory, connections
  "57P01": "database.unavailable", // admin shutdown
  "57P02": "database.unavailable", // crash shutdown
  "57P03": "database.unavailable", // starting up
  "57P05": "database.unavailable", // idle session timeout
  "58030": "database.unavailable", // I/O error
  "25006": "database.unavailable", // read only: a standby after a failover
  "25P03": "database.timeout", // idle in transaction timeout
  "57014": "database.timeout", // statement timeout, cancelled
  "40001": "database.conflict", // serialization failure
  "40P01": "database.conflict", // deadlock
  "40003": "database.unavailable", // completion unknown
  "55P03": "database.conflict", // lock not available, lock_timeout
};

/** Codes of the driver and of the operating system. */
const CONNECTION_CODES = new Set([
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ERR_SOCKET_CLOSED",
  "FailedToOpenSocket",
]);

function transientCode(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (typeof code !== "string") return undefined;
  if (CONNECTION_CODES.has(code)) return "database.unavailable";
  // A Unix socket that is not there (any more).
  if (code === "ENOENT" && syscall === "connect") return "database.unavailable";
  if (error.name !== "PostgresError") return undefined;
  // A migration has changed what a prepared statement returns; it has been forgotten, the next one is made anew.
  if (code === "0A000" && (error as { routine?: unknown }).routine === "RevalidateCachedQuery")
    return "database.conflict";
  return SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)];
}

/**
 * The error to throw on: a TransientError `database.*` for what passes, else the error itself.
 * @param what the work that failed, for the message: "swap in"
 */
export function toSluiceError(error: unknown, what: string): Error {
  if (error instanceof SluiceError) return error;
  const code = transientCode(error);
  if (code) {
    const { message, code: sqlstate } = error as Error & { code: string };
    return new TransientError(code, `${what}: ${message}`, { sqlstate }, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}
