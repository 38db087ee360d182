/**
 * What a service says to systemd: that it is ready, that it lives, that it stops. Messages are datagrams on a Unix socket
 * (sd_notify(3)), a kind of socket that neither Bun nor node:dgram has, so they are sent by libc itself. The watchdog is
 * fed only while work is possible: a blocked main loop sends nothing by nature, and silent workers stop it by choice.
 */
import { dlopen, FFIType } from "bun:ffi";
import { LIBC } from "./db/embedded/lock.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const PATH_MAX_BYTES = 107;

/** Sends one message, lines of NAME=value. Never throws: a service must not fail because nobody listens. */
export type Notify = (message: string) => void;

/** `socketPath` as in NOTIFY_SOCKET (a path, or `@name` in the abstract namespace); null says nothing to nobody. */
export function openNotify(socketPath: string | null): Notify {
  if (socketPath === null || process.platform !== "linux") return () => {};
  const path = Buffer.from(socketPath);
  if (path.length > PATH_MAX_BYTES) return () => {};
  const address = Buffer.alloc(2 + path.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  path.copy(address, 2);
  const abstract = socketPath.startsWith("@");
  if (abstract) address[2] = 0;
  const libc = openLibc();
  if (!libc) return () => {};
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  return (message) => {
    const bytes = Buffer.from(message);
    // The closing zero is part of a path, but not of an abstract name.
    libc.sendto(socket, bytes, bytes.length, 0, address, address.length - (abstract ? 1 : 0));
  };
}

function openLibc() {
  const { i32, u32, u64, i64, ptr } = FFIType;
  for (const library of LIBC.linux ?? [])
    try {
      return dlopen(library, {
        socket: { args: [i32, i32, i32], returns: i32 },
        sendto: { args: [i32, ptr, u64, i32, ptr, u32], returns: i64 },
      }).symbols;
    } catch {
      // The other C library.
    }
  return null;
}

/** Feeds the watchdog three times as often as it asks for, as long as `alive` says so. */
export function startWatchdog(intervalUsec: number | null, notify: Notify, alive: () => boolean): { stop(): void } {
  if (intervalUsec === null) return { stop() {} };
  const feed = () => {
    if (alive()) notify("WATCHDOG=1");
  };
  feed();
  const timer = setInterval(feed, Math.max(1, intervalUsec / 3000));
  return { stop: () => clearInterval(timer) };
}

/** For a message that begins a reload; systemd compares it with its own clock. */
export const monotonicUsec = (): bigint => process.hrtime.bigint() / 1000n;
