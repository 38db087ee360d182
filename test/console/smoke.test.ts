import { afterAll, beforeAll, expect, test } from "bun:test";
import { createFixture, type Fixture, START_MS } from "../http/fixture.ts";
import { visitor } from "./visitor.ts";
let f: Fixture;
beforeAll(async () => { f = await createFixture(); }, START_MS);
afterAll(() => f.stop());
test("smoke", async () => {
  for (const t of ["write", "admin", "read"] as const) {
    const me = await visitor(f, f.tokens[t]);
    for (const path of ["/", "/search", "/search?q=hello", "/documents", "/jobs", "/connections", "/connections/new", "/connections/new?kind=confluence", "/upload", "/settings"]) {
      const seen = await me.look(path);
      console.log(t, path, seen.status, seen.html.length, seen.status !== 200 ? seen.html.slice(0, 3000) : "");
      expect(seen.status).toBe(200);
    }
  }
});
