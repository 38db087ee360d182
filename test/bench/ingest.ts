/**
 * Ingest of a folder, unchanged re-sync and one changed paragraph: the executable, LangChain.js with the same embedder and
 * the same Postgres, and the floor that Postgres itself sets. Each round measures all of them, one after the other.
 */
import { appendFileSync, cpSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { createDatabase } from "../support/database.ts";
import { type Bench, type IngestRun, ingest, install, runPeer } from "./bench.ts";
import { countStatements } from "./count_statements.ts";
import { type Floor, measureFloor } from "./floor.ts";
import { writeDocuments } from "./generate.ts";
import { postgresCpuSeconds, ratiosOf } from "./measure.ts";

const SUITE = "Ingest";
const GENERATED = 300;
/** Of a folder, when sizes shall be small. */
const QUICK_FILES = 400;

interface PeerPhase {
  ms: number;
  documents: number;
  chunks: number;
  embedded: number;
}

interface PeerRun {
  first: PeerPhase;
  again: PeerPhase;
  changed: PeerPhase;
  peakMb: number;
}

interface Round {
  bytes: number;
  first: IngestRun;
  /** The same with objects as local files, where the others are in S3. */
  local: IngestRun | null;
  again: IngestRun;
  changed: IngestRun;
  postgresSeconds: number;
  floor: Floor;
  peer: PeerRun;
}

export async function benchIngest(bench: Bench): Promise<void> {
  const rounds: Round[] = [];
  for (let i = 0; i < bench.rounds; i++) rounds.push(await measureRound(bench));
  reportFirst(bench, rounds);
  reportAgain(bench, rounds);
  await reportStatements(bench);
}

const markdownFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(md|markdown|txt)$/.test(name) && statSync(join(folder, name)).isFile())
    .toSorted();

/** Text files alone, since the peer reads no others; without a folder, generated ones. */
function takeMarkdown({ files, quick }: Bench, folder: string): void {
  if (files === null) writeDocuments(folder, 0, GENERATED, 6, 80);
  else
    for (const name of markdownFiles(files).slice(0, quick ? QUICK_FILES : undefined))
      cpSync(join(files, name), join(folder, name));
}

async function measureRound(bench: Bench): Promise<Round> {
  const at = await install(bench);
  const peerDatabase = await createDatabase(bench.server);
  try {
    const [own, theirs] = [join(at.folder, "own"), join(at.folder, "theirs")];
    for (const folder of [own, theirs]) takeMarkdown(bench, folder);
    const edited = markdownFiles(own)[0]!;
    await migrated(bench, at.env, at.folder);
    const before = postgresCpuSeconds();
    const first = await ingest(bench, at, own);
    await Bun.sleep(200);
    const postgresSeconds = postgresCpuSeconds() - before;
    const again = await ingest(bench, at, own);
    appendFileSync(join(own, edited), "\n\nOne more paragraph.\n");
    const changed = await ingest(bench, at, own);
    const floor = await measureFloor(at.databaseUrl);
    const local = at.objects === "S3" && !bench.quick ? await ingestLocally(bench, own) : null;
    const peer = await runPeer<PeerRun>("langchain.mjs", {
      url: peerDatabase.target.url,
      folder: theirs,
      edit: join(theirs, edited),
    });
    const bytes = markdownFiles(own).reduce((sum, name) => sum + statSync(join(own, name)).size, 0);
    return { bytes, first, local, again, changed, postgresSeconds, floor, peer };
  } finally {
    await peerDatabase.close();
    await at.close();
  }
}

async function ingestLocally(bench: Bench, folder: string): Promise<IngestRun> {
  const at = await install(bench, "local objects");
  try {
    await migrated(bench, at.env, at.folder);
    return await ingest(bench, at, folder);
  } finally {
    await at.close();
  }
}

