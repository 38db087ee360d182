/** The other end of sd_notify: a Unix datagram socket, as systemd holds one. */
import { dlopen, FFIType } from "bun:ffi";
import { LIBC } from "../../src/db/embedded/lock.ts";

const { i32, u32, u64, i64, ptr } = FFIType;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export interface NotifySocket {
  /** Messages that have arrived since the last call. */
  take(): string[];
  /** Resolves with the next message that contains `text`; those before it are dropped. */
  until(text: string): Promise<string>;
}

/** `name` is a path or `@name`. */
export function openNotifySocket(name: string): NotifySocket {
  const libc = dlopen(LIBC.linux![0]!, {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, ptr, u32], returns: i32 },
    recv: { args: [i32, ptr, u64, i32], returns: i64 },
  }).symbols;
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(name, 2);
  if (name.startsWith("@")) address[2] = 0;
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
  if (libc.bind(socket, address, 2 + name.length + (name.startsWith("@") ? 0 : 1)) !== 0)
    throw new Error(`cannot bind ${name}`);
  const buffer = Buffer.alloc(4096);
  const receive = (): string[] => {
    const messages: string[] = [];
    for (;;) {
      const length = Number(libc.recv(socket, buffer, buffer.length, MSG_DONTWAIT));
      if (length <= 0) return messages;
      messages.push(buffer.toString("utf8", 0, length));
    }
  };
  let waiting: string[] = [];
  return {
    take() {
      const all = [...waiting, ...receive()];
      waiting = [];
      return all;
    },
    async until(text) {
      for (let i = 0; i < 1500; i++) {
        waiting.push(...receive());
        const at = waiting.findIndex((message) => message.includes(text));
        if (at >= 0) {
          const found = waiting[at]!;
          waiting = waiting.slice(at + 1);
          return found;
        }
        await Bun.sleep(20);
      }
      throw new Error(`no message with ${text} in 30 s: ${waiting.join(" | ")}`);
    },
  };
}
