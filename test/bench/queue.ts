/**
 * The queue alone: items that do nothing, enqueued, claimed and settled by processes of their own; beside graphile-worker
 * (plain, and with its local queue) and pg-boss on the same Postgres. Then with a long history and a long backlog in
 * the tables, and the time from before an item is enqueued until it is settled, at half load.
 */
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { createDatabase, newTenant } from "../support/database.ts";
import { jobWithItems } from "../support/queue.ts";
import type { Bench } from "./bench.ts";
import { ratiosOf } from "./measure.ts";

const SUITE = "Queue alone";

interface Contender {
  who: string;
  script: string;
  options: Record<string, unknown>;
  /** Tables whose dead rows are counted. */
  tables: string;
  /** Puts finished items into the tables; null where they are deleted when they finish. */
  history: ((sql: Sql, options: Record<string, unknown>, rows: number) => Promise<unknown>) | null;
}

const CONTENDERS: Contender[] = [
  { who: "Sluice", script: "sluice.mjs", options: {}, tables: "ingest_%", history: finishedItems },
  { who: "graphile-worker", script: "graphile.mjs", options: {}, tables: "%jobs", history: null },
  {
    who: "graphile-worker, local queue",
    script: "graphile.mjs",
    options: { local: true },
    tables: "%jobs",
    history: null,
  },
  { who: "pg-boss", script: "pgboss.mjs", options: {}, tables: "job%", history: finishedJobs },
];

interface Measured {
  enqueuePerSecond: number;
  perSecond: number;
  deadRows: number;
}

export async function benchQueue(bench: Bench): Promise<void> {
  const items = bench.quick ? 3_000 : 10_000;
  const rounds = Math.min(bench.rounds, 3);
  let capacity = new Map<string, number>();
  for (const processes of bench.quick ? [1] : [1, 2, 4]) {
    const results = await rounded(rounds, (contender) =>
      drain(bench, contender, { waiting: items, finished: 0, processes }),
    );
    const what = `${processes} ${processes === 1 ? "process" : "processes"}, claimed and settled`;
    const median = report(bench, what, "items/s", results, (one) => one.perSecond, true);
    if (processes === 1) {
      report(bench, "enqueued, 1,000 at a time", "items/s", results, (one) => one.enqueuePerSecond, false);
      capacity = median;
    }
  }
  await latencies(bench, capacity);
}

/** With a long history and a long backlog in the tables. */
export async function benchBacklog(bench: Bench): Promise<void> {
  const [finished, waiting] = bench.quick ? [20_000, 5_000] : [1_000_000, 100_000];
  const results = await rounded(1, (contender) => drain(bench, contender, { waiting, finished, processes: 2 }));
  const size = `${finished.toLocaleString("en-US")} finished, ${waiting.toLocaleString("en-US")} waiting`;
  report(bench, `${size}, 2 processes`, "items/s", results, (one) => one.perSecond, true);
  report(bench, "dead rows after it", "rows", results, (one) => one.deadRows, false);
}

/** Each contender in turn, so that what else the machine does meets all alike. */
async function rounded<T>(rounds: number, run: (contender: Contender) => Promise<T>): Promise<Map<Contender, T[]>> {
  const results = new Map<Contender, T[]>(CONTENDERS.map((contender) => [contender, []]));
  for (let i = 0; i < rounds; i++)
    for (const contender of CONTENDERS) results.get(contender)!.push(await run(contender));
  return results;
}

/** Returns the median of each. */
function report(
  bench: Bench,
  what: string,
  unit: string,
  results: Map<Contender, Measured[]>,
  read: (measured: Measured) => number,
  isGoal: boolean,
): Map<string, number> {
  const medians = new Map<string, number>();
  const own = results.get(CONTENDERS[0]!)!.map(read);
  for (const [{ who }, measured] of results) {
    const runs = measured.map(read);
    medians.set(who, runs.toSorted((a, b) => a - b)[Math.floor(runs.length / 2)]!);
    const ratios = who === "Sluice" || runs.some((run) => run === 0) ? undefined : ratiosOf(own, runs);
    const goal = isGoal && who === "graphile-worker" ? ({ limit: 4, sense: ">=" } as const) : undefined;
    bench.report.add({ suite: SUITE, what, who, unit, runs, ...(ratios && { ratios }), ...(goal && { goal }) });
  }
  return medians;
}

interface Prepared {
  options: Record<string, unknown>;
  sql: Sql;
  close(): Promise<void>;
}

/** A database with the contender's tables and, for Sluice, a tenant and a job. */
async function prepare(bench: Bench, contender: Contender): Promise<Prepared> {
  const database = await createDatabase(bench.server);
  const sql =
    contender.script === "sluice.mjs"
      ? connectDatabase(database.target, { max: 2, applicationName: "sluice bench", statementTimeoutMs: 0 })
      : postgres(database.target.url, { max: 2, onnotice: () => {} });
  const options: Record<string, unknown> = { ...contender.options, url: database.target.url };
  if (contender.script === "sluice.mjs") {
    await migrate(sql);
    options["tenantId"] = await newTenant(sql);
    options["jobId"] = await jobWithItems(sql, String(options["tenantId"]), []);
  }
  return {
    options,
    sql,
    async close() {
      await endDatabase(sql, 1);
      await database.close();
    },
  };
}

