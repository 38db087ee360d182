/**
 * The service and whoever supervises it: says that it is ready, that it lives and that it stops (systemd, or nobody), and
 * takes over a changed configuration on SIGHUP.
 */
import { isatty } from "node:tty";
import { readConfig } from "../config.ts";
import { reloadConfig } from "../config_reload.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { monotonicUsec, type Notify, openNotify, startWatchdog } from "../systemd.ts";
import type { Runtime } from "./runtime.ts";

/** How long a replaced thread may take until it is heard of. */
const REPLACED_MS = 60_000;
/** What a stop takes beside the budgets of requests and items. */
const STOP_SLACK_MS = 20_000;

export interface Supervision {
  ready(status: string): void;
  /** Asks for the time that a drain may take; the watchdog is fed until `end`. */
  stopping(): void;
  end(): void;
}

/** Begins to feed the watchdog at once. */
export function supervise(runtime: Runtime, log: Log): Supervision {
  const { config } = runtime;
  const notify = openNotify(config.systemd.notifySocket);
  const watchdog = startWatchdog(config.systemd.watchdogUsec, notify, () => workersAnswer(runtime));
  const reload = () => reloadNow(runtime, log, notify);
  // At a terminal SIGHUP says that the terminal is gone, and the service goes with it.
  const reloads = !isatty(2);
  if (reloads) process.on("SIGHUP", reload);
  return {
    ready: (status) => notify(`READY=1\nSTATUS=${status}`),
    stopping: () => notify(`STOPPING=1\nEXTEND_TIMEOUT_USEC=${(2 * config.worker.shutdownMs + STOP_SLACK_MS) * 1000}`),
    end() {
      watchdog.stop();
      if (reloads) process.off("SIGHUP", reload);
    },
  };
}

/** The pool replaces a thread that was silent for an item's deadline; only when that does not help all are silent. */
const workersAnswer = ({ pool, config }: Runtime): boolean =>
  pool === null || pool.silentMs < config.worker.itemDeadlineMs + REPLACED_MS;

function reloadNow(runtime: Runtime, log: Log, notify: Notify): void {
  notify(`RELOADING=1\nMONOTONIC_USEC=${monotonicUsec()}`);
  try {
    const reloaded = reloadConfig(runtime.config, readConfig());
    log.level = runtime.config.logLevel;
    runtime.pool?.reload(runtime.config);
    log.info({ ...reloaded }, "configuration read again");
  } catch (error) {
    log.error({ reason: messageOf(error) }, "the configuration was not taken over");
  }
  notify("READY=1");
}
