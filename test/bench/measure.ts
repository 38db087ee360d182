/**
 * What all benchmarks share: medians of paired runs, the report as a Markdown table and JSON, the processor time and
 * memory of processes, and the facts of the machine that figures are worth nothing without.
 */
import { readdirSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import postgres from "postgres";

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface Goal {
  /** Of the median of the ratios if there are ratios, else of the median itself. */
  limit: number;
  sense: "<=" | ">=";
}

/** One thing, measured with one implementation. */
export interface Row {
  suite: string;
  what: string;
  who: string;
  unit: string;
  runs: number[];
  /** Sluice's figure divided by this one, run by run. */
  ratios?: number[];
  goal?: Goal;
  note?: string;
}

export function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor((sorted.length - 1) / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle]! + sorted[middle + 1]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** The value below which `share` of the values lie. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** `own` over `other`, run by run. */
export const ratiosOf = (own: number[], other: number[]): number[] => own.map((value, i) => value / other[i]!);

export function isMet({ goal, ratios, runs }: Row): boolean | null {
  if (!goal) return null;
  const { median } = spreadOf(ratios ?? runs);
  return goal.sense === "<=" ? median <= goal.limit : median >= goal.limit;
}

export class Report {
  readonly rows: Row[] = [];

  /** `changed` is called after each row. */
  constructor(private readonly changed: () => void = () => {}) {}

  add(row: Row): void {
    this.rows.push(row);
    this.changed();
    console.error(`  ${row.what} · ${row.who}: ${figure(spreadOf(row.runs))} ${row.unit}${goalText(row)}`);
  }

  /** Grouped by suite, a line a row. */
  markdown(): string {
    const lines: string[] = [];
    for (const [suite, rows] of Map.groupBy(this.rows, (row) => row.suite)) {
      lines.push(
        `### ${suite}`,
        "",
        "| | | median (min to max) | Sluice ÷ this | goal | |",
        "| --- | --- | ---: | ---: | ---: | --- |",
      );
      let before = "";
      for (const row of rows) {
        const ratio = row.ratios ? `${figure(spreadOf(row.ratios))}×` : "";
        const cells = [
          row.what === before ? "" : row.what,
          row.who,
          `${figure(spreadOf(row.runs))} ${row.unit}`,
          ratio,
          row.goal
            ? `${row.goal.sense === "<=" ? "≤" : "≥"} ${number(row.goal.limit)}${row.ratios ? "×" : ""} ${isMet(row) ? "met" : "**missed**"}`
            : "",
          row.note ?? "",
        ];
        before = row.what;
        lines.push(`| ${cells.join(" | ")} |`);
      }
      lines.push("");
    }
    return lines.join("\n");
  }
}

function goalText(row: Row): string {
  const ratio = row.ratios ? `, ratio ${figure(spreadOf(row.ratios))}` : "";
  const met = isMet(row);
  return met === null ? ratio : `${ratio} (goal ${row.goal!.sense} ${row.goal!.limit}: ${met ? "met" : "MISSED"})`;
}

function figure({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} (${number(min)} to ${number(max)})`;
}

/** Three significant digits, thousands separated. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** Seconds of processor time that the local Postgres server has used until now; 0 if it runs elsewhere. */
export function postgresCpuSeconds(): number {
  let ticks = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const end = stat.lastIndexOf(")");
      if (!stat.slice(0, end).includes("(postgres")) continue;
      const fields = stat.slice(end + 2).split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
      // The postmaster knows what ended backends have used.
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("-D")) ticks += Number(fields[13]) + Number(fields[14]);
    } catch {
      // Ended meanwhile.
    }
  }
  return ticks / 100;
}

/** Watches the memory of a process and its children until it is stopped; then tells the peak in MiB. */
export function watchMemory(pid: number, everyMs = 25): { now(): number; stop(): number } {
  let peak = 0;
  const look = (): number => {
    const now = memoryOf(pid);
    peak = Math.max(peak, now);
    return now;
  };
  const timer = setInterval(look, everyMs);
  return {
    now: look,
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** Resident MiB of a process and all its descendants. */
function memoryOf(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
    );
    return pages / 256 + children.reduce((sum, child) => sum + memoryOf(Number(child)), 0);
  } catch {
    return 0;
  }
}

/** What the figures were measured on. */
export async function machineFacts(server: string, binary: string): Promise<Record<string, string>> {
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  const [facts] =
    await sql`SELECT current_setting('server_version') AS version, current_setting('shared_buffers') AS buffers,
    current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector`;
  await sql.end({ timeout: 1 });
  const version = (command: string[]): string => {
    try {
      const { stdout, stderr } = Bun.spawnSync(command);
      return (stdout.toString() || stderr.toString()).split("\n")[0]!.trim();
    } catch {
      return "not there";
    }
  };
  return {
    date: new Date().toISOString().slice(0, 16),
    processor: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    sluice: version([binary, "version"]),
    bun: Bun.version,
    node: version(["node", "--version"]),
    postgres: `${facts!["version"]}, pgvector ${facts!["vector"]}, shared_buffers ${facts!["buffers"]}, fsync ${facts!["fsync"]}, synchronous_commit ${facts!["commit"]}`,
    pandoc: version(["pandoc", "--version"]),
    pdftotext: version(["pdftotext", "-v"]),
  };
}
