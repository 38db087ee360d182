/** pg-boss: fetched and completed in batches, woken by LISTEN/NOTIFY. */
import { PgBoss } from "pg-boss";
import { play } from "./roles.mjs";

const QUEUE = "noop";
const BATCH = 48;
const LANES = 2;

await play(async ({ url, role }) => {
  const boss = new PgBoss({ connectionString: url, useListenNotify: role === "serve", supervise: false, schedule: false });
  boss.on("error", () => {});
  await boss.start();
  await boss.createQueue(QUEUE, { notify: role === "produce" || role === "serve" }).catch(() => {});
  if (role === "produce" || role === "serve") await boss.updateQueue(QUEUE, { notify: true });
  return {
    enqueue: (payloads) => boss.insert(QUEUE, payloads.map((data) => ({ data }))),
    async work(settled) {
      // Its own worker: items count as settled when the handler returns, which is before they are.
      if (role === "serve") {
        const options = { batchSize: BATCH, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true, localConcurrency: LANES };
        await boss.work(QUEUE, options, async (jobs) => settled(jobs.map((job) => job.data)));
        return () => {};
      }
      let stopped = false;
      const lane = async () => {
        while (!stopped) {
          const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
          if (jobs.length === 0) {
            await Bun.sleep(50);
            continue;
          }
          await boss.complete(QUEUE, jobs.map((job) => job.id));
          settled(jobs.map((job) => job.data));
        }
      };
      const lanes = Array.from({ length: LANES }, lane);
      return () => {
        stopped = true;
        return Promise.all(lanes);
      };
    },
    close: () => boss.stop({ graceful: false }),
  };
});
