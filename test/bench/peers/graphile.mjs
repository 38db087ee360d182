/** graphile-worker, plain or (`"local": true`) with its local queue and batched completion. */
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { EventEmitter } from "node:events";
import { play } from "./roles.mjs";

const logger = new Logger(() => () => {});
const CONCURRENCY = 24;

await play(async ({ url, local }) => {
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  return {
    enqueue: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: "noop", payload }))),
    async work(settled) {
      const events = new EventEmitter();
      events.on("job:complete", ({ job }) => settled([job.payload]));
      const worker = { concurrentJobs: CONCURRENCY, maxPoolSize: CONCURRENCY + 2, connectionString: url };
      const batching = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
      const runner = await run({
        logger,
        events,
        noHandleSignals: true,
        taskList: { noop: () => {} },
        preset: { worker: local ? { ...worker, ...batching } : worker },
      });
      return () => runner.stop();
    },
    close: () => utils.release(),
  };
});
