/**
 * The Postgres wire protocol (version 3), as far as the bridge needs it: cutting a byte stream into messages, giving
 * prepared statements names that no other client has, watching replies for ReadyForQuery, and building the few
 * messages that the bridge answers with itself. Pure: bytes in, bytes out.
 * Message formats: https://www.postgresql.org/docs/18/protocol-message-formats.html
 */

/** Requests that come in place of a startup message. */
export const SSL_REQUEST = 80877103;
export const GSSENC_REQUEST = 80877104;
export const CANCEL_REQUEST = 80877102;

const NUL = 0;
const ascii = (letter: string): number => letter.charCodeAt(0);
const BIND = ascii("B");
const CLOSE = ascii("C");
const DESCRIBE = ascii("D");
export const ERROR_RESPONSE = ascii("E");
const FLUSH = ascii("H");
const FUNCTION_CALL = ascii("F");
const PARSE = ascii("P");
const QUERY = ascii("Q");
const READY_FOR_QUERY = ascii("Z");
const STATEMENT = ascii("S");
const SYNC = ascii("S");
export const TERMINATE = ascii("X");

/** All that a client may send once it is in. On any other type the backend would exit, for everybody. */
const FRONTEND_TYPES = new Set([...Buffer.from("BCDEFHPQSXcdfp")]);
export const isFrontendType = (type: number): boolean => FRONTEND_TYPES.has(type);

/** A client speaks in batches: the backend answers at Sync, Flush, a simple Query or a FunctionCall. */
export function endsBatch(type: number): boolean {
  return type === SYNC || type === FLUSH || type === QUERY || type === FUNCTION_CALL;
}

/** A length field that cannot be: the stream is not the protocol, or larger than we are willing to hold. */
export class WireFault extends Error {}

/**
 * Cuts what a client sends into messages without copying a growing buffer for every packet: chunks are kept as they
 * come and joined once, when the message they belong to is complete.
 */
