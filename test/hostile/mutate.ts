/**
 * Damages documents as chance, bad disks and attackers do: flipped bits, missing ends, swapped parts of archives,
 * headers that lie about sizes, nesting without end. Each case follows from its seed alone.
 */
import { inflateRawSync } from "node:zlib";
import { zipOf } from "../convert/zip_writer.ts";
import type { Random } from "../faults/random.ts";

export interface Document {
  name: string;
  bytes: Uint8Array;
}

type Mutation = (document: Document, random: Random, other: Document) => Uint8Array;

const isZip = ({ bytes }: Document): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;
const isPdf = ({ bytes }: Document): boolean => Buffer.from(bytes.subarray(0, 1024)).includes("%PDF-");

const ANYWHERE: Record<string, Mutation> = {
  flipped_bits({ bytes }, random) {
    const copy = bytes.slice();
    for (let i = random.between(1, 64); i > 0; i--)
      copy[random.between(0, copy.length - 1)]! ^= 1 << random.between(0, 7);
    return copy;
  },
  truncated: ({ bytes }, random) => bytes.slice(0, random.between(1, bytes.length)),
  without_middle({ bytes }, random) {
    const from = random.between(0, bytes.length - 1);
    return concat(bytes.subarray(0, from), bytes.subarray(random.between(from, bytes.length)));
  },
  zeroed({ bytes }, random) {
    const copy = bytes.slice();
    const from = random.between(0, copy.length - 1);
    return copy.fill(0, from, from + random.between(1, 4096));
  },
  repeated({ bytes }, random) {
    const from = random.between(0, bytes.length - 1);
    const piece = bytes.subarray(from, from + random.between(1, 200));
    return concat(
      bytes.subarray(0, from),
      ...Array<Uint8Array>(random.between(100, 20_000)).fill(piece),
      bytes.subarray(from),
    );
  },
  spliced({ bytes }, random, other) {
    return concat(
      bytes.subarray(0, random.between(1, bytes.length)),
      other.bytes.subarray(random.between(0, other.bytes.length)),
    );
  },
};

const ZIP: Record<string, Mutation> = {
  swapped_entries({ bytes }, random) {
    const copy = Buffer.from(bytes);
    const all = directoryOf(copy);
    if (all.length < 2) return copy;
    const [a, b] = random.shuffled(all) as [number, number];
    const offset = copy.readUInt32LE(a + 42);
    copy.writeUInt32LE(copy.readUInt32LE(b + 42), a + 42);
    copy.writeUInt32LE(offset, b + 42);
    return copy;
  },
  lying_sizes({ bytes }, random) {
    const copy = Buffer.from(bytes);
    for (const at of directoryOf(copy))
      if (random.next() < 0.5)
        copy.writeUInt32LE(random.pick([0, 1, 0x7fffffff, 0xfffffff0, 0xffffffff]), at + random.pick([20, 24, 42]));
    return copy;
  },
  nested_deeply(document, random) {
    const depth = random.pick([50, 500, 5000, 50_000]);
    const [open, close] = random.pick([
      ["<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"],
      ["<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"],
      ["<w:hyperlink>", "</w:hyperlink>"],
      ["<w:p><w:r><w:pict><w:txbxContent>", "</w:txbxContent></w:pict></w:r></w:p>"],
    ] as const);
    return rewritten(document, (xml) =>
      xml.replace(/<w:body>/, () => `<w:body>${open.repeat(depth)}<w:p/>${close.repeat(depth)}`),
    );
  },
  inflated: (document, random) =>
    rewritten(document, (xml) =>
      xml.replace(
        /<w:body>/,
        () => `<w:body>${"<w:p><w:r><w:t>x</w:t></w:r></w:p>".repeat(random.pick([1000, 100_000, 500_000]))}`,
      ),
    ),
  many_attributes: (document, random) =>
    rewritten(document, (xml) =>
      xml.replace(
        "<w:body>",
        () => `<w:body ${Array.from({ length: random.pick([100, 100_000]) }, (_, i) => `a${i}="x"`).join(" ")}>`,
      ),
    ),
  foreign_entity: (document) =>
    rewritten(
      document,
      (xml) =>
        `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${xml.replace(/<w:body>/, "<w:body><w:p><w:r><w:t>&e;</w:t></w:r></w:p>")}`,
    ),
};

