import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSecrets } from "../../src/cli/connection.ts";

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-secrets-"));
  await writeFile(join(dir, "token"), "from-a-file\n");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

test("secrets come from files, without the line break at their end, and from variables", async () => {
  process.env.SLUICE_TEST_SECRET = "from-a-variable";
  const secrets = await readSecrets([`api_token=@${join(dir, "token")}`], ["password=SLUICE_TEST_SECRET"]);
  delete process.env.SLUICE_TEST_SECRET;
  expect(secrets).toEqual({ api_token: "from-a-file", password: "from-a-variable" });
  expect(await readSecrets([], [])).toBeNull();
});

describe("a secret that is given as an argument is refused and not repeated", () => {
  test.each([
    [["pat=hunter2"], []],
    [["hunter2"], []],
    [[], ["pat=hunter2"]],
    [[], ["hunter2"]],
  ])("--secret %j --secret-env %j", async (fromFiles: string[], fromEnvironment: string[]) => {
    const error = await readSecrets(fromFiles, fromEnvironment).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "cli.bad_option" });
    expect(String(error)).not.toContain("hunter2");
  });
});
