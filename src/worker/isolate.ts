/**
 * Keeps one conversion child alive per worker thread and everything it could do within bounds: a deadline per document,
 * a cap on resident memory, a fresh process after a crash and after many documents. A document that breaks a bound fails
 * with a code of its own; the next one finds a child that knows nothing of it.
 */
import { setPriority } from "node:os";
import { type ConvertedDocument, type ConvertRequest, convertDocument, recognise } from "../convert/convert.ts";
import { FORMATS } from "../convert/converted.ts";
import { errorFromData, PermanentError, TransientError } from "../errors.ts";
import { meter } from "../metrics_meter.ts";
import type { AnswerHeader, RequestHeader } from "./convert_child.ts";
import { type Frame, frameHead, readFrames } from "./frames.ts";
import { residentBytes } from "./resident.ts";
import { untilAborted } from "./until_aborted.ts";

export interface ConvertChildOptions {
  /** Command line that runs `runConvertChild`. */
  command: string[];
  /** Longest time for one document. */
  deadlineMs?: number;
  /** Largest resident memory of the child. */
  memoryMaxBytes?: number;
  /** A child that has done so many documents is replaced, since parsers leak. */
  documentsMax?: number;
  /** A child without work for so long is ended; the next document starts another one. */
  idleMs?: number;
}

const WATCH_MS = 50;
const START_MS = 30_000;
const STDERR_MAX = 4096;
const LAST_BREATH_MS = 2000;
/** Nice value: parsing must not slow down the service that waits for it. */
const NICE = 10;

/** Converts in a child process, one document at a time, in the order of the calls. */
export class ConvertChild {
  private readonly options: Required<ConvertChildOptions>;
  private child: Child | null = null;
  private tail: Promise<unknown> = Promise.resolve();
  private idle: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(options: ConvertChildOptions) {
    this.options = { deadlineMs: 60_000, memoryMaxBytes: 1 << 30, documentsMax: 500, idleMs: 60_000, ...options };
  }

  /**
   * Converts one document. Throws what the converter throws, PermanentError `convert.deadline`, `convert.memory` or
   * `convert.crashed` when the child had to be ended, and the reason of the signal when that fired.
   */
  convert(request: ConvertRequest, signal?: AbortSignal): Promise<ConvertedDocument> {
    const turn = this.tail.then(() => this.convertNow(request, signal));
    this.tail = turn.catch(() => {});
    return signal ? untilAborted(turn, signal) : turn;
  }

  /** Ends the child; a conversion under way fails as transient. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.idle) clearTimeout(this.idle);
    await this.child?.end("close");
    this.child = null;
  }

  /** Process id of the running child, if any. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  private async convertNow(request: ConvertRequest, signal?: AbortSignal): Promise<ConvertedDocument> {
    signal?.throwIfAborted();
    if (this.idle) clearTimeout(this.idle);
    try {
      return await this.attempt(request, signal);
    } catch (error) {
      // Whatever earlier documents left in the child may be to blame; a fresh one decides.
      if (!(error instanceof ChildDied) || error.fresh)
        throw error instanceof ChildDied ? error.toPermanent(request.name) : error;
    }
    return await this.attempt(request, signal).catch((error: unknown) => {
      throw error instanceof ChildDied ? error.toPermanent(request.name) : error;
    });
  }

  private async attempt(request: ConvertRequest, signal?: AbortSignal): Promise<ConvertedDocument> {
    if (this.closed) throw new TransientError("convert.interrupted", "the conversion child was closed");
    if (!this.child?.alive) this.child = new Child(this.options);
    const child = this.child;
    const abort = () => void child.end("abort");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await child.convert(request);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.retireOrRest(child);
    }
  }

  private retireOrRest(child: Child): void {
    const tired =
      child.served >= this.options.documentsMax || (child.alive && child.resident > this.options.memoryMaxBytes * 0.4);
    if (tired) void child.end("retire");
    if (tired || !child.alive) this.child = null;
    else {
      this.idle = setTimeout(() => {
        if (this.child === child) this.child = null;
        void child.end("retire");
      }, this.options.idleMs);
      this.idle.unref();
    }
  }
}

/** What is larger would keep the thread, and all that it works on, waiting for seconds. */
const INLINE_BYTES_MAX = 1024 * 1024;

/** Sniffs the document and converts it where its format belongs, in this thread or in the child; large and `suspect` ones in the child. */
export async function convertAnywhere(
  request: ConvertRequest,
  child: ConvertChild,
  signal?: AbortSignal,
  suspect = false,
): Promise<ConvertedDocument> {
  const { format, warnings } = recognise(request);
  const converted =
    suspect || FORMATS[format].isolated || request.bytes.length > INLINE_BYTES_MAX
      ? await child.convert({ ...request, format }, signal)
      : await convertDocument({ ...request, format });
  converted.warnings.unshift(...warnings);
  return converted;
}

type EndReason = "deadline" | "memory" | "abort" | "close" | "retire";

/** The child ended without an answer. */
class ChildDied extends Error {
  constructor(
    readonly code: "convert.crashed" | "convert.memory",
    /** It was this child's first document. */
    readonly fresh: boolean,
    readonly details: Record<string, string>,
  ) {
    super(code);
  }

