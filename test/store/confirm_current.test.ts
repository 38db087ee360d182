import { beforeEach, expect, test } from "bun:test";
import type { Sql } from "postgres";
import type { ClaimedItem } from "../../src/queue/claim_items.ts";
import { confirmCurrent } from "../../src/store/confirm_current.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared, sha256 } from "../support/documents.ts";

let sql: Sql;
let tenantId: string;
beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
});

const claim = async () => (await claimFor(sql, tenantId, ["file:///a.md"]))[0]!;
const swap = async (item: ClaimedItem, text: string) => (await swapIn(sql, [prepared(item, text)], "m"))[0]!.state;
const confirm = (item: ClaimedItem, text: string) =>
  confirmCurrent(sql, [
    { tenantId, sourceId: item.sourceId, itemId: item.itemId, checksum: sha256(text), converterVersion: "1" },
  ]);

test("an item that found the bytes unchanged is not overridden by an older one that is still under way", async () => {
  await swap(await claim(), "kept");
  const [older, newer] = [await claim(), await claim()];
  expect(await confirm(newer, "kept")).toEqual([true]);
  expect(await swap(older, "outdated")).toBe("superseded");
});

test("bytes are not unchanged any more when an older item replaced the version meanwhile", async () => {
  await swap(await claim(), "kept");
  const [older, newer] = [await claim(), await claim()];
  expect(await swap(older, "outdated")).toBe("current");
  expect(await confirm(newer, "kept")).toEqual([false]);
  expect(await swap(newer, "kept")).toBe("current");
});

test("an older item that finds them unchanged takes nothing from a newer one", async () => {
  const [first, older, newer] = [await claim(), await claim(), await claim()];
  await swap(first, "kept");
  expect(await confirm(newer, "kept")).toEqual([true]);
  expect(await confirm(older, "kept")).toEqual([true]);
  expect((await sql`SELECT current_item_id::text FROM sources`)[0]!["current_item_id"]).toBe(newer.itemId);
});
