/** Faults of the network between the processes and their services: S3 goes away and comes back, connections half open. */
import { FaultyNetwork } from "./network.ts";
import { openStage, type Stage, type SuiteContext } from "./stage.ts";
import { judge } from "./verdict.ts";

/** A half-open connection to Postgres is given up 75 s after the last byte; nothing may take much longer than that. */
const HALF_OPEN_MS = 75_000;

/** The S3 gateway resets all connections and refuses new ones, for a while, again and again. */
export async function loseS3(suite: SuiteContext, times: number): Promise<string[]> {
  const { random, report } = suite;
  const network = await FaultyNetwork.open(addressOf(suite.s3Endpoint));
  const stage = await openStage(suite, {
    processes: 2,
    fleetEnv: () => ({ S3_ENDPOINT: `http://127.0.0.1:${network.port}` }),
  });
  try {
    stage.load.start();
    for (let i = 0; i < times; i++) {
      await Bun.sleep(random.between(500, 2500));
      if (random.next() < 0.5) {
        network.refuse();
        await Bun.sleep(random.between(200, 2500));
        await network.accept();
      } else network.reset();
      report.restart("s3 gateway");
    }
    return await judge(stage);
  } finally {
    network.close();
    await stage.close();
  }
}

/** All connections to Postgres and S3 go silent; new ones pass after a moment, the old ones never again. */
export async function halfOpen(suite: SuiteContext): Promise<string[]> {
  const database = await FaultyNetwork.open(addressOf(suite.databaseUrl));
  const objects = await FaultyNetwork.open(addressOf(suite.s3Endpoint));
  const stage = await openStage(suite, {
    processes: 2,
    fleetEnv: (env) => {
      const url = new URL(env["DATABASE_URL"]!);
      url.hostname = "127.0.0.1";
      url.port = String(database.port);
      return { DATABASE_URL: url.href, S3_ENDPOINT: `http://127.0.0.1:${objects.port}` };
    },
  });
  try {
    stage.load.start();
    await Bun.sleep(4000);
    objects.freeze();
    await Bun.sleep(2000);
    objects.thaw();
    await Bun.sleep(2000);
    const frozenAt = Date.now();
    database.freeze();
    await Bun.sleep(3000);
    database.thaw();
    suite.report.restart("half-open networks");
    const failures = await worksAgain(stage, frozenAt + HALF_OPEN_MS + 15_000);
    return [...failures, ...(await judge(stage))];
  } finally {
    database.close();
    objects.close();
    await stage.close();
  }
}

/** Every process settles items again before `until`. */
async function worksAgain({ sql, fleet }: Stage, until: number): Promise<string[]> {
  const since = new Date();
  const waiting = new Set([...fleet.members.values()].map((member) => String(member.pid)));
  while (waiting.size > 0 && Date.now() < until) {
    const rows = await sql<{ pid: string }[]>`
      SELECT DISTINCT split_part(leased_by, '.', 1) AS pid FROM ingest_items WHERE item_status = 'running' AND leased_until > ${since}`;
    for (const { pid } of rows) waiting.delete(pid);
    await Bun.sleep(100);
  }
  return [...waiting].map((pid) => `process ${pid} does not work again after its connections went silent`);
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname, port: Number(port) || (protocol === "https:" ? 443 : protocol === "http:" ? 80 : 5432) };
}
