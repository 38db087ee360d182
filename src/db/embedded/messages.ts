/** What the main thread and the thread of the embedded database say to each other, and whom clients connect as. */

/** Main thread → database thread. */
export type ToThread =
  | { type: "open"; directory: string; socketPath: string; durable: boolean; ownerIdleMs: number }
  | { type: "stop" };

/** Database thread → main thread. `log` carries the last lines that Postgres wrote, for whoever has to find out. */
export type FromThread =
  | { type: "ready"; serverVersion: string }
  | { type: "failed"; message: string; log: string[] }
  | { type: "gone"; message: string; log: string[] }
  | { type: "stopped" };

/** PGlite's only database and superuser; who may connect is decided by the permissions of the socket. */
export const EMBEDDED_DATABASE = "postgres";
export const EMBEDDED_USER = "postgres";
