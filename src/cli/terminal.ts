/** What a person at a terminal sees: results on stdout, progress and messages on stderr, never mixed. */
import { toSluiceError } from "../db/sqlstate.ts";
import { CODES, messageOf, SluiceError } from "../errors.ts";

export const say = (text: string): void => void process.stderr.write(`${text}\n`);
export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value));

/** Exit codes: 0 all well, 1 something failed, 2 wrong usage, 78 wrong configuration (EX_CONFIG of sysexits.h). */
export const EXIT = { ok: 0, failed: 1, usage: 2, config: 78 } as const;

/** Says what went wrong and what to do about it; returns the exit code. */
export function reportError(thrown: unknown): number {
  const error = toSluiceError(thrown, "the database does not answer");
  if (!(error instanceof SluiceError)) {
    say(`sluice: ${isSystemError(error) ? error.message : (error.stack ?? error.message)}`);
    return EXIT.failed;
  }
  if (error.code === "config.invalid") {
    say(messageOf(error));
    return EXIT.config;
  }
  say(`sluice: ${error.message} (${error.code})`);
  say(`        ${CODES[error.code].help}`);
  return EXIT.failed;
}

/** A folder that cannot be written, a full disk, a port in use: the message says it, and a stack would only hide it. */
const isSystemError = (error: Error): boolean => "syscall" in error;

/** Thousands separated, as people read numbers. */
export const count = (n: number): string => n.toLocaleString("en-US");

/** A duration as people read it: `340 ms`, `1.9 s`. */
export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Bytes as people read them: `812 B`, `3.4 MiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** Columns padded to their widest cell. */
export function table(rows: string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? "")))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell))))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
