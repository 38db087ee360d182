/**
 * A TCP proxy that a scenario puts in front of Postgres or S3 to break the network: connections reset, refused, or half
 * open, when both ends believe in a connection whose bytes no longer arrive.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  client: Socket;
  server: Socket;
  frozen: boolean;
}

export class FaultyNetwork {
  port = 0;
  private readonly pairs = new Set<Pair>();
  /** Servers' ends of half-open connections whose clients have given up. */
  private readonly abandoned = new Set<Socket>();
  private listener: Server | null = null;
  private freezing = false;

  private constructor(private readonly target: { host: string; port: number }) {}

  static async open(target: { host: string; port: number }): Promise<FaultyNetwork> {
    const proxy = new FaultyNetwork(target);
    await proxy.accept();
    return proxy;
  }

  /** Takes connections (again), at the same port. */
  async accept(): Promise<void> {
    if (this.listener) return;
    const listener = createServer((client) => this.join(client));
    this.listener = listener;
    for (;;) {
      const done = Promise.withResolvers<boolean>();
      listener.once("error", () => done.resolve(false));
      listener.listen(this.port, "127.0.0.1", () => done.resolve(true));
      if (await done.promise) break;
      await Bun.sleep(50);
    }
    const address = listener.address();
    if (address !== null && typeof address === "object") this.port = address.port;
  }

  /** Refuses new connections and resets those there are, as a server that was killed. */
  refuse(): void {
    this.listener?.close();
    this.listener = null;
    this.reset();
  }

  reset(): void {
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.pairs.clear();
  }

  /** From now on no byte passes on any connection, old or new; nobody is told. */
  freeze(): void {
    this.freezing = true;
    for (const pair of this.pairs) pair.frozen = true;
  }

  /** New connections pass again; those that were frozen stay so for ever. */
  thaw(): void {
    this.freezing = false;
  }

  get frozen(): number {
    return [...this.pairs].filter((pair) => pair.frozen).length;
  }

  close(): void {
    this.refuse();
    for (const server of this.abandoned) server.destroy();
  }

  private join(client: Socket): void {
    const server = connect(this.target.port, this.target.host);
    const pair: Pair = { client, server, frozen: this.freezing };
    this.pairs.add(pair);
    const forward = (from: Socket, to: Socket): void => {
      from.on("data", (bytes: Buffer) => {
        if (pair.frozen) return;
        if (!to.write(bytes)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.pairs.delete(pair);
        // The other end of a half-open connection never hears that this one is gone.
        if (pair.frozen) this.abandoned.add(server);
        else to.destroy();
      });
    };
    forward(client, server);
    forward(server, client);
  }
}
