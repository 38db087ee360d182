/**
 * Lets many clients share the one Postgres backend that PGlite is. One owner at a time: a client owns the backend from
 * its first batch until ReadyForQuery says idle, so that transactions and half-spoken extended queries are never
 * mixed; then the next client in line has its turn, first come, first served. A client that vanishes gets a ROLLBACK
 * and its prepared statements closed.
 *
 * What clients do share, because the session is one: SET without LOCAL, temporary tables, session-level advisory locks
 * (which therefore lock nobody out), cursors WITH HOLD, SQL-level PREPARE and DEALLOCATE ALL. Use their
 * transaction-level forms. LISTEN succeeds but nothing is delivered. A statement that runs cannot be cancelled and has
 * no timeout: PGlite runs it in one uninterruptible call.
 */
import type { Socket } from "bun";
import {
  CANCEL_REQUEST,
  closeStatements,
  ERROR_RESPONSE,
  endsBatch,
  fatal,
  GSSENC_REQUEST,
  isFrontendType,
  MessageReader,
  negotiateVersion,
  query,
  ReplyWatch,
  readStartup,
  refuseCopyIn,
  renameStatement,
  SSL_REQUEST,
  sync,
  TERMINATE,
  WireFault,
  welcome,
} from "./wire.ts";

/** Runs a batch of whole messages; replies arrive in pieces that are valid only during the call. */
export type RunBatch = (batch: Uint8Array, onReply: (bytes: Uint8Array) => void) => Promise<void>;

export interface BridgeLimits {
  /** Largest message of a client; more ends its connection. */
  maxMessageBytes: number;
  /** Unsent reply bytes a client may have; a larger result ends its connection (the whole of it has to be held). */
  maxUnsentBytes: number;
  /** Complete batches a client may have waiting, in bytes, before its socket is no longer read. */
  maxWaitingBytes: number;
  /** How long the owner may stay silent inside a transaction while it keeps all others out, ms. */
  ownerIdleMs: number;
  maxClients: number;
}

export const BRIDGE_LIMITS: BridgeLimits = {
  maxMessageBytes: 256 * 1024 * 1024,
  maxUnsentBytes: 512 * 1024 * 1024,
  maxWaitingBytes: 4 * 1024 * 1024,
  ownerIdleMs: 60_000,
  maxClients: 200,
};

/** Reply bytes that are worth a write of their own. */
const WRITE_BYTES = 65_536;

/** How long the bridge works through the queue before it lets the event loop read and write sockets, ms. */
const SLICE_MS = 5;

interface Client {
  id: number;
  /** The role to act as, named at the start as a server's clients may; undefined: the only login's own. */
  role: string | undefined;
  socket: Socket<Client>;
  reader: MessageReader;
  phase: "starting" | "open" | "closed";
  /** Messages of the batch that is not complete yet. */
  open: Buffer[];
  /** Complete batches. */
  waiting: Buffer[];
  waitingBytes: number;
  paused: boolean;
  /** Prepared statements by their names in the backend. */
  statements: Set<string>;
  /** Reply pieces of the running batch, not yet joined into one write. */
  pieces: Buffer[];
  pieceBytes: number;
  /** What the socket has not taken yet; non-empty means: wait for `drain`. */
  unsent: Buffer[];
  unsentBytes: number;
}

export class Bridge {
  #clients = new Set<Client>();
  /** Clients with something to do that do not own the backend, in the order in which they came. */
  #line: Client[] = [];
  #owner: Client | undefined;
  /** The role of the backend's session. */
  #role: string | undefined;
  #ownerTimer: ReturnType<typeof setTimeout> | undefined;
  #watch = new ReplyWatch();
  #pumping = false;
  #gone = false;
  /** When the owner's last batch ended. */
  #servedAt = 0;
  #lastId = 0;
  #idleWaiters: (() => void)[] = [];

  /**
   * @param run the backend
   * @param parameters what to tell clients about the server (`server_version`, …)
   * @param database the only database there is
   * @param onGone called once when the backend has died: nothing works any more
   */
  constructor(
    private readonly run: RunBatch,
    private readonly parameters: Record<string, string>,
    private readonly database: string,
    private readonly onGone: (error: unknown) => void,
    private readonly limits: BridgeLimits = BRIDGE_LIMITS,
  ) {}

  /** Handlers for `Bun.listen`. */
  get handlers(): Bun.SocketHandler<Client> {
    return {
      open: (socket) => this.#opened(socket),
      data: (socket, bytes) => this.#received(socket.data, bytes),
      drain: (socket) => this.#write(socket.data),
      close: (socket) => this.#closed(socket.data),
      end: (socket) => this.#closed(socket.data),
      error: (socket) => this.#closed(socket.data),
    };
  }

