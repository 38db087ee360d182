/**
 * The child process that parses hostile documents: reads a request from stdin, answers on stdout, ends when stdin ends.
 * It holds no secrets, has no environment and opens nothing; whatever a document makes it do ends with `kill -9`, and
 * the parent (`isolate.ts`) starts another one.
 */
import { writeFileSync, writeSync } from "node:fs";
import { type ConvertedDocument, type ConvertRequest, convertDocument } from "../convert/convert.ts";
import { type ErrorData, errorToData } from "../errors.ts";
import { frameHead, readFrames } from "./frames.ts";

/** A request without its bytes, which are the body of the frame. */
export type RequestHeader = Omit<ConvertRequest, "bytes">;

/** `done` carries the Markdown as the body of its frame. */
export type AnswerHeader =
  | { kind: "ready" }
  | ({ kind: "done" } & Omit<ConvertedDocument, "markdown">)
  | { kind: "failed"; error: ErrorData };

/** The parent ends an idle child long before; one that nobody ends has lost the thread that owned it. */
const ABANDONED_MS = 10 * 60_000;

/** Serves conversions until the parent closes the pipe, dies, or seems to have forgotten this process. */
export async function runConvertChild(): Promise<void> {
  // Parsers print their complaints; on stdout they would break the frames.
  console.log = console.info = console.debug = console.warn = console.error;
  becomeFirstVictim();
  await dieWithParent();
  answer({ kind: "ready" });
  const frames = readFrames(Bun.stdin.stream());
  for (;;) {
    const abandoned = Promise.withResolvers<null>();
    const timer = setTimeout(() => abandoned.resolve(null), ABANDONED_MS);
    const next = await Promise.race([frames.next(), abandoned.promise]);
    clearTimeout(timer);
    if (next === null || next.done) return;
    const { header, body } = next.value;
    try {
      const { markdown, ...rest } = await convertDocument({ ...(header as RequestHeader), bytes: body });
      answer({ kind: "done", ...rest }, new TextEncoder().encode(markdown));
    } catch (error) {
      answer({ kind: "failed", error: errorToData(error) });
    }
  }
}

function answer(header: AnswerHeader, body: Uint8Array = new Uint8Array(0)): void {
  writeAll(frameHead(header, body.length));
  writeAll(body);
}

function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}

/** If the machine runs out of memory, the kernel shall take this process and not the service or its database. */
function becomeFirstVictim(): void {
  if (process.platform !== "linux") return;
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // A container may forbid it; the parent's own cap still holds.
  }
}

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * A parser in an endless loop never sees that stdin has ended, so the kernel is asked to end this process together with
 * the thread that started it. Where that is not to be had, the end of stdin has to do.
 */
async function dieWithParent(): Promise<void> {
  if (process.platform !== "linux") return;
  try {
    const { dlopen } = await import("bun:ffi");
    const libc = dlopen("libc.so.6", { prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" } });
    libc.symbols.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  } catch {
    // No glibc.
  }
}
