/** A TCP proxy that passes bytes on late and no faster than it is told, and is itself read no faster than that. */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface SlowProxy {
  port: number;
  /** Of each direction of each connection; may be changed at any time. */
  pace: { delayMs: number };
  connections(): number;
  close(): void;
}

/** Each piece that arrives is held back for `pace.delayMs` before the next one is read. */
export async function slowProxy(target: { host: string; port: number }): Promise<SlowProxy> {
  const pace = { delayMs: 0 };
  const open = new Set<Socket>();
  const forward = (from: Socket, to: Socket): void => {
    from.on("data", (bytes: Buffer) => {
      from.pause();
      const pass = () => (to.write(bytes) ? from.resume() : to.once("drain", () => from.resume()));
      if (pace.delayMs > 0) setTimeout(pass, pace.delayMs);
      else pass();
    });
    from.on("error", () => {});
    from.on("close", () => to.destroy());
  };
  const listener: Server = createServer((client) => {
    const server = connect(target.port, target.host);
    for (const socket of [client, server]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
    }
    forward(client, server);
    forward(server, client);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    pace,
    port: address !== null && typeof address === "object" ? address.port : 0,
    connections: () => open.size / 2,
    close() {
      listener.close();
      for (const socket of open) socket.destroy();
    },
  };
}
