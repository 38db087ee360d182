import { expect, test } from "bun:test";
import { join } from "node:path";
import { readConfig } from "../src/config.ts";
import { reloadConfig } from "../src/config_reload.ts";
import { readable } from "../src/log.ts";
import { openNotify, startWatchdog } from "../src/systemd.ts";
import { scratch } from "./support/binary.ts";
import { openNotifySocket } from "./support/notify_socket.ts";

const linux = process.platform === "linux";

test.if(linux)(
  "messages arrive whole, at a path and in the abstract namespace, and nobody listening is no error",
  () => {
    for (const name of [join(scratch(), "notify.sock"), `@sluice-test-${process.pid}`]) {
      const systemd = openNotifySocket(name);
      openNotify(name)("READY=1\nSTATUS=über localhost");
      expect(systemd.take()).toEqual(["READY=1\nSTATUS=über localhost"]);
    }
    openNotify("/nowhere/at/all.sock")("READY=1");
    openNotify(null)("READY=1");
  },
);

test.if(linux)("the watchdog is fed while the loop runs and work is possible, and not otherwise", async () => {
  const name = `@sluice-watchdog-${process.pid}`;
  const systemd = openNotifySocket(name);
  let alive = true;
  const watchdog = startWatchdog(30_000, openNotify(name), () => alive);
  await systemd.until("WATCHDOG=1");
  await systemd.until("WATCHDOG=1");
  systemd.take();
  // A loop that is blocked ten times as long as systemd waits.
  Bun.sleepSync(300);
  expect(systemd.take()).toEqual([]);
  await systemd.until("WATCHDOG=1");
  alive = false;
  systemd.take();
  await Bun.sleep(100);
  expect(systemd.take()).toEqual([]);
  alive = true;
  await systemd.until("WATCHDOG=1");
  watchdog.stop();
});

test("a reload takes over levels and limits in place, and names what waits for a restart", () => {
  const config = readConfig("info", { UPLOAD_MAX_FILES: "5", SECRET_KEY: "a key of enough length" });
  const { upload } = config;
  const fresh = readConfig("info", {
    UPLOAD_MAX_FILES: "7",
    LOG_LEVEL: "debug",
    PORT: "1",
    FILE_CATALOG_ROOTS: "/srv",
  });
  expect(reloadConfig(config, fresh)).toEqual({
    changed: ["logLevel", "upload.maxFiles"],
    needRestart: ["http.port", "fileCatalogRoots"],
  });
  expect([upload.maxFiles, config.logLevel, config.http.port]).toEqual([7, "debug", 8100]);
  expect(config.secretKey).toBe("a key of enough length");
});

test("a line for a person has time, level, message, fields and a stack, each once", () => {
  const json = {
    level: "warn",
    time: "2026-01-02T03:04:05.678Z",
    job_id: "7",
    reason: "two words",
    err: { message: "no", stack: "Error: no\n  at x" },
    msg: "item failed",
  };
  const text = readable(JSON.stringify(json)).replaceAll(/\u001b\[\d+m/g, "");
  expect(text).toMatch(/^\d\d:\d\d:05 warn {2}item failed job_id=7 reason="two words"\nError: no\n {2}at x\n$/);
});
