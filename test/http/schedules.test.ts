import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { insertConnection } from "../../src/store/connections.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let id = "";
beforeAll(async () => {
  f = await createFixture();
  id = await connection("handbook");
}, START_MS);
afterAll(() => f.stop());

const connection = async (name: string): Promise<string> =>
  (await insertConnection(f.sql, {
    tenantId: f.tenant,
    sourceType: "FILE_CATALOG_OBJECT",
    name,
    config: { kind: "x" },
    secrets: null,
  }))!.connectionId;
const path = (connectionId = id) => `/v1/connections/${connectionId}/schedule`;

test("a schedule is set, shown with its next and last run, changed and cleared", async () => {
  expect((await f.send("GET", path())).at("error.code")).toBe("schedule.not_found");
  const set = await f.send("PUT", path(), { json: { every_minutes: 30 } });
  expect([set.status, set.json]).toEqual([
    200,
    {
      connection_id: id,
      connection_name: "handbook",
      tenant_id: f.tenant,
      every_minutes: 30,
      cron: null,
      timezone: "UTC",
      next_run_at: expect.any(String),
      last_run_at: null,
      last_job_id: null,
      last_job_status: null,
      waiting: false,
    },
  ]);
  const wait = Date.parse(set.textAt("next_run_at")) - Date.now();
  expect(wait).toBeGreaterThan(29 * 60_000);
  expect(wait).toBeLessThanOrEqual(33 * 60_000);
  expect((await f.send("GET", path())).json).toEqual(set.json);
  const changed = await f.send("PUT", path(), { json: { cron: "0 2 * * *", timezone: "Europe/Berlin" } });
  expect(changed.json).toMatchObject({ every_minutes: null, cron: "0 2 * * *", timezone: "Europe/Berlin" });
  expect((await f.send("DELETE", path())).status).toBe(204);
  expect((await f.send("DELETE", path())).at("error.code")).toBe("schedule.not_found");
});

describe("what is no schedule is refused with the name of the field", () => {
  test.each([
    [{}, ""],
    [{ every_minutes: 5, cron: "@daily" }, ""],
    [{ every_minutes: 0 }, "every_minutes"],
    [{ every_minutes: 1.5 }, "every_minutes"],
    [{ every_minutes: 525_601 }, "every_minutes"],
    [{ cron: "0 2 * *" }, "cron"],
    [{ cron: "0 2 31 2 *" }, "cron"],
    [{ cron: "@daily", timezone: "Berlin" }, "timezone"],
  ])("%j", async (json, field) => {
    const answer = await f.send("PUT", path(), { json });
    expect([answer.status, answer.at("error.code")]).toEqual([400, "request.invalid"]);
    expect(answer.at("error.details.fields")).toEqual(field ? [field] : []);
  });
});

test("the schedules of a tenant are listed a page at a time, and another tenant's connection has none", async () => {
  const ids = [id, await connection("b"), await connection("c")];
  for (const one of ids) await f.send("PUT", path(one), { json: { every_minutes: 60 } });
  const seen: string[] = [];
  let cursor = "";
  do {
    const page = await f.send("GET", `/v1/schedules?limit=2&cursor=${cursor}`);
    seen.push(...(page.at("schedules") as { connection_id: string }[]).map((one) => one.connection_id));
    cursor = String(page.at("next_cursor") ?? "");
  } while (cursor);
  expect(seen).toEqual(ids.toReversed());
  for (const [method, json] of [["GET"], ["PUT", { every_minutes: 5 }], ["DELETE"]] as const)
    expect((await f.send(method, path(), { token: f.tokens.other, json })).at("error.code")).toBe(
      "connection.not_found",
    );
  expect((await f.send("PUT", path(), { token: f.tokens.admin, json: { every_minutes: 5 } })).status).toBe(200);
});
