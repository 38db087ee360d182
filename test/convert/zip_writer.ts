/** Writes small zip archives for tests, honest ones and ones whose headers lie. */
import { deflateRawSync } from "node:zlib";

export interface ZipOptions {
  /** Size to declare for every entry instead of the true one. */
  declaredSize?: number;
  /** Sets the encryption flag of every entry. */
  encrypted?: boolean;
}

/** A zip archive with these entries, deflated. */
export function zipOf(entries: Record<string, string | Uint8Array>, options: ZipOptions = {}): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(typeof content === "string" ? new TextEncoder().encode(content) : content);
    const packed = deflateRawSync(data);
    const path = Buffer.from(name);
    const header = Buffer.alloc(26);
    header.writeUInt16LE(20, 0);
    header.writeUInt16LE(options.encrypted ? 1 : 0, 2);
    header.writeUInt16LE(8, 4);
    header.writeUInt32LE(Bun.hash.crc32(data), 10);
    header.writeUInt32LE(packed.length, 14);
    header.writeUInt32LE(options.declaredSize ?? data.length, 18);
    header.writeUInt16LE(path.length, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(offset, 10);
    locals.push(Buffer.from("PK\x03\x04"), header, path, packed);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), header, central, path);
    offset += 30 + path.length + packed.length;
  }
  const directorySize = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(Object.keys(entries).length, 8);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(directorySize, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...directory, end]);
}
