/** Reads a body up to a limit, counted on what comes out of it and never on what a header declares. */

/** Past `max` bytes the body is given up: throws what `overflow` makes, or returns what was read when that is null. */
export async function readBounded(
  response: Response,
  max: number,
  overflow: (() => Error) | null,
): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > max) {
        if (overflow !== null) throw overflow();
        break;
      }
      parts.push(value);
    }
  } finally {
    // Frees the socket also when the body was not read to its end.
    await reader.cancel().catch(() => {});
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
