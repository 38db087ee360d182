/**
 * Takes a multipart upload apart while it arrives: each file goes to the spool folder piece by piece, counted and
 * hashed, and the client is read no faster than the disk writes. Bun's own `formData()` would hold the whole body in
 * memory. It is all or nothing: whatever is wrong with any part, every spooled file is removed and one InputError says
 * what it was.
 */
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import { InputError, messageOf, SluiceError, TransientError } from "../errors.ts";
import { uploadName } from "./upload_name.ts";

/** Written in pieces of this size, gathered in one buffer: a write through the thread pool costs more than the copy. */
const WRITE_BYTES = 256 * 1024;
const PREFIX = "upload-";
/** Boundaries, part headers, form fields, an epilogue: what a body may hold beside its files. */
const OVERHEAD_BYTES = 1024 * 1024;
/** Of one part: its name, file name and type. */
const HEADER_BYTES_MAX = 8192;
const MS_MAX = 3_600_000;

export interface UploadLimits {
  /** Folder for the files, created when missing. */
  spoolDir: string;
  maxFileBytes: number;
  maxFiles: number;
  /** All files of one request together. */
  maxTotalBytes: number;
  /** For the whole body, default an hour: an upload holds one of few places. Silence ends it sooner. */
  maxMs?: number;
  /** Form fields of a request, default 20. */
  maxFields?: number;
  /** Bytes of one field's value, default 8 KiB. */
  maxFieldBytes?: number;
}

export interface SpooledFile {
  /** NFC, checked (see upload_name.ts). */
  name: string;
  /** Where it lies; the caller removes it with `discardFiles`. */
  path: string;
  size: number;
  /** Hex. */
  sha256: string;
  /** What the client says it is; not to be trusted. */
  declaredType: string | null;
}

export interface ReceivedUpload {
  fields: Record<string, string>;
  files: SpooledFile[];
}

/** Reads the whole request. Throws InputError `upload.*`; TransientError `upload.spool_failed` when the disk refuses. */
export async function receiveUpload(request: Request, limits: UploadLimits): Promise<ReceivedUpload> {
  const contentType = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*;/i.test(contentType)) {
    throw new InputError("upload.not_multipart", "the content type is not multipart/form-data with a boundary");
  }
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > limits.maxTotalBytes + OVERHEAD_BYTES) throw tooLargeTotal(limits);
  if (request.body === null) throw new InputError("upload.no_file", "the request has no body");
  const intake = new Intake(contentType, limits);
  try {
    await mkdir(limits.spoolDir, { recursive: true, mode: 0o700 });
    await intake.readAll(request.body);
    return await intake.result();
  } catch (error) {
    await intake.discard(error);
    throw error instanceof SluiceError ? error : translated(error);
  }
}

/** Removes spooled files; missing ones are no error. */
export async function discardFiles(files: readonly SpooledFile[]): Promise<void> {
  await Promise.all(files.map((file) => rm(file.path, { force: true })));
}

/** Removes what a crash left in the spool folder: files untouched for `olderThanMs`. Gives how many. */
export async function cleanSpool(spoolDir: string, olderThanMs: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(spoolDir).catch(() => [])) {
    if (!name.startsWith(PREFIX)) continue;
    const file = path.join(spoolDir, name);
    const found = await stat(file).catch(() => null);
    // An upload that is still running touches its file with every write.
    if (found === null || Date.now() - found.mtimeMs < olderThanMs) continue;
    await rm(file, { force: true });
    removed++;
  }
  return removed;
}

/** One request's parts. */
class Intake {
  private readonly parser: BusboyInstance;
  private readonly fields = new Map<string, string>();
  private readonly names = new Set<string>();
  private readonly streams = new Set<BusboyFileStream>();
  private readonly paths: string[] = [];
  private readonly writes: Promise<SpooledFile>[] = [];
  private fileBytes = 0;
  /** The first fault of any part; once there, nothing more is read. */
  private fault: { error: unknown } | null = null;
  /** Wakes whoever waits for the parser: it has room again, has finished, or a fault has come. */
  private wake: () => void = () => {};
  private finished = false;

