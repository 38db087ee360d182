/**
 * Writes small PDF files for tests: text at positions in the standard fonts, ruling lines, links, and the old RC4
 * encryption. Coordinates are points from the top left of a 595 × 842 page.
 */
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

export type FontName = "Helvetica" | "Helvetica-Bold" | "Courier" | "Times-Roman";
const FONTS: FontName[] = ["Helvetica", "Helvetica-Bold", "Courier", "Times-Roman"];
const WIDTH = 595;
const HEIGHT = 842;

export interface Encryption {
  user: string;
  owner: string;
}

/** One page, drawn piece by piece. */
export class Page {
  content = "";
  readonly annotations: string[] = [];
  rotate = 0;

  text(x: number, y: number, text: string, options: { size?: number; font?: FontName; mode?: number } = {}): this {
    const { size = 10, font = "Helvetica", mode = 0 } = options;
    const escaped = text.replace(/[\\()]/g, "\\$&");
    this.content += `BT ${mode} Tr /F${FONTS.indexOf(font)} ${size} Tf 1 0 0 1 ${x} ${HEIGHT - y} Tm (${escaped}) Tj ET\n`;
    return this;
  }

  /** Lines of text below each other. */
  lines(
    x: number,
    y: number,
    lines: readonly string[],
    options: { size?: number; font?: FontName; leading?: number } = {},
  ): this {
    for (const [index, line] of lines.entries())
      this.text(x, y + index * (options.leading ?? (options.size ?? 10) * 1.2), line, options);
    return this;
  }

  line(x1: number, y1: number, x2: number, y2: number): this {
    this.content += `${x1} ${HEIGHT - y1} m ${x2} ${HEIGHT - y2} l S\n`;
    return this;
  }

  link(x: number, y: number, width: number, height: number, url: string): this {
    const rect = `${x} ${HEIGHT - y - height} ${x + width} ${HEIGHT - y}`;
    this.annotations.push(`<< /Type /Annot /Subtype /Link /Rect [${rect}] /A << /S /URI /URI (${url}) >> >>`);
    return this;
  }

  /** A text field with a value but without an appearance. */
  field(x: number, y: number, width: number, height: number, name: string, value: string): this {
    const rect = `${x} ${HEIGHT - y - height} ${x + width} ${HEIGHT - y}`;
    this.annotations.push(
      `<< /Type /Annot /Subtype /Widget /FT /Tx /T (${name}) /V (${value}) /F 4 /Rect [${rect}] >>`,
    );
    return this;
  }
}

export interface PdfOptions {
  info?: Record<string, string>;
  encrypt?: Encryption;
  compress?: boolean;
}

/** The file of the pages. */
export function writePdf(pages: readonly Page[], options: PdfOptions = {}): Uint8Array {
  const key = options.encrypt ? encryptionOf(options.encrypt) : undefined;
  const objects: Buffer[] = [];
  const add = (body: string | Buffer): number => objects.push(Buffer.from(body as string, "latin1"));
  const fontIds = FONTS.map((font) =>
    add(`<< /Type /Font /Subtype /Type1 /BaseFont /${font} /Encoding /WinAnsiEncoding >>`),
  );
  const fonts = FONTS.map((_, index) => `/F${index} ${fontIds[index]} 0 R`).join(" ");
  const pagesId = objects.length + pages.length * 2 + 1;
  const kids = pages.map((page) => {
    const contentId = objects.length + 1;
    let data: Buffer = Buffer.from(page.content, "latin1");
    if (options.compress) data = deflateSync(data);
    if (key) data = rc4(objectKey(key.key, contentId), data);
    const filter = options.compress ? " /Filter /FlateDecode" : "";
    add(
      Buffer.concat([Buffer.from(`<< /Length ${data.length}${filter} >>\nstream\n`), data, Buffer.from("\nendstream")]),
    );
    const annotations = page.annotations.length > 0 ? ` /Annots [${page.annotations.join(" ")}]` : "";
    return add(
      `<< /Type /Page /Parent ${pagesId} 0 R /MediaBox [0 0 ${WIDTH} ${HEIGHT}] /Rotate ${page.rotate}` +
        ` /Contents ${contentId} 0 R /Resources << /Font << ${fonts} >> >>${annotations} >>`,
    );
  });
  add(`<< /Type /Pages /Count ${pages.length} /Kids [${kids.map((id) => `${id} 0 R`).join(" ")}] >>`);
  const root = add(`<< /Type /Catalog /Pages ${pagesId} 0 R >>`);
  const info = Object.entries(options.info ?? {}).map(([name, value]) => `/${name} (${value})`);
  const infoId = info.length > 0 ? add(`<< ${info.join(" ")} >>`) : 0;
  const trailer = [`/Size ${objects.length + 1}`, `/Root ${root} 0 R`, `/ID [<00112233> <00112233>]`];
  if (infoId) trailer.push(`/Info ${infoId} 0 R`);
  if (key) trailer.push(`/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${key.owner}> /U <${key.user}> >>`);
  return assemble(objects, trailer.join(" "));
}

function assemble(objects: readonly Buffer[], trailer: string): Uint8Array {
  const parts: Buffer[] = [Buffer.from("%PDF-1.4\n")];
  const offsets: number[] = [];
  let length = parts[0]!.length;
  for (const [index, body] of objects.entries()) {
    offsets.push(length);
    const object = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), body, Buffer.from("\nendobj\n")]);
    parts.push(object);
    length += object.length;
  }
  const rows = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< ${trailer} >>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return new Uint8Array(Buffer.concat(parts));
}

const PADDING = Buffer.from("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a", "hex");

function padded(password: string): Buffer {
  return Buffer.concat([Buffer.from(password, "latin1"), PADDING]).subarray(0, 32);
}

/** Key and dictionary entries of revision 2 (ISO 32000-1, 7.6.3). */
function encryptionOf({ user, owner }: Encryption): { key: Buffer; owner: string; user: string } {
  const ownerEntry = rc4(md5(padded(owner)).subarray(0, 5), padded(user));
  const permissions = Buffer.from([0xfc, 0xff, 0xff, 0xff]);
  const key = md5(Buffer.concat([padded(user), ownerEntry, permissions, Buffer.from("00112233", "hex")])).subarray(
    0,
    5,
  );
  return { key, owner: ownerEntry.toString("hex"), user: rc4(key, PADDING).toString("hex") };
}

function objectKey(key: Buffer, id: number): Buffer {
  return md5(Buffer.concat([key, Buffer.from([id & 255, (id >> 8) & 255, (id >> 16) & 255, 0, 0])])).subarray(0, 10);
}

function md5(data: Buffer): Buffer {
  return createHash("md5").update(data).digest();
}

function rc4(key: Buffer, data: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_, index) => index);
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + state[i]! + key[i % key.length]!) & 255;
    [state[i], state[j]] = [state[j]!, state[i]!];
  }
  let i = 0;
  let j = 0;
  return Buffer.from(
    data.map((byte) => {
      i = (i + 1) & 255;
      j = (j + state[i]!) & 255;
      [state[i], state[j]] = [state[j]!, state[i]!];
      return byte ^ state[(state[i]! + state[j]!) & 255]!;
    }),
  );
}
