/** Reads how much memory a process holds: from /proc on Linux, through `ps` elsewhere. */
import { readFileSync } from "node:fs";

/** Resident bytes of a process; 0 if it is gone or cannot be seen. */
export function residentBytes(pid: number): number {
  try {
    if (process.platform === "linux") {
      const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
      return found ? Number(found[1]) * 1024 : 0;
    }
    return (
      Number(
        Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)])
          .stdout.toString()
          .trim(),
      ) * 1024 || 0
    );
  } catch {
    return 0;
  }
}