export class MessageReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** The startup message has no type byte. */
  #started = false;

  constructor(private readonly maxMessageBytes: number) {}

  get bufferedBytes(): number {
    return this.#size;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** From now on messages have a type byte: the startup phase is over. */
  started(): void {
    this.#started = true;
  }

  /** The next complete message (type byte, length and body), or undefined while it is not all there. */
  next(): Buffer | undefined {
    const headerBytes = this.#started ? 5 : 4;
    if (this.#size < headerBytes) return undefined;
    const header = this.#peek(headerBytes);
    const declared = header.readInt32BE(headerBytes - 4);
    const total = declared + headerBytes - 4;
    if (declared < 4 || total > (this.#started ? this.maxMessageBytes : 10_000))
      throw new WireFault(`message of ${declared} bytes`);
    return this.#size < total ? undefined : this.#take(total);
  }

  #peek(bytes: number): Buffer {
    while (this.#chunks[0]!.length < bytes) this.#chunks.splice(0, 2, Buffer.concat(this.#chunks.slice(0, 2)));
    return this.#chunks[0]!;
  }

  #take(bytes: number): Buffer {
    const first = this.#chunks[0]!;
    const joined = first.length >= bytes ? first : Buffer.concat(this.#chunks);
    const rest = joined.subarray(bytes);
    if (joined === first) this.#chunks.shift();
    else this.#chunks = [];
    if (rest.length > 0) this.#chunks.unshift(rest);
    this.#size -= bytes;
    return joined.subarray(0, bytes);
  }
}

/**
 * Gives the statement that a message names a prefix of its client: the one backend has a single namespace for all.
 * Unnamed statements stay unnamed. Portals need no prefix: they end with the transaction, and nobody else has the
 * backend before that.
 * @returns the message to pass on, and the backend's name of a statement that it creates
 */
export function renameStatement(message: Buffer, prefix: string): { message: Buffer; creates?: string } {
  const type = message[0];
  let at = 5;
  if (type === BIND) at = message.indexOf(NUL, at) + 1;
  else if (type === CLOSE || type === DESCRIBE) {
    if (message[at] !== STATEMENT) return { message };
    at += 1;
  } else if (type !== PARSE) return { message };
  if (at === 0 || at >= message.length || message[at] === NUL) return { message };
  const renamed = Buffer.allocUnsafe(message.length + prefix.length);
  message.copy(renamed, 0, 0, at);
  renamed.write(prefix, at, "latin1");
  message.copy(renamed, at + prefix.length, at);
  renamed.writeInt32BE(renamed.length - 1, 1);
  if (type !== PARSE) return { message: renamed };
  const end = renamed.indexOf(NUL, at);
  return { message: renamed, creates: renamed.toString("utf8", at, end < 0 ? undefined : end) };
}

/** The SQL text of a Query or Parse message. */
function sqlOf(message: Buffer): string | undefined {
  if (message[0] === QUERY) return message.toString("utf8", 5, message.length - 1);
  if (message[0] !== PARSE) return undefined;
  const start = message.indexOf(NUL, 5) + 1;
  return message.toString("utf8", start, message.indexOf(NUL, start));
}

const COPY_IN = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*copy\b[\s\S]*\bfrom\s+stdin\b/i;
const NO_COPY_IN =
  "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'COPY FROM STDIN is not available in the embedded database'; END $$";

/**
 * COPY FROM STDIN makes the backend read on in the middle of a statement; with nothing there it takes the connection
 * for broken and exits, for all clients. So the statement is replaced by one that fails as any other. Hidden behind
 * another statement of a simple query it meets a CopyFail, which the protocol ignores anywhere else.
 */
export function refuseCopyIn(bytes: Buffer): Buffer {
  const text = sqlOf(bytes);
  if (text === undefined || !/\bstdin\b/i.test(text)) return bytes;
  if (!COPY_IN.test(text)) return bytes[0] === QUERY ? Buffer.concat([bytes, message("f", "not available")]) : bytes;
  if (bytes[0] === QUERY) return query(NO_COPY_IN);
  return message("P", bytes.subarray(5, bytes.indexOf(NUL, 5) + 1), NO_COPY_IN, Buffer.alloc(2));
}

/** Follows a stream of replies, in whatever pieces it comes, for the status byte of the last ReadyForQuery. */
export class ReplyWatch {
  #head = new Uint8Array(6);
  #have = 0;
  #skip = 0;
  /** `I` idle, `T` in a transaction, `E` in a failed one; undefined while the backend has not said that it is ready. */
  status: "I" | "T" | "E" | undefined = "I";

  /** To be called before each batch: the next answer counts. */
  expect(): void {
    this.status = undefined;
  }

  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      this.#head[this.#have++] = bytes[at++]!;
      if (this.#have < 5) continue;
      const [type, a, b, c, d, status] = this.#head;
      if (type === READY_FOR_QUERY) {
        if (this.#have < 6) continue;
        this.status = String.fromCharCode(status!) as "I" | "T" | "E";
      } else this.#skip = ((a! << 24) | (b! << 16) | (c! << 8) | d!) - 4;
      this.#have = 0;
    }
  }
}

function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.allocUnsafe(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int32 = (...values: number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, index) => {
    bytes.writeInt32BE(value | 0, 4 * index);
  });
  return bytes;
};

/** What a server sends to a client that it lets in: no password, parameters, a cancel key, ready. */
export function welcome(parameters: Record<string, string>, clientId: number, secret: number): Buffer {
  return Buffer.concat([
    message("R", int32(0)),
    ...Object.entries(parameters).map(([name, value]) => message("S", name, value)),
    message("K", int32(clientId, secret)),
    message("Z", Buffer.from("I")),
  ]);
}

/** Tells a client that asked for a newer minor version, or for options, that this is plain 3.0. */
export const negotiateVersion = (): Buffer => message("v", int32(0, 0));

/** ErrorResponse with severity FATAL: the connection ends after it. */
export function fatal(sqlstate: string, text: string): Buffer {
  return message("E", "SFATAL", "VFATAL", `C${sqlstate}`, `M${text}`, Buffer.from([NUL]));
}

/** A simple Query message. */
export const query = (sql: string): Buffer => message("Q", sql);

/** Sync: ends a batch that a vanished client left open. */
export const sync = (): Buffer => message("S");

/** Close of prepared statements by their names in the backend, and the Sync that makes it answer. */
export function closeStatements(names: Iterable<string>): Buffer {
  return Buffer.concat([...[...names].map((name) => message("C", Buffer.from("S"), name)), sync()]);
}

/** The parameters of a startup message (`user`, `database`, …) and the protocol version it asks for. */
export function readStartup(bytes: Buffer): { code: number; minor: number; parameters: Map<string, string> } {
  const code = bytes.length >= 8 ? bytes.readInt32BE(4) : 0;
  const words = bytes.toString("utf8", 8).split("\0");
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < words.length && words[i]; i += 2) parameters.set(words[i]!, words[i + 1]!);
  return { code, minor: code & 0xffff, parameters };
}
