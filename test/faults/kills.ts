/** SIGKILL to processes that work on one database: at every named failpoint, and at random moments. */
import { FAILPOINTS, type Failpoint } from "../../src/failpoint.ts";
import type { Member } from "./fleet.ts";
import { openStage, type SuiteContext } from "./stage.ts";
import { invariants, judge } from "./verdict.ts";

const PROCESSES = 3;
/** A process that has not passed its failpoint in this time after it serves is killed where it is. */
const REACH_MS = 15_000;

/** Passed by few processes and seldom: the first pass is the one. */
const SELDOM: ReadonlySet<Failpoint> = new Set<Failpoint>([
  "before_close",
  "after_close",
  "after_enqueue_page",
  "before_tombstones",
  "before_finish_listing",
  "after_upload_put",
  "after_upload_commit",
]);

/** Three processes, started at once on an empty database; each dies at one failpoint after the other, `rounds` times. */
export async function killAtFailpoints(suite: SuiteContext, rounds: number): Promise<string[]> {
  const { random, report } = suite;
  const stage = await openStage(suite, { processes: PROCESSES });
  try {
    const waiting = Array.from({ length: rounds }, () => random.shuffled(FAILPOINTS)).flat();
    const reached = new Map<string, number>();
    let missed = 0;
    for (const member of stage.fleet.members.values()) member.kill();
    stage.load.start();
    const slots = Array.from({ length: PROCESSES }, (_, slot) => {
      let at: Failpoint | undefined;
      const next = (): Record<string, string> | null => {
        at = waiting.shift();
        if (at === undefined) return null;
        return { SLUICE_FAILPOINTS: `${at}=kill@${SELDOM.has(at) ? 1 : random.between(1, 25)}` };
      };
      const born = async (member: Member): Promise<void> => {
        const point = at!;
        const late = member.ready().then(() => Bun.sleep(REACH_MS));
        // It may work, and die, before it says that it serves.
        const died = await Promise.race([
          member.exited.then(({ signal }) => signal === "SIGKILL"),
          late.then(() => false),
        ]);
        if (died) {
          reached.set(point, (reached.get(point) ?? 0) + 1);
          return report.kill(point);
        }
        // Others had the work: it gets another chance, for a while.
        if (++missed < rounds * 5) waiting.push(point);
        member.kill();
        report.kill("random");
      };
      return stage.fleet.keep(slot, next, born);
    });
    await Promise.all(slots);
    const failures = FAILPOINTS.filter((point) => !reached.has(point)).map((point) => `${point} was never reached`);
    for (let slot = 0; slot < 2; slot++) await stage.fleet.launch(slot).ready();
    return [...failures, ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}

/** Two processes, each killed after a random time, while `fsck` looks on: it must find nothing wrong in the midst of it. */
export async function killAtRandom(suite: SuiteContext, kills: number): Promise<string[]> {
  const { random, report } = suite;
  const stage = await openStage(suite, { processes: 2 });
  try {
    for (const member of stage.fleet.members.values()) member.kill();
    stage.load.start();
    let left = kills;
    const next = (): Record<string, string> | null => (left-- > 0 ? {} : null);
    const born = async (member: Member): Promise<void> => {
      await member.ready();
      await Bun.sleep(random.between(100, 2500));
      member.kill();
      report.kill("random");
    };
    const slots = [0, 1].map((slot) => stage.fleet.keep(slot, next, born));
    const failures: string[] = [];
    const looking = (async () => {
      while (left > 0) {
        failures.push(...(await invariants(stage, ["--fast"])));
        await Bun.sleep(3000);
      }
    })();
    await Promise.all([...slots, looking]);
    for (let slot = 0; slot < 2; slot++) await stage.fleet.launch(slot).ready();
    return [...failures, ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}
