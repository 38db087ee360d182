/**
 * Counts what a client asks of Postgres: a proxy that reads the frontend messages on their way. Executions are statements;
 * Sync and simple queries are what the client waits for, so they bound its round trips (pipelined ones wait together).
 * (PostgreSQL documentation, "Frontend/Backend Protocol")
 */
import type { Socket } from "bun";

export interface Counts {
  statements: number;
  roundTrips: number;
}

interface Link {
  peer: Socket<Link> | null;
  waiting: Buffer[];
}

const [EXECUTE, QUERY, SYNC] = ["E", "Q", "S"].map((letter) => letter.charCodeAt(0));

/** Listens on a free port; `url` is the given one with that address. */
export function countStatements(url: string): { url: string; counts: Counts; stop(): void } {
  const counts: Counts = { statements: 0, roundTrips: 0 };
  const target = new URL(url);
  const read = (type: number): void => {
    if (type === EXECUTE || type === QUERY) counts.statements++;
    if (type === SYNC || type === QUERY) counts.roundTrips++;
  };
  const passOn = (socket: Socket<Link>, bytes: Buffer): void => {
    const { peer, waiting } = socket.data;
    if (!peer || waiting.length > 0) return void waiting.push(Buffer.from(bytes));
    const written = peer.write(bytes);
    if (written < bytes.length) waiting.push(Buffer.from(bytes.subarray(written)));
  };
  const flush = (from: Socket<Link>): void => {
    const { peer, waiting } = from.data;
    while (peer && waiting.length > 0) {
      const written = peer.write(waiting[0]!);
      if (written < waiting[0]!.length) {
        waiting[0] = waiting[0]!.subarray(written);
        return;
      }
      waiting.shift();
    }
  };
  const server = Bun.listen<Link>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(client) {
        client.data = { peer: null, waiting: [] };
        void Bun.connect<Link>({
          hostname: target.hostname,
          port: Number(target.port || 5432),
          socket: {
            data: passOn,
            drain: () => flush(client),
            close: () => void client.end(),
          },
          data: { peer: client, waiting: [] },
        }).then((upstream) => {
          client.data.peer = upstream;
          flush(client);
        });
        messages.set(client, messageReader(read));
      },
      data(client, bytes) {
        messages.get(client)!(bytes);
        passOn(client, bytes);
      },
      drain(client) {
        if (client.data.peer) flush(client.data.peer);
      },
      close: (client) => void client.data.peer?.end(),
    },
  });
  const own = new URL(url);
  own.hostname = "127.0.0.1";
  own.port = String(server.port);
  return { url: own.href, counts, stop: () => server.stop(true) };
}

const messages = new WeakMap<Socket<Link>, (bytes: Buffer) => void>();

/** Finds the type of each message in a stream of bytes; the first message of a connection has none. */
function messageReader(read: (type: number) => void): (bytes: Buffer) => void {
  let head = Buffer.alloc(0);
  let skip = 0;
  let started = false;
  return (bytes) => {
    let at = 0;
    while (at < bytes.length) {
      if (skip > 0) {
        const step = Math.min(skip, bytes.length - at);
        skip -= step;
        at += step;
        continue;
      }
      const needed = (started ? 5 : 4) - head.length;
      head = Buffer.concat([head, bytes.subarray(at, at + needed)]);
      at += needed;
      if (head.length < (started ? 5 : 4)) return;
      if (started) read(head[0]!);
      skip = head.readUInt32BE(started ? 1 : 0) - 4;
      head = Buffer.alloc(0);
      started = true;
    }
  };
}
