/**
 * Data files that PDF.js asks for while it reads fonts. Nothing is ever fetched: what is not bundled is refused, and
 * PDF.js goes on without it. Bundled are Adobe's predefined CMaps, without which text in most Chinese, Japanese and
 * Korean files is unreadable (licence: cmaps.LICENSE.txt; packed by pack_cmaps.ts). They are unpacked when
 * the first file asks for one.
 */
import { brotliDecompressSync } from "node:zlib";

let unpacked: Promise<Map<string, Uint8Array>> | undefined;

async function unpack(): Promise<Map<string, Uint8Array>> {
  const { default: packed } = await import("./cmaps.b64.txt", { with: { type: "text" } });
  const bytes = brotliDecompressSync(Buffer.from(packed, "base64"));
  const start = bytes.indexOf(10) + 1;
  const index = JSON.parse(bytes.subarray(0, start).toString("utf8")) as Record<string, [number, number]>;
  const files = new Map<string, Uint8Array>();
  for (const [name, [offset, length]] of Object.entries(index)) {
    files.set(name, new Uint8Array(bytes.subarray(start + offset, start + offset + length)));
  }
  return files;
}

/** The `BinaryDataFactory` that PDF.js is given. */
export class BundledData {
  /** Called with a kind such as `cMapUrl` and a file name such as `UniGB-UCS2-H.bcmap`; rejects if it is not bundled. */
  readonly fetch = async (request: { kind: string; filename: string }): Promise<Uint8Array> => {
    if (request.kind === "cMapUrl") {
      unpacked ??= unpack();
      const file = (await unpacked).get(request.filename);
      if (file) return file.slice();
    }
    throw new Error(`not bundled: ${request.filename}`);
  };
}
