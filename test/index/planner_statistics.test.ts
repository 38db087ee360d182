import { expect, test } from "bun:test";
import { ensurePlannerStatistics } from "../../src/index/planner_statistics.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared } from "../support/documents.ts";

test("a table that has grown is made known to the planner once, and small ones are left alone", async () => {
  const { sql } = await emptyDatabase();
  expect(await ensurePlannerStatistics(sql)).toEqual([]);
  const tenantId = await newTenant(sql);
  for (let i = 0; i < 4; i++) {
    const text = Array.from({ length: 60 }, (_, n) => `# Part ${n}\n\n${`word${i} `.repeat(90)}`).join("\n\n");
    await swapIn(
      sql,
      (await claimFor(sql, tenantId, [`file:///${i}.md`])).map((item) => prepared(item, text)),
      "m",
    );
  }
  expect(await ensurePlannerStatistics(sql)).toContain("chunks");
  const [known] = await sql`SELECT n_distinct FROM pg_stats WHERE tablename = 'chunks' AND attname = 'tenant_id'`;
  expect(known).toEqual({ n_distinct: 1 });
  expect(await ensurePlannerStatistics(sql)).toEqual([]);
});
