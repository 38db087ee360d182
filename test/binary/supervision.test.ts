/** The running binary under a supervisor that speaks systemd's protocol, and with a configuration file. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, serve } from "../support/binary.ts";
import { openNotifySocket } from "../support/notify_socket.ts";

test.if(process.platform === "linux")(
  "says when it is ready, lives, reloads and stops; SIGHUP reads the file again",
  async () => {
    const folder = scratch();
    const socket = join(folder, "notify.sock");
    const systemd = openNotifySocket(socket);
    const file = join(folder, "sluice.env");
    writeFileSync(file, "# of the service\nLOG_LEVEL=warn\nUPLOAD_MAX_FILES=5\n");
    // The environment goes before the file.
    const service = serve(folder, {
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: "300000",
      SLUICE_ENV_FILE: file,
      LOG_LEVEL: "info",
    });
    expect(await systemd.until("READY=1")).toContain("STATUS=http://127.0.0.1:");
    await systemd.until("WATCHDOG=1");
    const { log, stop, pid } = await service;
    writeFileSync(file, "UPLOAD_MAX_FILES=9\nCHUNK_TARGET_TOKENS=300\n");
    process.kill(pid, "SIGHUP");
    expect(await systemd.until("RELOADING=1")).toMatch(/MONOTONIC_USEC=\d+$/);
    await systemd.until("READY=1");
    const line = log.find(({ msg }) => msg === "configuration read again");
    expect(line).toMatchObject({ changed: ["upload.maxFiles"], needRestart: ["chunking.targetTokens"] });
    const stopped = stop();
    expect(await systemd.until("STOPPING=1")).toContain("EXTEND_TIMEOUT_USEC=60000000");
    expect(await stopped).toBe(0);
  },
  60_000,
);
