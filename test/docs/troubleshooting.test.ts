import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { TROUBLESHOOTING, troubleshootingPage } from "./troubleshooting.ts";

test("docs/troubleshooting.md is what the list of error codes says; `make docs` writes it", () => {
  expect(readFileSync(TROUBLESHOOTING, "utf8")).toBe(troubleshootingPage());
});
