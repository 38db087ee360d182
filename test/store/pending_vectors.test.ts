import { expect, test } from "bun:test";
import { noteVectors } from "../../src/store/pending_vectors.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared } from "../support/documents.ts";

test("who embedded an older version does not take the vectors of the newer one for computed", async () => {
  const { sql } = await emptyDatabase();
  const tenantId = await newTenant(sql);
  const [first] = await claimFor(sql, tenantId, ["file:///a.md"]);
  const older = prepared(first!, "some text");
  await swapIn(sql, [older], "test-model");
  const [second] = await claimFor(sql, tenantId, ["file:///a.md"]);
  const newer = prepared(second!, "some other text");
  await swapIn(sql, [newer], "test-model");
  const pending = async () => (await sql`SELECT vectors_pending FROM documents`)[0]!["vectors_pending"];
  const { documentId } = newer;
  await noteVectors(sql, tenantId, [{ documentId, versionId: older.versionId, pending: 0 }]);
  expect(await pending()).toBe(1);
  await noteVectors(sql, tenantId, [{ documentId, versionId: newer.versionId, pending: 0 }]);
  expect(await pending()).toBe(0);
});
