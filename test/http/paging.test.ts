import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTenant } from "../../src/store/tenants.ts";
import { createToken } from "../../src/store/tokens.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
  for (const name of ["delta", "Bravo", "charlie"]) await createTenant(f.sql, name);
  for (const name of ["one", "two", "three"])
    await createToken(f.sql, { tenantId: f.otherTenant, name, scope: "read", expiresAt: null });
}, START_MS);
afterAll(() => f.stop());

/** The names in the list, read two at a time. */
async function namesIn(path: string, list: string): Promise<string[]> {
  const names: string[] = [];
  let cursor = "";
  do {
    const page = await f.send("GET", `${path}limit=2&cursor=${cursor}`, { token: f.tokens.admin });
    names.push(...(page.at(list) as { name: string }[]).map(({ name }) => name));
    cursor = String(page.at("next_cursor") ?? "");
  } while (cursor);
  return names;
}

test("tenants are paged by name, whatever its case", async () => {
  expect(await namesIn("/v1/tenants?", "tenants")).toEqual(["Acme", "Bravo", "charlie", "delta", "Other"]);
});

test("tokens are paged newest first, of one tenant or of all", async () => {
  expect(await namesIn(`/v1/tokens?tenant_id=${f.otherTenant}&`, "tokens")).toEqual([
    "three",
    "two",
    "one",
    "write token",
  ]);
  expect(await namesIn("/v1/tokens?", "tokens")).toHaveLength(7);
});
