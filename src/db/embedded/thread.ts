/**
 * Entry point of the thread that holds the embedded database: opens it, listens on a Unix socket, and closes it with a
 * checkpoint when told to. A thread of its own because PGlite runs every statement in one synchronous call. Speaks with
 * the main thread in the messages below; everything else goes through the socket.
 */
import { chmodSync, rmSync } from "node:fs";
import { type Backend, openBackend } from "./backend.ts";
import { BRIDGE_LIMITS, Bridge } from "./bridge.ts";
import { EMBEDDED_DATABASE, EMBEDDED_USER, type FromThread, type ToThread } from "./messages.ts";

type Opening = Extract<ToThread, { type: "open" }>;

declare const self: Worker & { postMessage(message: FromThread): void };

const log: string[] = [];
let backend: Backend | undefined;
let bridge: Bridge | undefined;
let stopListening: (() => void) | undefined;

function onLog(line: string): void {
  log.push(line);
  if (log.length > 20) log.shift();
}

async function open({ directory, socketPath, durable, ownerIdleMs }: Opening): Promise<void> {
  const opened = await openBackend({ directory, durable, onLog });
  backend = opened;
  const onGone = (error: unknown) => self.postMessage({ type: "gone", message: messageOf(error), log });
  const limits = { ...BRIDGE_LIMITS, ownerIdleMs };
  bridge = new Bridge(opened.run, serverParameters(opened.serverVersion), EMBEDDED_DATABASE, onGone, limits);
  rmSync(socketPath, { force: true });
  const listener = Bun.listen({ unix: socketPath, socket: bridge.handlers });
  chmodSync(socketPath, 0o600);
  stopListening = () => {
    listener.stop(false);
    rmSync(socketPath, { force: true });
  };
  self.postMessage({ type: "ready", serverVersion: opened.serverVersion });
}

/** What a Postgres server reports about itself at the start of a connection. */
function serverParameters(serverVersion: string): Record<string, string> {
  return {
    server_version: serverVersion,
    server_encoding: "UTF8",
    client_encoding: "UTF8",
    DateStyle: "ISO, MDY",
    IntervalStyle: "postgres",
    TimeZone: "UTC",
    integer_datetimes: "on",
    standard_conforming_strings: "on",
    is_superuser: "on",
    session_authorization: EMBEDDED_USER,
    in_hot_standby: "off",
    default_transaction_read_only: "off",
  };
}

async function stop(): Promise<void> {
  stopListening?.();
  await bridge?.shutDown();
  await backend?.close();
  self.postMessage({ type: "stopped" });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function fail(error: unknown): void {
  self.postMessage({ type: "failed", message: messageOf(error), log });
}

self.onmessage = (event: MessageEvent<ToThread>) => {
  const message = event.data;
  if (message.type === "open") open(message).catch(fail);
  else stop().catch(fail);
};
