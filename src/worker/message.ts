/** What the main thread and a worker thread say to each other. Plain data only: errors cross as ErrorData. */
import type { Config } from "../config.ts";
import type { DatabaseTarget } from "../db/connect.ts";
import type { ErrorData } from "../errors.ts";
import type { Counts } from "../metrics_meter.ts";

export interface StartMessage {
  kind: "start";
  config: Config;
  database: DatabaseTarget;
  /** Name of this worker in lease columns and logs, unique for each start. */
  name: string;
  /** One thread of a process also does the periodic duties. */
  janitor: boolean;
  /** Command line of the conversion child. */
  childCommand: string[];
  /** FILE_CATALOG_ROOTS and what the command line added. */
  fileCatalogRoots: string[];
}

export type ToThread =
  | StartMessage
  | { kind: "stop" }
  /** The configuration was read again. */
  | { kind: "reload"; config: Config };

export type FromThread =
  | { kind: "ready" }
  /** Sent every second: the event loop is alive, and what it has counted since. */
  | { kind: "beat"; running: number; counts?: Counts | undefined }
  | { kind: "stopped" }
  | { kind: "fatal"; error: ErrorData };