  constructor(
    contentType: string,
    private readonly limits: UploadLimits,
  ) {
    const maxFields = limits.maxFields ?? 20;
    try {
      this.parser = new Busboy({
        headers: { "content-type": contentType },
        preservePath: true,
        limits: {
          fieldNameSize: 100,
          fieldSize: limits.maxFieldBytes ?? 8192,
          fields: maxFields,
          files: limits.maxFiles,
          parts: limits.maxFiles + maxFields,
          headerPairs: 32,
          headerSize: HEADER_BYTES_MAX,
        },
      });
    } catch (error) {
      throw new InputError("upload.not_multipart", `the content type has no usable boundary: ${messageOf(error)}`);
    }
    onLongHeader(this.parser, () => this.refuse(headerTooLong()));
    const tooManyFiles = () =>
      this.refuse(new InputError("upload.too_many_files", `more than ${limits.maxFiles} files`));
    const tooManyFields = () => this.refuse(new InputError("upload.too_many_fields", `more than ${maxFields} fields`));
    this.parser
      .on("file", (_field, stream, name, _encoding, type) => this.startFile(stream, name, type))
      .on("field", (name, value, _nameCut, valueCut) => this.addField(name, value, valueCut))
      .on("filesLimit", tooManyFiles)
      .on("partsLimit", tooManyFiles)
      .on("fieldsLimit", tooManyFields)
      .on("error", (error) => this.refuse(error))
      .on("finish", () => {
        this.finished = true;
        this.wake();
      });
  }

  private refuse(error: unknown): void {
    this.fault ??= { error };
    this.wake();
  }

  /** Waits for `start` to call back or for a fault. (Promise.race with one lasting promise would keep every chunk.) */
  private async until(start: (done: () => void) => void): Promise<void> {
    if (this.fault === null) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        start(resolve);
      });
    }
    if (this.fault !== null) throw this.fault.error;
  }

  async readAll(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const lateAt = performance.now() + (this.limits.maxMs ?? MS_MAX);
    let total = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        total += value.byteLength;
        if (total > this.limits.maxTotalBytes + OVERHEAD_BYTES) throw tooLargeTotal(this.limits);
        if (performance.now() > lateAt) throw new InputError("upload.too_slow", "the upload took too long");
        const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
        // The parser calls back when its files have taken their bytes; until then the client is not read.
        await this.until((taken) => this.parser.write(bytes, () => taken()));
      }
      await this.until((done) => (this.finished ? done() : this.parser.end()));
      await this.until((done) => void Promise.allSettled(this.writes).then(done));
    } catch (error) {
      void reader.cancel(error).catch(() => {});
      throw error;
    }
  }

  private addField(name: string | undefined, value: string, cut: boolean): void {
    if (name === undefined || !/^[\w.-]{1,64}$/.test(name)) {
      this.refuse(new InputError("upload.malformed", "a form field has no usable name"));
    } else if (cut) {
      this.refuse(new InputError("upload.too_many_fields", `the form field ${name} is too long`, { field: name }));
    } else if (this.fields.has(name)) {
      this.refuse(new InputError("upload.duplicate_field", `the form field ${name} came twice`, { field: name }));
    } else {
      this.fields.set(name, value);
    }
  }

  private startFile(stream: BusboyFileStream, declared: string | undefined, type: string): void {
    this.streams.add(stream);
    // Without a listener an error of a part that nobody reads any more would end the process.
    stream.on("error", () => {});
    const write = this.writeFile(stream, declared, type);
    write.catch((error) => this.refuse(error));
    this.writes.push(write);
  }

  private async writeFile(stream: BusboyFileStream, declared: string | undefined, type: string): Promise<SpooledFile> {
    try {
      const name = this.acceptName(declared);
      return await this.spool(stream, name, type);
    } finally {
      this.streams.delete(stream);
      stream.resume();
    }
  }

  private acceptName(declared: string | undefined): string {
    const name = uploadName(declared);
    if (this.names.has(name)) throw new InputError("upload.duplicate_name", `two files are named ${name}`, { name });
    this.names.add(name);
    return name;
  }

  private async spool(stream: BusboyFileStream, name: string, type: string): Promise<SpooledFile> {
    const file = path.join(this.limits.spoolDir, `${PREFIX}${Bun.randomUUIDv7()}`);
    this.paths.push(file);
    const hash = new Bun.CryptoHasher("sha256");
    const buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
    let filled = 0;
    let size = 0;
    const handle = await open(file, "wx", 0o600);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        size += chunk.byteLength;
        this.fileBytes += chunk.byteLength;
        if (size > this.limits.maxFileBytes) throw tooLarge(name, this.limits);
        if (this.fileBytes > this.limits.maxTotalBytes) throw tooLargeTotal(this.limits);
        hash.update(chunk);
        for (let at = 0; at < chunk.byteLength; ) {
          const taken = chunk.copy(buffer, filled, at);
          at += taken;
          filled += taken;
          if (filled < WRITE_BYTES) continue;
          await handle.writeFile(buffer);
          filled = 0;
        }
      }
      await handle.writeFile(buffer.subarray(0, filled));
    } finally {
      await handle.close();
    }
    if (size === 0) throw new InputError("upload.empty_file", `${name} has no bytes`, { name });
    const declaredType = type === "" ? null : type;
    return { name, path: file, size, sha256: hash.digest("hex"), declaredType };
  }

  async result(): Promise<ReceivedUpload> {
    const files = await Promise.all(this.writes);
    // The parser passes over parts that it cannot read; a file must not get lost so quietly.
    if (partsSeen(this.parser) !== files.length + this.fields.size) {
      throw new InputError("upload.malformed", "a part has no usable Content-Disposition header");
    }
    if (files.length === 0) throw new InputError("upload.no_file", "no part of the body is a file");
    return { fields: Object.fromEntries(this.fields), files };
  }

  /** Ends what still writes, then removes every file of this request. */
  async discard(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error : new Error(String(error));
    for (const stream of this.streams) stream.destroy(reason);
    await Promise.allSettled(this.writes);
    await Promise.all(this.paths.map((file) => rm(file, { force: true })));
  }
}

