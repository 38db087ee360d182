import { afterAll, afterEach, beforeAll, expect, setSystemTime, test } from "bun:test";
import { Guesses } from "../../src/http/guesses.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
beforeAll(async () => {
  f = await createFixture();
}, START_MS);
afterAll(() => f.stop());
afterEach(() => void setSystemTime());

const unknown = () => `slu_${Bun.randomUUIDv7()}`;
const ask = async (token: string, address: string) => {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await f.app.request("/v1/jobs", { headers }, { address });
  return { status: answer.status, wait: Number(answer.headers.get("retry-after")), body: await answer.text() };
};

test("who tries tokens is told to wait, and whoever shares the address and has a known token is not", async () => {
  expect((await ask(f.tokens.write, "203.0.113.7")).status).toBe(200);
  for (let i = 0; i < 20; i++) expect((await ask(unknown(), "203.0.113.7")).status).toBe(401);
  const refused = await ask(unknown(), "203.0.113.7");
  expect(refused.status).toBe(429);
  expect(refused.wait).toBeGreaterThan(30);
  expect(refused.body).toContain("auth.too_many_guesses");
  // Not even a right guess comes through.
  expect((await ask(f.tokens.other, "203.0.113.7")).status).toBe(429);
  expect((await ask(f.tokens.write, "203.0.113.7")).status).toBe(200);
  expect((await ask(f.tokens.other, "203.0.113.8")).status).toBe(200);
  setSystemTime(new Date(Date.now() + 61_000));
  expect((await ask(unknown(), "203.0.113.7")).status).toBe(401);
});

test("a network of IPv6 is one client, and what is remembered of all of them is bounded", () => {
  const guesses = new Guesses();
  for (let i = 0; i < 20; i++) guesses.failed(`2001:db8:1:2::${i.toString(16)}`);
  expect(() => guesses.check("2001:db8:1:2:ffff::1", "t")).toThrow("Too many");
  guesses.check("2001:db8:1:3::1", "t");
  for (let i = 0; i < 20; i++) guesses.failed("::ffff:198.51.100.1");
  expect(() => guesses.check("198.51.100.1", "t")).toThrow("Too many");
  for (let i = 0; i < 30_000; i++) {
    guesses.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    guesses.succeeded(`token ${i}`);
  }
  const kept = ["failures", "good"].map((name) => (Reflect.get(guesses, name) as Set<string>).size);
  expect(kept).toEqual([10_000, 10_000]);
});
