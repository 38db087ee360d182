/**
 * Log lines on stderr (stdout belongs to a command's result): for a person where stderr is a terminal, JSON everywhere
 * else. Child loggers carry job, item and correlation ids. Document text and secrets are never logged; the redaction
 * list is a second line of defence.
 */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { styleText } from "node:util";
import pino from "pino";

export type Log = pino.Logger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

const STDERR = 2;

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
    isatty(STDERR)
      ? { write: (line: string) => void writeSync(STDERR, readable(line)) }
      : pino.destination({ fd: STDERR, sync: true }),
  );
}

const COLOURS = { trace: "gray", debug: "gray", info: "green", warn: "yellow", error: "red", fatal: "red" } as const;

/** One JSON line as a person reads it: time of day, level, message, then what else it says; a stack below. */
export function readable(line: string): string {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const colour = COLOURS[level as keyof typeof COLOURS] ?? "white";
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  const { message, stack } = (err ?? {}) as { message?: string; stack?: string };
  const head = [
    styleText("dim", new Date(String(time)).toTimeString().slice(0, 8)),
    styleText(colour, String(level).padEnd(5)),
    String(msg ?? message ?? ""),
    styleText("dim", fields.join(" ")),
  ];
  return `${head.join(" ").trimEnd()}\n${err ? `${styleText("dim", stack ?? message ?? JSON.stringify(err))}\n` : ""}`;
}

const quoted = (text: string): string => (/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text));