  /** Ends all connections with `57P01` (as a server that shuts down) and waits until the backend is free. */
  async shutDown(): Promise<void> {
    for (const client of this.#clients) this.#dismiss(client, "57P01", "the embedded database is shutting down");
    if (!this.#gone && (this.#pumping || this.#owner || this.#line.length > 0))
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  #opened(socket: Socket<Client>): void {
    this.#lastId += 1;
    const client: Client = {
      id: this.#lastId,
      role: undefined,
      socket,
      reader: new MessageReader(this.limits.maxMessageBytes),
      phase: "starting",
      open: [],
      waiting: [],
      waitingBytes: 0,
      paused: false,
      statements: new Set(),
      pieces: [],
      pieceBytes: 0,
      unsent: [],
      unsentBytes: 0,
    };
    socket.data = client;
    this.#clients.add(client);
    if (this.#clients.size > this.limits.maxClients) this.#dismiss(client, "53300", "too many clients");
  }

  #received(client: Client, bytes: Buffer): void {
    if (client.phase === "closed") return;
    client.reader.push(bytes);
    try {
      for (let message = client.reader.next(); message; message = client.reader.next()) {
        if (client.phase === "starting") this.#greet(client, message);
        else if (message[0] === TERMINATE) this.#closed(client);
        else this.#collect(client, message);
        // Each of these may have ended it, which the compiler cannot see.
        if ((client.phase as Client["phase"]) === "closed") return;
      }
    } catch (error) {
      if (!(error instanceof WireFault)) throw error;
      this.#dismiss(client, "08P01", `protocol violation: ${error.message}`);
    }
    if (client.waitingBytes > this.limits.maxWaitingBytes && !client.paused) {
      client.paused = true;
      client.socket.pause();
    }
  }

  #greet(client: Client, message: Buffer): void {
    const { code, minor, parameters } = readStartup(message);
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
      client.socket.write("N");
      return;
    }
    const database = parameters.get("database") ?? parameters.get("user");
    // There is nothing to cancel with: the backend cannot be interrupted.
    if (code === CANCEL_REQUEST) this.#closed(client);
    else if (code >> 16 !== 3) this.#dismiss(client, "0A000", "unsupported protocol version");
    else if (database !== this.database) this.#dismiss(client, "3D000", `database "${database}" does not exist`);
    else if (!/^\w*$/.test(parameters.get("role") ?? "")) this.#dismiss(client, "22023", "invalid role");
    else {
      client.role = parameters.get("role");
      this.#admit(client, minor, parameters.get("application_name") ?? "");
    }
  }

