/**
 * What a running service takes over from a changed configuration (SIGHUP): the log level and the limits that are read
 * anew for each item and request. Everything else holds connections, files or threads and waits for a restart, which the
 * caller is told by name.
 */
import type { Config } from "./config.ts";

const RELOADABLE = new Set([
  "logLevel",
  "fileMaxBytes",
  "upload.maxBytes",
  "upload.maxFiles",
  "embeddings.deadlineSeconds",
  "worker.attemptsMax",
  "worker.itemDeadlineMs",
  "worker.shutdownMs",
  "retention.jobsDays",
  "retention.versionsDays",
  "retention.versionsKeep",
  "retention.purgedDays",
]);
/** Made at the start where it is not configured. */
const MADE = new Set(["secretKey"]);

export interface Reloaded {
  changed: string[];
  needRestart: string[];
}

/** Changes `config` in place, so that whoever holds it sees the new values. */
export function reloadConfig(config: Config, fresh: Config): Reloaded {
  const reloaded: Reloaded = { changed: [], needRestart: [] };
  compare(config as unknown as Tree, fresh as unknown as Tree, "", reloaded);
  return reloaded;
}

type Tree = { [name: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

function compare(config: Tree, fresh: Tree, path: string, reloaded: Reloaded): void {
  for (const name of new Set([...Object.keys(config), ...Object.keys(fresh)])) {
    const at = path + name;
    const [old, now] = [config[name], fresh[name]];
    if (isTree(old) && isTree(now)) compare(old, now, `${at}.`, reloaded);
    else if (Bun.deepEquals(old, now) || (MADE.has(at) && now === null)) continue;
    else if (!RELOADABLE.has(at)) reloaded.needRestart.push(at);
    else {
      config[name] = now;
      reloaded.changed.push(at);
    }
  }
}
