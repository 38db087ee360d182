/**
 * Reads the zip container of a .docx. Only parts that are asked for are inflated, one by one and never beyond what is
 * left of the budget, whatever their headers declare. Entry names are keys and nothing else: no path is ever opened.
 */
import { inflateRawSync } from "node:zlib";
import { PermanentError } from "../../errors.ts";
import type { ConvertLimits } from "../converted.ts";

interface Entry {
  method: number;
  encrypted: boolean;
  /** Where the local header starts. */
  offset: number;
  compressedSize: number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
/** No part that is read may unpack to more than this: 10,000 pages of text stay far below it. */
const PART_MAX = 64 * 1024 * 1024;
const CHUNK_MIN = 16 * 1024;
const CHUNK_MAX = 1024 * 1024;
/** A comment behind the end record is 64 KB at most; some files carry other garbage there. */
const END_SEARCH = 1 << 20;

const malformed = (what: string): PermanentError =>
  new PermanentError("convert.malformed", `The .docx container is damaged: ${what}.`);

export class Archive {
  private readonly entries = new Map<string, Entry>();
  private left: number;
  private readonly view: DataView;

  /** Reads the directory. Throws PermanentError `convert.malformed`, `convert.too_large`. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly limits: ConvertLimits,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.left = limits.inflatedBytesMax;
    this.readDirectory();
  }

  /** Part names as they stand in the archive, without a leading slash. */
  get names(): Iterable<string> {
    return this.entries.keys();
  }

  has(name: string): boolean {
    return this.entries.has(key(name));
  }

  /** The part's bytes, or null if there is none of this name (case does not count, as OPC says). Throws beyond limits. */
  read(name: string): Uint8Array | null {
    const entry = this.entries.get(key(name));
    return entry ? this.inflate(name, entry) : null;
  }

  private readDirectory(): void {
    const end = this.findEnd();
    const count = this.view.getUint16(end + 10, true);
    const size = this.view.getUint32(end + 12, true);
    const declaredStart = this.view.getUint32(end + 16, true);
    // Bytes put before the archive shift every offset; the directory really ends where the end record begins.
    const shift = declaredStart !== 0xffffffff && size !== 0xffffffff ? Math.max(0, end - size - declaredStart) : 0;
    if (count > this.limits.archiveEntriesMax) throw this.tooManyEntries();
    let at = declaredStart + shift;
    if (!this.isCentral(at)) at = declaredStart;
    while (this.isCentral(at)) {
      if (this.entries.size >= this.limits.archiveEntriesMax) throw this.tooManyEntries();
      const nameLength = this.view.getUint16(at + 28, true);
      const extraLength = this.view.getUint16(at + 30, true);
      const commentLength = this.view.getUint16(at + 32, true);
      if (at + 46 + nameLength > this.bytes.length) break;
      const name = new TextDecoder().decode(this.bytes.subarray(at + 46, at + 46 + nameLength));
      const entry: Entry = {
        encrypted: (this.view.getUint16(at + 8, true) & 1) === 1,
        method: this.view.getUint16(at + 10, true),
        compressedSize: this.view.getUint32(at + 20, true),
        offset: this.view.getUint32(at + 42, true) + shift,
      };
      if (!this.entries.has(key(name))) this.entries.set(key(name), entry);
      at += 46 + nameLength + extraLength + commentLength;
    }
    if (this.entries.size === 0) throw malformed("its directory is empty or unreadable");
    // What the headers declare is not looked at: only what is really inflated counts, and pictures never are.
  }

  private findEnd(): number {
    const last = this.bytes.length - END_SIZE;
    for (let at = last; at >= Math.max(0, last - END_SEARCH); at--) {
      if (this.bytes[at] === 0x50 && this.view.getUint32(at, true) === END) return at;
    }
    throw malformed("it has no end record, as if it were cut off");
  }

  private isCentral(at: number): boolean {
    return at >= 0 && at + 46 <= this.bytes.length && this.view.getUint32(at, true) === CENTRAL;
  }

  private inflate(name: string, entry: Entry): Uint8Array {
    if (entry.encrypted) throw new PermanentError("convert.encrypted", "The .docx container is encrypted.");
    const { offset } = entry;
    if (offset + 30 > this.bytes.length || this.view.getUint32(offset, true) !== LOCAL)
      throw malformed(`${name} is not where it should be`);
    const start = offset + 30 + this.view.getUint16(offset + 26, true) + this.view.getUint16(offset + 28, true);
    const packed = this.bytes.subarray(start, start + entry.compressedSize);
    if (packed.length < entry.compressedSize) throw malformed(`${name} is cut off`);
    const data = entry.method === 0 ? packed : this.unpack(name, entry, packed);
    if (data.length > Math.min(this.left, PART_MAX)) throw this.tooManyBytes();
    this.left -= data.length;
    return data;
  }

  private unpack(name: string, entry: Entry, packed: Uint8Array): Uint8Array {
    if (entry.method !== 8) throw malformed(`${name} is packed with an unknown method`);
    try {
      return inflateRawSync(packed, {
        maxOutputLength: Math.max(1, Math.min(this.left, PART_MAX)),
        // The default of 16 KB takes a large part in hundreds of pieces, which are then copied together.
        chunkSize: Math.min(Math.max(packed.length * 16, CHUNK_MIN), CHUNK_MAX),
      });
    } catch (error) {
      if (error instanceof RangeError || (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE")
        throw this.tooManyBytes();
      throw malformed(`${name} does not unpack`);
    }
  }

  private tooManyEntries(): PermanentError {
    return new PermanentError("convert.too_large", "The .docx container has too many entries.", {
      limit: this.limits.archiveEntriesMax,
    });
  }

  private tooManyBytes(): PermanentError {
    return new PermanentError("convert.too_large", "The .docx container unpacks to more bytes than allowed.", {
      limit: this.limits.inflatedBytesMax,
    });
  }
}

/** OPC compares part names without case; some writers put backslashes. */
function key(name: string): string {
  return name.replaceAll("\\", "/").replace(/^\/+/, "").toLowerCase();
}
