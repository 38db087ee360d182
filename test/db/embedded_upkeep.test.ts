import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { removeDirs, startFresh } from "./embedded_fixture.ts";

setDefaultTimeout(60_000);
afterAll(removeDirs);

test("upkeep keeps the write-ahead log short, and vacuums and analyzes what changed much", async () => {
  const upkeep = { everyMs: 20, walBytes: 1_000_000, checkpointMs: 3_600_000 };
  const database = await startFresh({ upkeep });
  const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
  await sql`CREATE TABLE churned AS SELECT n, repeat('x', 100) AS body FROM generate_series(1, 5000) n`;
  for (let round = 0; round < 4; round++) await sql`UPDATE churned SET body = body || 'y'`;
  const state = () => sql<{ wal: number; dead: number; analyzed: boolean }[]>`
    SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::int8 AS wal, n_dead_tup AS dead,
           EXISTS (SELECT 1 FROM pg_stats WHERE tablename = 'churned') AS analyzed
    FROM pg_control_checkpoint(), pg_stat_user_tables WHERE relname = 'churned'`;
  let [now] = await state();
  while (now!.wal > 1_000_000 || now!.dead > 2250 || !now!.analyzed) [now] = await state();
  expect(now).toMatchObject({ analyzed: true });
  await endDatabase(sql);
  await database.stop();
});