async function drain(
  bench: Bench,
  contender: Contender,
  size: { waiting: number; finished: number; processes: number },
): Promise<Measured> {
  const { options, sql, close } = await prepare(bench, contender);
  try {
    const filler = start(contender, { ...options, role: "fill", waiting: size.waiting });
    const { ms } = await filler.line<{ ms: number }>();
    await filler.ended;
    if (size.finished > 0) await contender.history?.(sql, options, size.finished);
    await sql`VACUUM ANALYZE`;
    const workers = Array.from({ length: size.processes }, () => start(contender, { ...options, role: "drain" }));
    for (const worker of workers) await worker.line();
    const begun = performance.timeOrigin + performance.now();
    for (const worker of workers) worker.go();
    const results = await Promise.all(workers.map((worker) => worker.line<{ done: number; last: number }>()));
    await Promise.all(workers.map((worker) => worker.ended));
    const done = results.reduce((sum, result) => sum + result.done, 0);
    if (done !== size.waiting) throw new Error(`${contender.who} settled ${done} of ${size.waiting} items`);
    const last = Math.max(...results.filter((result) => result.done > 0).map((result) => result.last));
    return {
      enqueuePerSecond: (size.waiting * 1000) / ms,
      perSecond: (done * 1000) / (last - begun),
      deadRows: await deadRows(sql, contender.tables),
    };
  } finally {
    await close();
  }
}

async function deadRows(sql: Sql, tables: string): Promise<number> {
  const [row] = await sql<{ dead: number }[]>`
    SELECT coalesce(sum(n_dead_tup), 0)::int AS dead FROM pg_stat_user_tables WHERE relname LIKE ${tables}`;
  return row!.dead;
}

/** At half of what each settles from a backlog: an item arrives as others are settled. */
async function latencies(bench: Bench, capacity: Map<string, number>): Promise<void> {
  const results = await rounded(Math.min(bench.rounds, 3), (contender) =>
    latency(bench, contender, Math.round(capacity.get(contender.who)! / 2)),
  );
  for (const [{ who }, runs] of results) {
    const { rate, settled } = runs[0]!;
    const note = `${rate.toLocaleString("en-US")} items/s, ${settled.toLocaleString("en-US")} settled`;
    const goal = who === "Sluice" ? ({ limit: 100, sense: "<=" } as const) : undefined;
    const add = (what: string, values: number[], more: object): void =>
      bench.report.add({ suite: SUITE, what, who, unit: "ms", runs: values, note, ...more });
    add(
      "p50 to settled at half its own load",
      runs.map(({ p50 }) => p50),
      {},
    );
    add(
      "p99 to settled at half its own load",
      runs.map(({ p99 }) => p99),
      goal ? { goal } : {},
    );
  }
}

interface Latency {
  /** Milliseconds. */
  p50: number;
  p99: number;
  settled: number;
  /** Items a second that arrived. */
  rate: number;
}

async function latency(bench: Bench, contender: Contender, rate: number): Promise<Latency> {
  const { options, close } = await prepare(bench, contender);
  try {
    const worker = start(contender, { ...options, role: "serve" });
    await worker.line();
    const producer = start(contender, { ...options, role: "produce", rate, seconds: bench.quick ? 3 : 10 });
    await producer.line();
    await producer.ended;
    await Bun.sleep(500);
    worker.go();
    const measured = await worker.line<Omit<Latency, "rate">>();
    await worker.ended;
    return { ...measured, rate };
  } finally {
    await close();
  }
}

interface Child {
  /** The next line that it prints, as JSON. */
  line<T>(): Promise<T>;
  go(): void;
  ended: Promise<number>;
}

function start(contender: Contender, options: Record<string, unknown>): Child {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "peers", contender.script), JSON.stringify(options)],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const lines = linesOf(child.stdout);
  return {
    async line<T>() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${contender.script} ended without an answer`);
      return JSON.parse(value) as T;
    },
    go() {
      child.stdin.write("go\n");
      void child.stdin.end();
    },
    ended: child.exited,
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  return undefined;
}

/** Items of a job that is done, as they lie there until they are collected. */
async function finishedItems(sql: Sql, options: Record<string, unknown>, rows: number): Promise<void> {
  const tenantId = String(options["tenantId"]);
  const jobId = await jobWithItems(sql, tenantId, []);
  await sql`
    INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane, item_status, attempt, finished_at)
    SELECT ${tenantId}, ${jobId}, gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'file:///finished/' || n,
      jsonb_build_object('name', n, 'fingerprint', '1', 'externalRef', 'file:///finished/' || n), 'inline', 'ingested', 1, now()
    FROM generate_series(1, ${rows}) n`;
  await sql`
    UPDATE ingest_jobs SET job_status = 'done', descriptors_listed = ${rows}, items_ingested = ${rows}, finished_at = now()
    WHERE job_id = ${jobId}`;
}

async function finishedJobs(sql: Sql, _options: Record<string, unknown>, rows: number): Promise<void> {
  await sql`
    INSERT INTO pgboss.job (name, data, state, started_on, completed_on)
    SELECT 'noop', '{"n": 0}', 'completed', now(), now() FROM generate_series(1, ${rows})`;
}
