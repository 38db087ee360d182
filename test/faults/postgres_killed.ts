/** Postgres is killed and started again every few seconds, under processes that go on working. */

import { createDatabase } from "../support/database.ts";
import { Cluster } from "./cluster.ts";
import { openStage, type SuiteContext } from "./stage.ts";
import { judge } from "./verdict.ts";

export async function killPostgres(suite: SuiteContext, kills: number): Promise<string[] | { skipped: string }> {
  const { random, report } = suite;
  const cluster = await Cluster.start(suite.databaseUrl);
  if (typeof cluster === "string") return { skipped: cluster };
  try {
    const database = await createDatabase(cluster.url);
    const stage = await openStage(suite, { databaseUrl: database.target.url, processes: 2 });
    try {
      stage.load.start();
      for (let i = 0; i < kills; i++) {
        await Bun.sleep(random.between(800, 3500));
        await cluster.kill();
        report.kill("postgres");
        await Bun.sleep(random.between(0, 800));
        await cluster.restart();
        report.restart("postgres");
      }
      return await judge(stage);
    } finally {
      await stage.close();
    }
  } finally {
    await cluster.stop();
  }
}
