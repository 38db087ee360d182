import { expect, spyOn, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { EXIT, reportError } from "../../src/cli/terminal.ts";

function reported(error: unknown): { code: number; text: string } {
  const lines: string[] = [];
  const stderr = spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  try {
    return { code: reportError(error), text: lines.join("") };
  } finally {
    stderr.mockRestore();
  }
}

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a database that does not answer is reported with its code and a way out, without a stack", () => {
  const error = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  const { code, text } = reported(error);
  expect(code).toBe(EXIT.failed);
  expect(text).toContain("127.0.0.1:1 (database.unavailable)");
  expect(text).not.toContain("    at ");
});

test("a folder that cannot be made and a port in use are reported in a line, a defect with its stack", () => {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const taken = reported(thrownBy(() => Bun.serve({ port: server.port!, fetch: () => new Response() })));
  void server.stop(true);
  expect(taken.text).toContain("in use");
  expect(taken.text).not.toContain("    at ");
  const { text } = reported(thrownBy(() => mkdirSync("/dev/null/sluice", { recursive: true })));
  expect(text).toContain("/dev/null");
  expect(text).not.toContain("    at ");
  expect(reported(new TypeError("x is undefined")).text).toContain("    at ");
});
