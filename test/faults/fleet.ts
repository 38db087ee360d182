/** Runs several processes of the binary on one database, notices when one ends, and starts it again. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./report.ts";

const START_MS = 45_000;
/** Beyond SHUTDOWN_SECONDS: what a process may take to end after it was asked to. */
const STOP_MS = 20_000;

interface LogLine {
  level: string;
  msg?: string;
  url?: string;
  start_ms?: number;
  code?: string;
  err_message?: string;
  err?: { message?: string; stack?: string };
}

export type Ending = { code: number | null; signal: NodeJS.Signals | null };

/** One process of `sluice serve`. */
export class Member {
  url: string | null = null;
  readonly exited: Promise<Ending>;
  /** Log lines that say that something is wrong with us, not with the world. */
  readonly defects: string[] = [];
  /** Warnings and worse, by message; to understand a failure. */
  readonly warnings = new Map<string, number>();
  asked = false;
  /** Worker threads that its watchdog has replaced. */
  replaced = 0;
  private readonly child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  private readonly serving = Promise.withResolvers<void>();

  constructor(command: string[], cwd: string, env: Record<string, string>) {
    this.child = Bun.spawn(command, { cwd, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const log = this.readLog();
    this.exited = this.child.exited.then(async () => {
      await log;
      this.url = null;
      this.serving.resolve();
      return { code: this.child.exitCode, signal: this.child.signalCode as NodeJS.Signals | null };
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Whether it serves; false when it ended before. */
  async ready(): Promise<boolean> {
    await Promise.race([this.serving.promise, Bun.sleep(START_MS)]);
    return this.url !== null;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Asks it to end; how it ended, or null when it had to be killed. */
  async stop(): Promise<Ending | null> {
    this.asked = true;
    this.child.kill("SIGTERM");
    const ending = await Promise.race([this.exited, Bun.sleep(STOP_MS).then(() => null)]);
    if (ending === null) this.kill();
    return ending;
  }

  private async readLog(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of this.child.stderr) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.read(line);
    }
  }

  private read(line: string): void {
    if (!line.startsWith("{")) {
      if (line.trim() !== "") this.defects.push(line);
      return;
    }
    const entry = JSON.parse(line) as LogLine;
    if (entry.level !== "info") {
      const text = [entry.level, entry.msg, entry.code, (entry.err_message ?? entry.err?.message)?.slice(0, 200)].join(
        " ",
      );
      this.warnings.set(text, (this.warnings.get(text) ?? 0) + 1);
    }
    if (entry.start_ms !== undefined) {
      this.url = entry.url ?? "";
      this.serving.resolve();
    }
    if (entry.msg?.includes("worker thread died")) this.replaced++;
    if (entry.msg?.includes("defect")) this.defects.push(`${entry.msg}: ${entry.err?.stack ?? line}`);
  }
}

export interface FleetOptions {
  binary: string;
  folder: string;
  env: Record<string, string>;
  report: Report;
}

export class Fleet {
  readonly members = new Map<number, Member>();
  private readonly all: Member[] = [];
  readonly failures: string[] = [];
  private stopping = false;
  private readonly watches: Promise<void>[] = [];
  private readonly started = new Set<number>();

  constructor(private readonly options: FleetOptions) {}

  /** Starts a process in a slot; it has a DATA_DIR of its own. */
  launch(slot: number, env: Record<string, string> = {}, args: string[] = []): Member {
    const { binary, folder, report } = this.options;
    const cwd = join(folder, `process-${slot}`);
    mkdirSync(cwd, { recursive: true });
    if (this.started.has(slot)) report.restart("processes");
    this.started.add(slot);
    const member = new Member([binary, "serve", ...args], cwd, { PORT: "0", ...this.options.env, ...env });
    this.members.set(slot, member);
    this.all.push(member);
    void member.exited.then((ending) => this.note(slot, member, ending));
    return member;
  }

  /**
   * Keeps a slot alive until the fleet stops: `next` gives the environment of each start, null to leave it down; `born` has
   * the member from its start on, before it is ready, and is waited for before the next one starts.
   */
  keep(
    slot: number,
    next: () => Record<string, string> | null,
    born?: (member: Member) => Promise<void>,
  ): Promise<void> {
    const watch = (async () => {
      while (!this.stopping) {
        const env = next();
        if (env === null) return;
        const member = this.launch(slot, env);
        await born?.(member);
        await member.exited;
      }
    })();
    this.watches.push(watch);
    return watch;
  }

  /** Addresses of the processes that serve now. */
  urls(): string[] {
    return [...this.members.values()].map((member) => member.url).filter((url) => url !== null);
  }

  /** What the processes warned of, most frequent first. */
  warnings(): string[] {
    const sum = new Map<string, number>();
    for (const { warnings } of this.all) for (const [text, n] of warnings) sum.set(text, (sum.get(text) ?? 0) + n);
    return [...sum].toSorted(([, a], [, b]) => b - a).map(([text, n]) => `${n} × ${text}`);
  }

  /** Ends all processes as an operator would; a process that does not end, or not well, is a failure. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      [...this.members].map(async ([slot, member]) => {
        if (!(await member.ready())) return member.kill();
        const ending = await member.stop();
        if (ending === null) this.failures.push(`process ${slot} did not end within ${STOP_MS / 1000} s of SIGTERM`);
        else if (ending.code !== 0)
          this.failures.push(`process ${slot} ended with ${JSON.stringify(ending)} after SIGTERM`);
      }),
    );
    await Promise.all(this.watches);
  }

  private note(slot: number, member: Member, { code, signal }: Ending): void {
    for (const defect of member.defects) this.failures.push(`process ${slot} logged a defect: ${defect.slice(0, 600)}`);
    if (!member.asked && signal !== "SIGKILL")
      this.failures.push(`process ${slot} ended by itself: code ${code}, signal ${signal}`);
  }
}