  #admit(client: Client, minor: number, applicationName: string): void {
    client.phase = "open";
    client.reader.started();
    if (minor > 0) this.#hold(client, negotiateVersion());
    const secret = crypto.getRandomValues(new Int32Array(1))[0]!;
    this.#hold(client, welcome({ ...this.parameters, application_name: applicationName }, client.id, secret));
    this.#send(client);
  }

  #collect(client: Client, message: Buffer): void {
    if (!isFrontendType(message[0]!)) throw new WireFault(`message type ${message[0]}`);
    const renamed = renameStatement(refuseCopyIn(message), `${client.id}_`);
    if (renamed.creates) client.statements.add(renamed.creates);
    client.open.push(renamed.message);
    if (!endsBatch(message[0]!)) return;
    const batch = client.open.length === 1 ? client.open[0]! : Buffer.concat(client.open);
    client.open = [];
    client.waiting.push(batch);
    client.waitingBytes += batch.length;
    this.#queue(client);
  }

  #queue(client: Client): void {
    if (client !== this.#owner && !this.#line.includes(client)) this.#line.push(client);
    void this.#pump();
  }

  /** Works through owner and line until nobody has a complete batch; one instance runs at a time. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    clearTimeout(this.#ownerTimer);
    try {
      for (let sliceEnd = performance.now() + SLICE_MS; this.#takeOwner(); ) {
        await this.#serve(this.#owner!);
        if (performance.now() < sliceEnd) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        sliceEnd = performance.now() + SLICE_MS;
      }
    } catch (error) {
      // Still marked as pumping: nothing must reach the backend any more.
      this.#gone = true;
      for (const client of this.#clients) this.#dismiss(client, "57P02", "the embedded database has stopped");
      for (const resolve of this.#idleWaiters.splice(0)) resolve();
      this.onGone(error);
      return;
    }
    this.#pumping = false;
    const left = this.#servedAt + this.limits.ownerIdleMs - performance.now();
    if (this.#owner) this.#ownerTimer = setTimeout(() => this.#evict(), Math.max(0, left));
    else for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Makes sure that there is an owner with something to do. */
  #takeOwner(): boolean {
    this.#owner ??= this.#line.shift();
    if (!this.#owner) return false;
    return this.#owner.waiting.length > 0 || this.#owner.phase === "closed";
  }

  async #serve(owner: Client): Promise<void> {
    if (owner.phase === "closed") await this.#cleanUp(owner);
    else {
      const batch = owner.waiting.shift()!;
      owner.waitingBytes -= batch.length;
      if (owner.paused && owner.waitingBytes <= this.limits.maxWaitingBytes / 2) {
        owner.paused = false;
        owner.socket.resume();
      }
      // What owns the backend and is idle has only just got it.
      if (owner.role === this.#role || this.#watch.status !== "I" || (await this.#become(owner)))
        await this.#execute(batch, (bytes) => this.#hold(owner, bytes));
      this.#send(owner);
    }
    this.#servedAt = performance.now();
    if (this.#watch.status !== "I") return;
    this.#owner = undefined;
    if (owner.waiting.length > 0 || (owner.phase === "closed" && owner.statements.size > 0)) this.#line.push(owner);
  }

  /** The one session acts as whose turn it is. False when it cannot: then that client is dismissed. */
  async #become({ role }: Client): Promise<boolean> {
    let refused: boolean | undefined;
    await this.#execute(query(role === undefined ? "RESET ROLE" : `SET ROLE ${role}`), (bytes) => {
      refused ??= bytes[0] === ERROR_RESPONSE;
    });
    if (refused) this.#dismiss(this.#owner!, "28000", `role "${role}" cannot be used`);
    else this.#role = role;
    return !refused;
  }

  async #execute(batch: Buffer, onReply: (bytes: Uint8Array) => void): Promise<void> {
    this.#watch.expect();
    await this.run(batch, (bytes) => {
      this.#watch.feed(bytes);
      onReply(bytes);
    });
  }

  /** What a vanished client left behind: an open batch, a transaction, prepared statements. */
  async #cleanUp(gone: Client): Promise<void> {
    const ignore = () => {};
    if (this.#watch.status === undefined) await this.#execute(sync(), ignore);
    if (this.#watch.status !== "I") await this.#execute(query("ROLLBACK"), ignore);
    await this.#execute(closeStatements(gone.statements), ignore);
    gone.statements.clear();
  }

  /** The owner kept everybody waiting without saying anything: Postgres' idle_in_transaction_session_timeout. */
  #evict(): void {
    if (this.#owner && !this.#pumping)
      this.#dismiss(this.#owner, "25P03", "terminating connection due to idle-in-transaction timeout");
  }

  /** Copies a piece of a reply (it points into the backend's memory) and sends what has become a decent write. */
  #hold(client: Client, bytes: Uint8Array): void {
    if (client.phase === "closed") return;
    client.pieces.push(Buffer.from(bytes));
    client.pieceBytes += bytes.length;
    if (client.pieceBytes >= WRITE_BYTES) this.#send(client);
    if (client.unsentBytes > this.limits.maxUnsentBytes)
      this.#dismiss(client, "54000", "the result is too large; read it with a cursor");
  }

  /** Everything that is held becomes one write. */
  #send(client: Client): void {
    if (client.phase === "closed" || client.pieces.length === 0) return;
    client.unsent.push(client.pieces.length === 1 ? client.pieces[0]! : Buffer.concat(client.pieces));
    client.unsentBytes += client.pieceBytes;
    client.pieces = [];
    client.pieceBytes = 0;
    if (client.unsent.length === 1) this.#write(client);
  }

  /** Writes what the socket takes; the rest goes out on `drain`. */
  #write(client: Client): void {
    if (client.phase === "closed") return;
    for (let bytes = client.unsent.shift(); bytes; bytes = client.unsent.shift()) {
      const written = Math.max(0, client.socket.write(bytes));
      client.unsentBytes -= written;
      if (written === bytes.length) continue;
      client.unsent.unshift(bytes.subarray(written));
      return;
    }
  }

  /** Ends a connection with a FATAL error, which the client gets to see unless it has stopped reading. */
  #dismiss(client: Client, sqlstate: string, text: string): void {
    if (client.phase === "closed") return;
    client.pieces.push(fatal(sqlstate, text));
    this.#send(client);
    this.#closed(client);
  }

  #closed(client: Client): void {
    if (client.phase === "closed") return;
    client.phase = "closed";
    client.socket.end();
    this.#clients.delete(client);
    client.open = [];
    client.waiting = [];
    client.pieces = [];
    client.unsent = [];
    if (client === this.#owner || client.statements.size > 0) this.#queue(client);
  }
}
