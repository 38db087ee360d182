/** What install-service writes, judged by systemd's own tools where they are installed. */
import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unitText } from "../../src/cli/install_service.ts";
import { BINARY, scratch, sluice } from "../support/binary.ts";

const analyze = Bun.which("systemd-analyze");

test("a dry run prints every file and writes none", async () => {
  const { code, stdout } = await sluice(scratch(), ["install-service", "--dry-run", "--worker-only"]);
  expect(code).toBe(0);
  expect(stdout).toContain(unitText({ workerOnly: true }));
  expect(stdout).toContain("ExecStart=/usr/local/bin/sluice serve --worker-only\n");
  for (const path of ["/etc/sluice/sluice.env (mode 640)", "/etc/sysusers.d/sluice.conf (mode 644)"])
    expect(stdout).toContain(path);
});

test("an installation keeps the configuration that is there and replaces the rest", async () => {
  const folder = scratch();
  const install = () => sluice(folder, ["install-service", "--destdir", folder]);
  const { code, stdout } = await install();
  expect([code, stdout]).toEqual([0, expect.stringContaining("systemctl enable --now sluice")]);
  const [config, unit] = [join(folder, "etc/sluice/sluice.env"), join(folder, "etc/systemd/system/sluice.service")];
  expect(statSync(config).mode & 0o777).toBe(0o640);
  writeFileSync(config, "PORT=9000\n");
  writeFileSync(unit, "old");
  expect((await install()).stderr).toContain(`kept  ${config}`);
  expect(readFileSync(config, "utf8")).toBe("PORT=9000\n");
  expect(readFileSync(unit, "utf8")).toBe(unitText({ workerOnly: false }));
  const installed = join(folder, "usr/local/bin/sluice");
  expect(statSync(installed).mode & 0o111).toBe(0o111);
  expect(statSync(installed).size).toBe(statSync(BINARY).size);
  // The file that it writes is one that the binary reads.
  writeFileSync(
    config,
    (await sluice(folder, ["install-service", "--dry-run"])).stdout
      .split("# /etc/sluice/sluice.env (mode 640)\n")[1]!
      .split("# /etc/systemd")[0]!,
  );
  expect((await sluice(folder, ["migrate", "--status"], { SLUICE_ENV_FILE: config })).code).toBe(0);
}, 60_000);

test.if(analyze !== null)("systemd finds no fault in the unit, and its exposure is below 2", () => {
  const unit = join(scratch(), "sluice.service");
  writeFileSync(unit, unitText({ workerOnly: false }).replaceAll("/usr/local/bin/sluice", BINARY));
  const verified = Bun.spawnSync([analyze!, "verify", unit]);
  expect([verified.exitCode, verified.stderr.toString()]).toEqual([0, ""]);
  // In tenths.
  const judged = Bun.spawnSync([analyze!, "security", "--offline=true", "--threshold=20", unit]);
  expect([judged.exitCode, judged.stdout.toString()]).toEqual([0, expect.stringContaining("Overall exposure level")]);
});
