/**
 * Clocks that jump. That of the database times leases and retries: its jumps are played by moving the times that rows
 * hold, which is the same to every statement. Those of the processes are faked by libfaketime, where it is installed.
 */
import { existsSync, globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStage, type Stage, type SuiteContext } from "./stage.ts";
import { judge } from "./verdict.ts";

const KILLS_MAX = 20;
/** New work comes within this time. */
const WORK_MS = 20_000;

const libraries = (): string | undefined =>
  ["/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1"]
    .flatMap((path) => globSync(path))
    .find(existsSync);

/** The database's clock goes forward and back under living workers, and back by days while nobody works. */
export async function moveDatabaseClock(suite: SuiteContext): Promise<string[]> {
  const stage = await openStage(suite, { processes: 2 });
  try {
    stage.load.start();
    for (const seconds of suite.random.shuffled([3600, -3600, 120, -120, 86_400, 30])) {
      await Bun.sleep(suite.random.between(500, 2000));
      await shift(stage, seconds);
      suite.report.restart("clock jumps");
    }
    // All workers die, and the clock goes back three days: what they held seems held for days to come.
    await killAtWork(stage, suite);
    await shift(stage, -3 * 86_400);
    const before = await stage.command<{ checks: { name: string; broken: number }[] }>(["fsck", "--fast"]);
    const after = await stage.command<{ ok: boolean }>(["fsck", "--fast", "--repair"]);
    const seen = before.json.checks.find((check) => check.name === "waits_end")?.broken ?? 0;
    const failures = [
      ...(seen > 0 ? [] : ["fsck does not see times that lie days ahead"]),
      ...(after.json.ok ? [] : ["fsck --repair does not bring them near"]),
    ];
    for (const slot of [0, 1]) await stage.fleet.launch(slot).ready();
    return [...failures, ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}

/** Kills all workers while work is open: without any there would be no time that could be wrong. */
async function killAtWork(stage: Stage, { report }: SuiteContext): Promise<void> {
  const openItems = async (): Promise<number> => {
    const [row] = await stage.sql<{ n: number }[]>`
      SELECT count(*)::integer AS n FROM ingest_items WHERE item_status IN ('queued', 'running')`;
    return row?.n ?? 0;
  };
  for (let attempt = 1; attempt <= KILLS_MAX; attempt++) {
    for (const until = Date.now() + WORK_MS; (await openItems()) === 0 && Date.now() < until; ) await Bun.sleep(5);
    const members = [...stage.fleet.members.values()];
    for (const member of members) member.kill();
    await Promise.all(members.map((member) => member.exited));
    for (const _ of members) report.kill("random");
    if ((await openItems()) > 0) return;
    for (const slot of [0, 1]) await stage.fleet.launch(slot).ready();
  }
  throw new Error(`no work was open at any of ${KILLS_MAX} kills`);
}

/** What the rows of open work would say if the database's clock had been moved by so many seconds. */
async function shift({ sql }: Stage, seconds: number): Promise<void> {
  const by = `${-seconds} seconds`;
  await sql`
    UPDATE ingest_items SET available_at = available_at + ${by}::interval, leased_until = leased_until + ${by}::interval
    WHERE item_status IN ('queued', 'running')`;
  await sql`
    UPDATE ingest_jobs SET available_at = available_at + ${by}::interval, leased_until = leased_until + ${by}::interval
    WHERE finished_at IS NULL`;
  await sql`UPDATE documents SET embed_after = embed_after + ${by}::interval WHERE vectors_pending > 0`;
}

/** Two processes whose clocks differ from each other's and the database's by hours, and jump while they work. */
export async function moveProcessClocks(suite: SuiteContext, jumps: number): Promise<string[] | { skipped: string }> {
  const library = libraries();
  if (!library) return { skipped: "libfaketime is not installed" };
  const stage = await openStage(suite, { processes: 2 });
  try {
    const clocks = [0, 1].map((slot) => join(stage.folder, `clock-${slot}`));
    const set = (slot: number): void => {
      const seconds = suite.random.between(-7200, 7200);
      // It wants a sign in front of either.
      writeFileSync(clocks[slot]!, `${seconds < 0 ? "" : "+"}${seconds}s`);
    };
    for (const slot of [0, 1]) {
      await stage.fleet.members.get(slot)!.stop();
      set(slot);
      const member = stage.fleet.launch(slot, {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: clocks[slot]!,
        FAKETIME_CACHE_DURATION: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      });
      if (!(await member.ready())) return ["a process whose clock is wrong does not start"];
    }
    stage.load.start();
    for (let i = 0; i < jumps; i++) {
      await Bun.sleep(suite.random.between(1500, 3000));
      set(i % 2);
      suite.report.restart("clock jumps");
    }
    return await judge(stage);
  } finally {
    await stage.close();
  }
}