  toPermanent(name: string): PermanentError {
    const what = this.code === "convert.memory" ? "ran out of memory" : "crashed";
    return new PermanentError(this.code, `the parser ${what} on ${name}`, this.details);
  }
}

/** One child process. */
class Child {
  alive = true;
  served = 0;
  private readonly process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  private readonly frames: AsyncGenerator<Frame>;
  private stderr = "";
  private ended: EndReason | null = null;
  private ready = false;
  /** Something else than frames came out of it. */
  private garbled = false;

  constructor(private readonly options: Required<ConvertChildOptions>) {
    try {
      this.process = Bun.spawn(options.command, {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
        // No secrets for a process that reads hostile bytes, and none of BUN_BE_BUN or BUN_OPTIONS, which would change what the binary does.
        env: { LANG: "C.UTF-8" },
      });
    } catch (error) {
      throw new TransientError(
        "convert.interrupted",
        "the conversion child could not be started",
        {},
        { cause: error },
      );
    }
    meter.count("sluice_convert_children_started_total", 1);
    void this.process.exited.then(() => {
      this.alive = false;
      meter.count("sluice_convert_children_ended_total", 1, this.ended ?? "crash");
    });
    try {
      setPriority(this.process.pid, NICE);
    } catch {
      // It may have ended already.
    }
    this.frames = readFrames(this.process.stdout);
    void this.collectStderr();
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Bytes of resident memory, 0 if unknown. */
  get resident(): number {
    return residentBytes(this.pid);
  }

  async convert(request: ConvertRequest): Promise<ConvertedDocument> {
    if (!this.ready) await this.start();
    const deadline = setTimeout(() => void this.end("deadline"), this.options.deadlineMs);
    const watch = setInterval(() => {
      if (this.resident > this.options.memoryMaxBytes) void this.end("memory");
    }, WATCH_MS);
    try {
      this.send(request);
      const frame = await this.next();
      if (!frame) throw await this.explain(request.name);
      this.served++;
      const answer = frame.header as AnswerHeader;
      if (answer.kind === "failed") throw errorFromData(answer.error);
      if (answer.kind !== "done") throw new Error(`the conversion child answered ${answer.kind}`);
      const { kind: _, ...rest } = answer;
      return { ...rest, markdown: new TextDecoder("utf-8", { ignoreBOM: true }).decode(frame.body) };
    } finally {
      clearTimeout(deadline);
      clearInterval(watch);
    }
  }

  /** Ends the process at once and waits until it is gone. */
  async end(reason: EndReason): Promise<void> {
    this.ended ??= reason;
    this.alive = false;
    this.process.kill("SIGKILL");
    await this.process.exited;
  }

  private async start(): Promise<void> {
    const timer = setTimeout(() => void this.end("retire"), START_MS);
    const frame = await this.next();
    clearTimeout(timer);
    if (!frame) {
      await this.process.exited;
      throw new TransientError("convert.interrupted", "the conversion child did not start", {
        stderr: this.stderr.trim().slice(-500),
      });
    }
    this.ready = true;
  }

  /** The next frame; null when the pipe ends or holds something else. */
  private async next(): Promise<Frame | null> {
    try {
      const { value, done } = await this.frames.next();
      return done ? null : value;
    } catch {
      this.garbled = true;
      return null;
    }
  }

  private send({ bytes, ...header }: ConvertRequest): void {
    const sink = this.process.stdin;
    sink.write(frameHead(header satisfies RequestHeader, bytes.length));
    sink.write(bytes);
    // A child that dies before it has read everything shows in the answer that never comes.
    void Promise.resolve(sink.flush()).catch(() => {});
  }

  private async explain(name: string): Promise<Error> {
    // Its output ended, so it is ending too; the reason is to be its own.
    const last = setTimeout(() => this.process.kill("SIGKILL"), this.garbled ? 0 : LAST_BREATH_MS);
    await this.process.exited;
    clearTimeout(last);
    this.alive = false;
    const { deadlineMs, memoryMaxBytes } = this.options;
    switch (this.ended) {
      case "deadline":
        return new PermanentError("convert.deadline", `${name} was not converted within ${deadlineMs / 1000} s`, {
          limit: "deadlineMs",
          max: deadlineMs,
        });
      case "memory":
        return new PermanentError(
          "convert.memory",
          `${name} needs more than ${Math.round(memoryMaxBytes / 2 ** 20)} MiB to convert`,
          {
            limit: "memoryMaxBytes",
            max: memoryMaxBytes,
          },
        );
      case null: {
        // Killed, but not from here: that was the kernel, short of memory.
        const starved = (this.process.signalCode === "SIGKILL" && !this.garbled) || /out of memory/i.test(this.stderr);
        const how = this.garbled
          ? "unreadable answer"
          : String(this.process.signalCode ?? `exit ${this.process.exitCode}`);
        return new ChildDied(starved ? "convert.memory" : "convert.crashed", this.served === 0, {
          ended: how,
          stderr: this.stderr.trim().slice(0, 500),
        });
      }
      default:
        return new TransientError("convert.interrupted", `the conversion of ${name} was interrupted`);
    }
  }

  private async collectStderr(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.process.stderr)
      this.stderr = (this.stderr + decoder.decode(chunk)).slice(-STDERR_MAX);
  }
}