/** The peer's tables are made before its time begins as well. */
async function migrated(bench: Bench, env: Record<string, string>, cwd: string): Promise<void> {
  const child = Bun.spawn([bench.binary, "migrate"], { cwd, env, stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("sluice migrate failed");
}

function reportFirst(bench: Bench, rounds: Round[]): void {
  const { report } = bench;
  const { first, peer } = rounds[0]!;
  const what = `${first.items_ingested} documents`;
  const seconds = rounds.map((round) => round.first.duration_ms / 1000);
  report.add({
    suite: SUITE,
    what,
    who: "Sluice",
    unit: "s",
    runs: seconds,
    note: `${first.chunks} chunks, ${first.links} links; stores raw, Markdown and manifest of each`,
  });
  const against = (who: string, ms: (round: Round) => number, limit: number | null, note?: string): void => {
    const runs = rounds.map((round) => ms(round) / 1000);
    report.add({
      suite: SUITE,
      what,
      who,
      unit: "s",
      runs,
      ratios: ratiosOf(seconds, runs),
      ...(limit !== null && { goal: { limit, sense: "<=" } }),
      ...(note && { note }),
    });
  };
  against("LangChain.js index() + FTS", (round) => round.peer.first.ms, 0.7, `${peer.first.chunks} chunks`);
  against("Postgres floor, tsvectors computed", (round) => round.floor.computedMs, 2);
  against("Postgres floor, rows copied", (round) => round.floor.copiedMs, null, "tsvectors copied as they are");
  reportLocal(bench, what, rounds);
  const rate = (name: string, own: (round: Round) => number, unit: string): void =>
    report.add({ suite: SUITE, what: name, who: "Sluice", unit, runs: rounds.map(own) });
  rate("documents", (round) => (round.first.items_ingested * 1000) / round.first.duration_ms, "/s");
  rate("chunks", (round) => (round.first.chunks * 1000) / round.first.duration_ms, "/s");
  rate("source text", (round) => round.bytes / 1000 / round.first.duration_ms, "MB/s");
  rate("processor time", (round) => round.first.cpuSeconds, "s of its own");
  rate("processor time of Postgres", (round) => round.postgresSeconds, "s");
  report.add({
    suite: SUITE,
    what: "peak memory",
    who: "Sluice",
    unit: "MB",
    runs: rounds.map((round) => round.first.peakMb),
    goal: { limit: 300, sense: "<=" },
  });
  report.add({
    suite: SUITE,
    what: "peak memory",
    who: "LangChain.js",
    unit: "MB",
    runs: rounds.map((round) => round.peer.peakMb),
    ratios: rounds.map((round) => round.first.peakMb / round.peer.peakMb),
  });
}

/** An object store on the same machine takes its share of the processors; files show what the rest costs. */
function reportLocal({ report }: Bench, what: string, rounds: Round[]): void {
  const local = rounds.flatMap((round) => round.local ?? []);
  if (local.length < rounds.length) return;
  const own = local.map((run) => run.duration_ms / 1000);
  const compare = (who: string, ms: (round: Round) => number): void => {
    const runs = rounds.map((round) => ms(round) / 1000);
    report.add({ suite: SUITE, what: name, who, unit: "s", runs, ratios: ratiosOf(own, runs) });
  };
  const name = `${what}, objects as files`;
  report.add({ suite: SUITE, what: name, who: "Sluice", unit: "s", runs: own });
  compare("LangChain.js index() + FTS", (round) => round.peer.first.ms);
  compare("Postgres floor, tsvectors computed", (round) => round.floor.computedMs);
  const add = (who: string, unit: string, runs: number[]): void =>
    report.add({ suite: SUITE, what: name, who, unit, runs });
  add(
    "Sluice, processor time",
    "s of its own",
    local.map((run) => run.cpuSeconds),
  );
  add(
    "Sluice, peak memory",
    "MB",
    local.map((run) => run.peakMb),
  );
}

function reportAgain({ report }: Bench, rounds: Round[]): void {
  const compare = (what: string, phase: "again" | "changed", limit: number | null): void => {
    const own = rounds.map((round) => round[phase].duration_ms);
    const theirs = rounds.map((round) => round.peer[phase].ms);
    const { vectors_embedded: embedded } = rounds[0]![phase];
    report.add({ suite: SUITE, what, who: "Sluice", unit: "ms", runs: own, note: `${embedded} texts embedded` });
    report.add({
      suite: SUITE,
      what,
      who: "LangChain.js index()",
      unit: "ms",
      runs: theirs,
      ratios: ratiosOf(own, theirs),
      ...(limit !== null && { goal: { limit, sense: "<=" } }),
      note: `${rounds[0]!.peer[phase].embedded} texts embedded`,
    });
    report.add({
      suite: SUITE,
      what,
      who: "Sluice, the whole command with start and stop",
      unit: "ms",
      runs: rounds.map((round) => round[phase].wallMs),
    });
  };
  compare("unchanged re-sync", "again", 0.05);
  compare("one paragraph changed", "changed", null);
}

/** Counted in a run of its own, since the counting costs time. */
async function reportStatements(bench: Bench): Promise<void> {
  const at = await install(bench);
  const counter = countStatements(at.databaseUrl);
  try {
    await migrated(bench, at.env, at.folder);
    const folder = join(at.folder, "own");
    takeMarkdown(bench, folder);
    const before = await walBytes(at.databaseUrl);
    const { items_ingested: documents, chunks } = await ingest(bench, at, folder, {
      ...at.env,
      DATABASE_URL: counter.url,
    });
    const row = (what: string, count: number): void =>
      bench.report.add({ suite: SUITE, what, who: "Sluice", unit: "per document", runs: [count / documents] });
    row("statements", counter.counts.statements);
    row("round trips at most", counter.counts.roundTrips);
    const wal = ((await walBytes(at.databaseUrl)) - before) / 1000 / chunks;
    bench.report.add({ suite: SUITE, what: "WAL", who: "Sluice", unit: "kB a chunk", runs: [wal] });
  } finally {
    counter.stop();
    await at.close();
  }
}

/** Written by the whole server until now. */
async function walBytes(url: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql<{ bytes: number }[]>`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS bytes`;
  await sql.end({ timeout: 1 });
  return row!.bytes;
}
