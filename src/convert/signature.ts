/**
 * Names binary files by their first bytes, Office containers by what they hold. It decides only what a file is, never
 * whether it is sound: zip directories are read for entry names alone and nothing is inflated.
 */

export interface ZipKind {
  /** With its article, for a message. */
  name: string;
  docx: boolean;
  /** No other document format was recognised: may be a damaged .docx if the name says so. */
  generic: boolean;
}

const OPEN_DOCUMENT: [string, string][] = [
  ["application/vnd.oasis.opendocument.text", "an OpenDocument text (.odt)"],
  ["application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)"],
  ["application/vnd.oasis.opendocument.presentation", "an OpenDocument presentation (.odp)"],
  ["application/epub+zip", "an EPUB book (.epub)"],
];

/** What a zip archive is; null if the bytes are none. */
export function zipKind(bytes: Uint8Array): ZipKind | null {
  const signature = bytes[0] === 0x50 && bytes[1] === 0x4b ? (bytes[2]! << 8) | bytes[3]! : 0;
  if (signature !== 0x0304 && signature !== 0x0506 && signature !== 0x0708) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = buffer.toString("latin1", 0, 200);
  for (const [type, name] of OPEN_DOCUMENT) if (start.includes(type)) return { name, docx: false, generic: false };
  const has = entryFinder(buffer);
  const office = has("[Content_Types].xml");
  if (office && has("xl/")) return { name: "an Excel workbook (.xlsx)", docx: false, generic: false };
  if (office && has("ppt/")) return { name: "a PowerPoint presentation (.pptx)", docx: false, generic: false };
  if (office && has("visio/")) return { name: "a Visio drawing (.vsdx)", docx: false, generic: false };
  if (has("META-INF/MANIFEST.MF")) return { name: "a Java archive (.jar)", docx: false, generic: false };
  return { name: "a zip archive", docx: office && has("word/"), generic: true };
}

/** Looks entry names up in the central directory; in a truncated archive, in the local headers instead. */
function entryFinder(buffer: Buffer): (prefix: string) => boolean {
  const names: string[] = [];
  const end = buffer.lastIndexOf("PK\x05\x06", buffer.length, "latin1");
  let at = end >= 0 && end + 22 <= buffer.length ? buffer.readUInt32LE(end + 16) : buffer.length;
  while (names.length < 20_000 && at + 46 <= buffer.length && buffer.readUInt32LE(at) === 0x02014b50) {
    const length = buffer.readUInt16LE(at + 28);
    names.push(buffer.toString("latin1", at + 46, at + 46 + length).replaceAll("\\", "/"));
    at += 46 + length + buffer.readUInt16LE(at + 30) + buffer.readUInt16LE(at + 32);
  }
  if (names.length > 0) return (prefix) => names.some((name) => name.replace(/^\//, "").startsWith(prefix));
  const local: string[] = [];
  for (at = 0; at >= 0 && local.length < 2000; at = buffer.indexOf("PK\x03\x04", at + 4, "latin1")) {
    if (at + 30 <= buffer.length)
      local.push(buffer.toString("latin1", at + 30, at + 30 + buffer.readUInt16LE(at + 26)));
  }
  return (prefix) => local.some((name) => name.startsWith(prefix));
}

export interface OleKind {
  name: string;
  encrypted: boolean;
}

/** Storage names of Microsoft's compound file format, in which old Office files and all encrypted ones come. */
const OLE_STREAMS: [string, string][] = [
  ["WordDocument", "an old Word document (.doc)"],
  ["Workbook", "an old Excel workbook (.xls)"],
  ["PowerPoint Document", "an old PowerPoint presentation (.ppt)"],
  ["__substg1.0_", "an Outlook message (.msg)"],
];

/** What a compound file is; null if the bytes are none. Office encrypts by putting the package into such a file. */
export function oleKind(bytes: Uint8Array): OleKind | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < 8 || buffer.readUInt32BE(0) !== 0xd0cf11e0) return null;
  const has = (stream: string) => buffer.includes(Buffer.from(stream, "utf16le"));
  if (has("EncryptedPackage")) return { name: "an encrypted Office document", encrypted: true };
  const known = OLE_STREAMS.find(([stream]) => has(stream));
  return { name: known?.[1] ?? "an old Office file", encrypted: false };
}

/** [offset, bytes as Latin-1, name, needs a binary look as well since the bytes could start a text]. */
const SIGNATURES: [number, string, string, boolean?][] = [
  [0, "\x89PNG", "a PNG image"],
  [0, "\xff\xd8\xff", "a JPEG image"],
  [0, "GIF8", "a GIF image", true],
  [0, "BM", "a bitmap image", true],
  [0, "II*\0", "a TIFF image"],
  [0, "MM\0*", "a TIFF image"],
  [0, "\0\0\x01\0", "an icon image"],
  [0, "8BPS", "a Photoshop image", true],
  [8, "WEBP", "a WebP image", true],
  [8, "WAVE", "a WAV sound", true],
  [8, "AVI ", "an AVI video", true],
  [4, "ftyphei", "a HEIC image"],
  [4, "ftypavif", "an AVIF image"],
  [4, "ftypM4A", "an M4A sound"],
  [4, "ftyp", "an MP4 video", true],
  [0, "ID3", "an MP3 sound", true],
  [0, "\xff\xfb", "an MP3 sound", true],
  [0, "fLaC", "a FLAC sound", true],
  [0, "OggS", "an Ogg sound", true],
  [0, "\x1a\x45\xdf\xa3", "a Matroska video"],
  [0, "\x7fELF", "a Linux executable"],
  [0, "MZ", "a Windows executable", true],
  [0, "\xca\xfe\xba\xbe", "a Java class or macOS executable"],
  [0, "\xcf\xfa\xed\xfe", "a macOS executable"],
  [0, "\0asm", "a WebAssembly module"],
  [0, "\x1f\x8b", "a gzip archive"],
  [0, "BZh", "a bzip2 archive", true],
  [0, "\xfd7zXZ", "an xz archive"],
  [0, "\x28\xb5\x2f\xfd", "a Zstandard archive"],
  [0, "7z\xbc\xaf", "a 7z archive"],
  [0, "Rar!\x1a\x07", "a RAR archive"],
  [257, "ustar", "a tar archive"],
  [0, "MSCF", "a cabinet archive", true],
  [0, "SQLite format 3\0", "an SQLite database"],
  [0, "PAR1", "a Parquet file", true],
  [0, "wOF", "a web font", true],
  [0, "OTTO", "a font", true],
  [0, "\0\x01\0\0", "a font"],
  [0, "{\\rtf", "a Rich Text document (.rtf)"],
  [0, "%!PS", "a PostScript document"],
  [0, "AT&TFORM", "a DjVu document", true],
  [0, "bplist00", "a binary property list", true],
];

/** The name of a binary format with its article, or null. `binary`: the bytes hold controls, so they are no text. */
export function binaryKind(bytes: Uint8Array, binary: boolean): string | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString("latin1");
  for (const [offset, magic, name, ambiguous] of SIGNATURES) {
    if (head.startsWith(magic, offset) && (binary || !ambiguous)) return name;
  }
  return null;
}
