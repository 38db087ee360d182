/** Worker threads whose event loop stands still: for ever, or longer than their lease and then on as if nothing had been. */
import { openStage, type Stage, type SuiteContext } from "./stage.ts";
import { judge } from "./verdict.ts";

const ITEM_DEADLINE_S = 4;
/** By then both threads have blocked and been replaced, and one of their successors too. */
const REPLACED_MS = 60_000;

/** A thread that blocks for ever is replaced, its process answers all the while, and its items are done by others. */
export async function blockForEver(suite: SuiteContext, times: number): Promise<string[]> {
  const stage = await openStage(suite, { processes: 1 });
  try {
    const failures: string[] = [];
    const first = stage.fleet.members.get(0)!;
    stage.load.start();
    for (let i = 0; i < times; i++) {
      const stuck = stage.fleet.launch(1, {
        WORKER_THREADS: "2",
        ITEM_DEADLINE_SECONDS: String(ITEM_DEADLINE_S),
        SLUICE_FAILPOINTS: `after_fetch=block@${suite.random.between(1, 3)}`,
      });
      await stuck.ready();
      const until = Date.now() + REPLACED_MS;
      let slowest = 0;
      while (Date.now() < until && stuck.url && stuck.replaced < 3) {
        const startedAt = performance.now();
        const health = await fetch(`${stuck.url}/healthz`, { signal: AbortSignal.timeout(5000) }).catch(() => null);
        if (!health?.ok) failures.push("a process with a blocked thread does not answer");
        slowest = Math.max(slowest, performance.now() - startedAt);
        await Bun.sleep(100);
      }
      if (slowest > 2000) failures.push(`a process with a blocked thread took ${Math.round(slowest)} ms to answer`);
      if (stuck.replaced < 3) failures.push(`only ${stuck.replaced} blocked threads were replaced`);
      suite.report.restart("worker threads", stuck.replaced);
      const ending = await stuck.stop();
      if (ending?.code !== 0) failures.push(`a process with a blocked thread ended with ${JSON.stringify(ending)}`);
    }
    stage.fleet.members.delete(1);
    if (first.url === null) failures.push("the other process is gone");
    return [...failures, ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}

/**
 * Threads stop for longer than their lease, at each stage, and go on: others have taken their items by then, and what the
 * late ones still write must change nothing.
 */
export async function wakeTooLate(suite: SuiteContext, rounds: number): Promise<string[]> {
  const { random } = suite;
  const stage = await openStage(suite, { processes: 1 });
  try {
    stage.load.start();
    const points = [
      "after_claim",
      "after_put_raw",
      "before_swap",
      "during_swap",
      "after_swap",
      "during_embed",
      "before_settle",
    ];
    for (let round = 0; round < rounds; round++) {
      // Each thread of the process stops at a place of its own choosing, twice.
      const list = random.shuffled(points).slice(0, 3);
      const late = stage.fleet.launch(1, {
        WORKER_THREADS: "2",
        SLUICE_FAILPOINTS: list
          .map((point) => `${point}=block:${random.between(2500, 4500)}@${random.between(1, 20)}`)
          .join(";"),
      });
      await late.ready();
      await Bun.sleep(10_000);
      await late.stop();
    }
    stage.fleet.members.delete(1);
    return [...(await takenOver(stage)), ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}

/** The scenario means something only if leases did end under threads that lived. */
async function takenOver({ sql }: Stage): Promise<string[]> {
  const [row] = await sql<
    { n: number }[]
  >`SELECT count(*)::integer AS n FROM fault_audit WHERE error_code = 'queue.lease_expired'`;
  return row!.n > 0 ? [] : ["no lease ended under a thread that had stopped"];
}
