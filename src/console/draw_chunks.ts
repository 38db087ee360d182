/**
 * Cuts a document's text where its chunks begin and end, so that they can be drawn over it: each character is shown once,
 * what no chunk holds is shown as such, and what two chunks share is marked at the end of the first.
 */
import type { ChunkRow } from "../store/documents.ts";

export interface Piece<C = ChunkRow> {
  /** Null for text between chunks. */
  chunk: C | null;
  text: string;
  /** The rest of the text that the next chunk begins with; "" where chunks do not overlap. */
  shared: string;
}

/** `chunks` in order, a page of them; `from`: where the text of the page before ended. Offsets are UTF-16. */
export function drawChunks<C extends { char_start: number; char_end: number }>(
  text: string,
  chunks: readonly C[],
  from: number,
): Piece<C>[] {
  const pieces: Piece<C>[] = [];
  let end = from;
  for (const [i, chunk] of chunks.entries()) {
    const between = text.slice(end, chunk.char_start);
    if (between.trim() !== "") pieces.push({ chunk: null, text: between, shared: "" });
    const next = chunks[i + 1]?.char_start ?? chunk.char_end;
    const start = Math.min(Math.max(end, chunk.char_start), chunk.char_end);
    const cut = Math.max(start, Math.min(next, chunk.char_end));
    pieces.push({ chunk, text: text.slice(start, cut), shared: text.slice(cut, chunk.char_end) });
    end = Math.max(end, chunk.char_end);
  }
  return pieces;
}