const PDF: Record<string, Mutation> = {
  nested_deeply(document, random) {
    const depth = random.pick([100, 10_000, 200_000]);
    return inserted(document, random, `\n${random.pick(["[", "<<", "<</A ", "(", "q "]).repeat(depth)}\n`);
  },
  lying_numbers: ({ bytes }, random) =>
    Buffer.from(
      Buffer.from(bytes)
        .toString("latin1")
        .replace(/\/(?:Length|Count|Size|Prev|W|N|First|Index)\s*\[?\s*-?\d+/g, (found) =>
          random.next() < 0.3
            ? found.replace(/-?\d+$/, random.pick(["-1", "0", "2147483648", "99999999999", "1"]))
            : found,
        ),
      "latin1",
    ),
  looped_references: ({ bytes }, random) =>
    Buffer.from(
      Buffer.from(bytes)
        .toString("latin1")
        .replace(/\b\d+ 0 R\b/g, (found) => (random.next() < 0.1 ? `${random.between(1, 20)} 0 R` : found)),
      "latin1",
    ),
  endless_content: (document, random) =>
    inserted(
      document,
      random,
      `\nstream\n${"BT /F1 1 Tf 1 0 0 1 0 0 Tm (x) Tj ET q ".repeat(random.pick([1000, 100_000]))}\nendstream\n`,
    ),
};

const TEXT: Record<string, Mutation> = {
  nested_deeply(document, random) {
    const depth = random.pick([100, 5000, 100_000]);
    const mark = random.pick([
      "<div>",
      "<ul><li>",
      "<table><tr><td>",
      "<blockquote>",
      "> ",
      "- ",
      "[",
      "![",
      "*",
      "`",
      "<a href='",
      "(",
      "<!--",
      '<ac:structured-macro ac:name="panel"><ac:rich-text-body>',
      "&",
      "\\",
      "|",
      "#",
    ]);
    return inserted(document, random, mark.repeat(depth));
  },
  one_line: ({ bytes }) => Buffer.from(Buffer.from(bytes).toString().replaceAll("\n", " ").repeat(20)),
  entities: (document, random) =>
    inserted(
      document,
      random,
      `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 12 }, (_, i) => `<!ENTITY ${"bcdefghijklm"[i]} "${`&${"abcdefghijkl"[i]};`.repeat(10)}">`).join("")}]><p>&m;</p>`,
    ),
  control_characters: (document, random) =>
    inserted(
      document,
      random,
      Array.from({ length: 2000 }, () =>
        String.fromCodePoint(random.pick([0, 8, 0x1b, 0x7f, 0x202e, 0xfeff, 0xfffe, 0xd800, 0x1f600, 0x300])),
      ).join(""),
    ),
};

/** One case: the document damaged, under a name that says how. */
export function mutate(document: Document, random: Random, other: Document, number: number): Document {
  const special = isZip(document) ? ZIP : isPdf(document) ? PDF : TEXT;
  const kinds = random.next() < 0.5 ? special : ANYWHERE;
  const kind = random.pick(Object.keys(kinds));
  const bytes = kinds[kind]!(document, random, other);
  return {
    name: `${String(number).padStart(5, "0")}.${kind}.${document.name}`,
    bytes: bytes.length > 0 ? bytes : new Uint8Array(1),
  };
}

const concat = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

function inserted({ bytes }: Document, random: Random, text: string): Uint8Array {
  const at = random.between(0, bytes.length);
  return concat(bytes.subarray(0, at), Buffer.from(text), bytes.subarray(at));
}

/** Where the entries of a zip's directory begin. */
function directoryOf(zip: Buffer): number[] {
  const found: number[] = [];
  for (
    let at = zip.indexOf("PK\x01\x02", 0, "latin1");
    at >= 0 && at + 46 <= zip.length;
    at = zip.indexOf("PK\x01\x02", at + 4, "latin1")
  )
    found.push(at);
  return found;
}

/** The document with another main part; as it is where that cannot be read. */
function rewritten(document: Document, change: (xml: string) => string): Uint8Array {
  const zip = Buffer.from(document.bytes);
  const entries: Record<string, Uint8Array> = {};
  try {
    for (const at of directoryOf(zip)) {
      const name = zip.toString("utf8", at + 46, at + 46 + zip.readUInt16LE(at + 28));
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      entries[name] = zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed, { maxOutputLength: 50e6 }) : packed;
    }
    const main = "word/document.xml";
    if (!entries[main]) return document.bytes;
    return zipOf({ ...entries, [main]: change(Buffer.from(entries[main]).toString()) });
  } catch {
    return document.bytes;
  }
}
