/**
 * JSON log lines on stderr (stdout belongs to a command's result). Child loggers carry job, item and correlation ids.
 * Document text and secrets are never logged; the redaction list is a second line of defence.
 */
import pino from "pino";

export type Log = pino.Logger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** `bindings` stand in every line. */
export function createLog(level: LogLevel, bindings: Record<string, unknown> = {}): Log {
  return pino(
    {
      level,
      base: { ...bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: ["*.authorization", "*.password", "*.apiKey", "*.secretAccessKey", "*.token", "authorization", "token"],
    },
    // Synchronous, so that the lines before a crash are not lost; no pino transport, since those need files on disk.
    pino.destination({ fd: 2, sync: true }),
  );
}
