/**
 * The error taxonomy. An error states its own fate: whoever throws decides whether trying again can help, so that
 * the queue never has to guess. Codes are `stage.reason`, listed once in CODES with the HTTP status a caller sees and
 * the way out; the same code goes into logs, item rows and API answers. Anything that is not one of these classes is a
 * bug and is logged with its stack.
 */
import { CODES, type ErrorCode } from "./error_codes.ts";

export type { ErrorCode } from "./error_codes.ts";
export { CODES } from "./error_codes.ts";

/** Machine-readable particulars of an error: field names, limits, ids. Never secrets, never document text. */
export type ErrorDetails = Record<string, string | number | boolean | null | string[] | undefined>;

export abstract class SluiceError extends Error {
  /** What the queue does with an item that fails so. */
  abstract readonly fate: "permanent" | "transient" | "snooze";
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
  /** HTTP status of this code. */
  get status(): number {
    return CODES[this.code].status;
  }
}

/** The caller's fault: a bad field, a bad file, a missing right. Never retried. */
export class InputError extends SluiceError {
  readonly fate = "permanent" as const;
}

/** Trying again cannot help: the document itself is broken, encrypted, too large, of an unsupported type. */
export class PermanentError extends SluiceError {
  readonly fate = "permanent" as const;
}

/** Trying again may help: network, server faults, timeouts. Retried with backoff, an attempt is spent. */
export class TransientError extends SluiceError {
  readonly fate = "transient" as const;
}

/** The other side named a time (429, Retry-After): come back at `until`, no attempt is spent. */
export class SnoozeError extends SluiceError {
  readonly fate = "snooze" as const;
  constructor(
    code: ErrorCode,
    message: string,
    /** When to try again. */
    readonly until: Date,
    details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(code, message, details, options);
  }
}

/** An error as plain data: classes, codes and causes do not survive a Worker or process boundary. */
export interface ErrorData {
  fate: "permanent" | "transient" | "snooze" | "bug";
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
  until?: string;
  stack?: string;
}

/** Any thrown value as data; what is no SluiceError becomes a bug with its stack. */
export function errorToData(error: unknown): ErrorData {
  if (error instanceof SluiceError) {
    const data: ErrorData = { fate: error.fate, code: error.code, message: error.message, details: error.details };
    if (error instanceof SnoozeError) data.until = error.until.toISOString();
    return data;
  }
  const plain = error instanceof Error ? error : new Error(String(error));
  return {
    fate: "bug",
    code: "internal.unexpected",
    message: plain.message,
    details: {},
    ...(plain.stack ? { stack: plain.stack } : {}),
  };
}

/** The error again, of the class that its fate names (an InputError comes back as PermanentError). */
export function errorFromData(data: ErrorData): Error {
  switch (data.fate) {
    case "permanent":
      return new PermanentError(data.code, data.message, data.details);
    case "transient":
      return new TransientError(data.code, data.message, data.details);
    case "snooze":
      return new SnoozeError(data.code, data.message, new Date(data.until ?? 0), data.details);
    case "bug": {
      const error = new Error(data.message);
      if (data.stack) error.stack = data.stack;
      return error;
    }
  }
}

/** The message of anything thrown, for logs and rows. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
