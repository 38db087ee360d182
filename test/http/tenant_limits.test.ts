import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { RequestPace } from "../../src/http/request_pace.ts";
import { type OwnLimits, setLimits } from "../../src/store/tenant_limits.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());
beforeEach(async () => {
  await f.sql`DELETE FROM ingest_jobs`;
  await f.sql`DELETE FROM upload_usage`;
  await setLimits(f.sql, f.tenant, {});
});

const limit = async (limits: OwnLimits): Promise<void> => {
  const answer = await f.send("PATCH", `/v1/tenants/${f.tenant}`, { token: f.tokens.admin, json: { limits } });
  expect([answer.status, answer.at("limits")]).toEqual([200, limits]);
};

const upload = (name: string, bytes: number, token = f.tokens.write, tenant = f.tenant) => {
  const form = new FormData();
  form.append("tenant_id", tenant);
  form.append("file", new File([`# ${name}\n`.padEnd(bytes, "x")], name));
  return f.send("POST", "/v1/ingest/files/upload", { body: form, token });
};

test("more requests in a minute than the tenant may make are refused with a time to come back, and other tenants notice nothing", async () => {
  await limit({ requests_per_minute: 3 });
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await f.send("GET", "/v1/jobs")).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  const refused = await f.send("GET", "/v1/documents", { token: f.tokens.read });
  expect([
    refused.status,
    refused.at("error.code"),
    refused.at("error.details.limit"),
    refused.at("error.retryable"),
  ]).toEqual([...[429, "tenant.too_many_requests", 3, true]]);
  expect(Number(refused.headers.get("retry-after"))).toBeWithin(1, 21);
  expect((await f.send("GET", "/v1/jobs", { token: f.tokens.other })).status).toBe(200);
  expect((await f.send("GET", `/v1/jobs?tenant_id=${f.tenant}`, { token: f.tokens.admin })).status).toBe(200);
});

test("a bucket fills up evenly and never above its limit", () => {
  let now = 0;
  const pace = new RequestPace(() => now);
  const take = () => {
    try {
      pace.take("t", 60);
      return true;
    } catch {
      return false;
    }
  };
  const granted = (tries: number) => Array.from({ length: tries }, take).filter(Boolean).length;
  expect(granted(70)).toBe(60);
  now += 2_500;
  expect(granted(5)).toBe(2);
  now += 600_000;
  expect(granted(70)).toBe(60);
});

test("of uploads that come at once, no more become jobs than the tenant may have", async () => {
  await limit({ open_jobs: 2 });
  const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => upload(`${i}.md`, 10)));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 429, 429, 429, 429]);
  const refused = answers.find(({ status }) => status === 429)!;
  expect([refused.at("error.code"), refused.headers.get("retry-after")]).toEqual(["tenant.too_many_jobs", "30"]);
  expect(await f.spooled()).toEqual([]);
  expect((await upload("other.md", 10, f.tokens.other, f.otherTenant)).status).toBe(202);
});

test("a tenant with a full queue gets nothing more into it", async () => {
  await limit({ queued_items: 1 });
  expect((await upload("a.md", 10)).status).toBe(202);
  expect((await upload("b.md", 10)).at("error.code")).toBe("tenant.queue_full");
});

test("bytes are counted by the day; what is refused is not counted", async () => {
  await limit({ upload_bytes_per_day: 1_000 });
  expect((await upload("a.md", 600)).status).toBe(202);
  const second = await upload("b.md", 600);
  expect([second.status, second.at("error.code")]).toEqual([429, "tenant.upload_quota"]);
  expect(Number(second.headers.get("retry-after"))).toBeWithin(1, 86_402);
  const third = await upload("c.md", 2_000);
  expect([third.status, third.at("error.code")]).toEqual([413, "tenant.upload_too_large"]);
  expect((await upload("d.md", 400)).status).toBe(202);
  const [usage] = await f.sql`SELECT bytes::integer AS bytes FROM upload_usage WHERE tenant_id = ${f.tenant}`;
  expect(usage!.bytes).toBe(1_000);
  await f.sql`UPDATE upload_usage SET day = day - 1`;
  expect((await upload("e.md", 900)).status).toBe(202);
});

test("an upload that is announced too large is refused before its bytes are read", async () => {
  await limit({ upload_bytes_per_day: 100_000 });
  let read = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      read++;
      controller.enqueue(new Uint8Array(1_000));
    },
  });
  const headers = { "content-type": "multipart/form-data; boundary=x", "content-length": "9000000" };
  const answer = await f.send("POST", "/v1/ingest/files/upload", { body, headers });
  expect([answer.status, answer.at("error.code"), read <= 1]).toEqual([413, "tenant.upload_too_large", true]);
});

test("the installation's default holds where a tenant has no limit of its own; null is none", async () => {
  const defaults = f.deps.config.tenantLimits;
  defaults.open_jobs = 1;
  try {
    expect([(await upload("a.md", 10)).status, (await upload("b.md", 10)).status]).toEqual([202, 429]);
    await limit({ open_jobs: null });
    expect((await upload("c.md", 10)).status).toBe(202);
  } finally {
    defaults.open_jobs = null;
  }
});