/** How many parts began; busboy keeps it to itself (`_parser._nparts` in 3.2). */
function partsSeen(parser: BusboyInstance): number {
  const inner: unknown = Reflect.get(parser, "_parser");
  const count: unknown = typeof inner === "object" && inner !== null ? Reflect.get(inner, "_nparts") : undefined;
  if (typeof count !== "number") throw new Error("busboy no longer counts its parts as _parser._nparts");
  return count;
}

/**
 * Tells when a part's header is longer than its limit, which busboy itself only cuts off: what stands beyond is lost
 * without a word, be it the file name. (`_parser.parser._hparser.maxed` in 3.2 turns true then.)
 */
function onLongHeader(parser: BusboyInstance, tell: () => void): void {
  const step = (from: unknown, name: string): unknown =>
    typeof from === "object" && from !== null ? Reflect.get(from, name) : undefined;
  const headers = step(step(step(parser, "_parser"), "parser"), "_hparser");
  if (typeof headers !== "object" || headers === null || step(headers, "maxed") !== false)
    throw new Error("busboy no longer says that a header is too long as _hparser.maxed");
  let maxed = false;
  Object.defineProperty(headers, "maxed", {
    get: () => maxed,
    set(value: boolean) {
      maxed = value;
      if (maxed) tell();
    },
  });
}

const headerTooLong = (): InputError =>
  new InputError("upload.header_too_long", `a part has a header of more than ${HEADER_BYTES_MAX} bytes`, {
    limit: HEADER_BYTES_MAX,
  });

function translated(error: unknown): Error {
  const message = messageOf(error);
  if (error instanceof Error && "syscall" in error) {
    return new TransientError(
      "upload.spool_failed",
      `the upload could not be written: ${message}`,
      {},
      { cause: error },
    );
  }
  if (/unexpected end|terminated early|abort|closed|connection/i.test(message)) {
    return new InputError("upload.truncated", "the body ended before its final boundary", {}, { cause: error });
  }
  return new InputError("upload.malformed", `the multipart body cannot be read: ${message}`, {}, { cause: error });
}

function tooLarge(name: string, limits: UploadLimits): InputError {
  const details = { name, limit: limits.maxFileBytes };
  return new InputError("upload.too_large", `${name} is larger than ${limits.maxFileBytes} bytes`, details);
}

function tooLargeTotal(limits: UploadLimits): InputError {
  const details = { limit: limits.maxTotalBytes };
  return new InputError(
    "upload.too_large",
    `the files are larger than ${limits.maxTotalBytes} bytes together`,
    details,
  );
}
