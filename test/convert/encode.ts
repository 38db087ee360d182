/** Encodes text in a legacy charset by turning TextDecoder around, since there is no encoder for them. */

const tables = new Map<string, Map<string, number[]>>();

function tableOf(charset: string): Map<string, number[]> {
  const known = tables.get(charset);
  if (known) return known;
  const table = new Map<string, number[]>();
  const add = (...bytes: number[]) => {
    const text = new TextDecoder(charset as "utf-8").decode(new Uint8Array(bytes));
    if ([...text].length === 1 && text !== "\ufffd" && !table.has(text)) table.set(text, bytes);
  };
  for (let byte = 0; byte < 256; byte++) add(byte);
  if (/^(?:gb|big5|shift_jis|euc)/.test(charset)) {
    for (let lead = 0x81; lead <= 0xfe; lead++) for (let trail = 0x40; trail <= 0xfe; trail++) add(lead, trail);
  }
  tables.set(charset, table);
  return table;
}

export function encode(text: string, charset: string): Uint8Array {
  if (charset === "utf-16le") return new Uint8Array(Buffer.from(text, "utf16le"));
  if (charset === "utf-16be") return new Uint8Array(Buffer.from(text, "utf16le").swap16());
  const table = tableOf(charset);
  return new Uint8Array(
    [...text].flatMap((char) => {
      const bytes = table.get(char);
      if (!bytes) throw new Error(`${charset} has no ${char}`);
      return bytes;
    }),
  );
}
