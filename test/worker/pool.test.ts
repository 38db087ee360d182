import { expect, test } from "bun:test";
import type { Config } from "../../src/config.ts";
import { readConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { WorkerPool } from "../../src/worker/pool.ts";

test("a thread that dies is replaced, again if its replacement dies while it starts, and the others go on", async () => {
  const config: Config = readConfig("silent", {});
  let spawned = 0;
  const replaced = Promise.withResolvers<void>();
  const pool = new WorkerPool({
    threads: 2,
    spawn: () => {
      if (++spawned === 4) replaced.resolve();
      return new Worker(new URL("./pool_thread.ts", import.meta.url).href);
    },
    start: { config, database: { url: "postgres://unused" }, childCommand: [], fileCatalogRoots: [] },
    log: createLog("silent"),
  });
  await pool.start();
  expect(spawned).toBe(2);
  await replaced.promise;
  expect(spawned).toBe(4);
  await pool.stop(100);
});
