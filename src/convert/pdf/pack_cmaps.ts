/**
 * Packs the predefined CMaps of Adobe, in the binary form that PDF.js reads, into src/convert/pdf/cmaps.b64.txt.
 * Usage: bun src/convert/pdf/pack_cmaps.ts DIR, where DIR is `cmaps/` of the pdfjs-dist release that unpdf bundles.
 * The packed form is base64 of brotli of: a JSON line {name: [offset, length]}, a line feed, then the files.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const directory = process.argv[2] ?? "cmaps";
const index: Record<string, [number, number]> = {};
const files: Buffer[] = [];
let offset = 0;
for (const name of readdirSync(directory)
  .filter((name) => name.endsWith(".bcmap"))
  .sort()) {
  const bytes = readFileSync(`${directory}/${name}`);
  index[name] = [offset, bytes.length];
  files.push(bytes);
  offset += bytes.length;
}
const packed = Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...files]);
const compressed = brotliCompressSync(packed, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
});
const target = new URL("./cmaps.b64.txt", import.meta.url).pathname;
writeFileSync(target, compressed.toString("base64"));
console.log(`${files.length} files, ${offset} bytes, packed ${compressed.length}`);
