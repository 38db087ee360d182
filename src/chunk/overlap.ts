/**
 * How far a chunk reaches back into the one before it, so that a passage of prose is understood when it is read alone.
 * Only prose overlaps prose: repeated items, rows and code would be found twice and explain nothing.
 */
import type { Atom } from "./atoms.ts";
import type { Run } from "./pack.ts";
import { sentenceStarts } from "./sentences.ts";
import { tokenUnits } from "./tokens.ts";

/** Sizes in units, see tokens.ts. */
export interface OverlapSizes {
  overlap: number;
  /** No chunk is larger, overlap included. */
  budget: number;
}

/**
 * The offset where the chunk of `run` starts: at its first atom, or at the sentences before it that fit the overlap.
 * Where a paragraph was cut and its last sentence is too long, the overlap starts between words.
 */
export function overlapStart(
  markdown: string,
  atoms: Atom[],
  before: Run | null,
  run: Run,
  sizes: OverlapSizes,
): number {
  const head = atoms[run.first]!;
  if (!before) return head.charStart;
  const tail = atoms[run.first - 1]!;
  if (head.type !== "paragraph" || tail.type !== "paragraph") return head.charStart;
  let first = run.first - 1;
  while (first > before.first && atoms[first - 1]!.block === tail.block) first--;
  const room = Math.min(sizes.overlap, sizes.budget - run.units) - tokenUnits(markdown, tail.charEnd, head.charStart);
  if (room <= 0) return head.charStart;
  const from = atoms[first]!.charStart;
  if (tokenUnits(markdown, from, tail.charEnd) <= room) return from;
  for (const start of sentenceStarts(markdown, from, tail.charEnd)) {
    if (tokenUnits(markdown, start, tail.charEnd) <= room) return start;
  }
  return head.block === tail.block ? (wordStart(markdown, from, tail.charEnd, room) ?? head.charStart) : head.charStart;
}

/** The first word of the tail of `[from, end)` that costs at most `room`; null where the text has no blanks. */
function wordStart(markdown: string, from: number, end: number, room: number): number | null {
  let start: number | null = null;
  let units = 0;
  let wordEnd = end;
  for (let at = end - 1; at > from; at--) {
    if (markdown.charCodeAt(at - 1) > 32 || markdown.charCodeAt(at) <= 32) continue;
    units += tokenUnits(markdown, at, wordEnd);
    if (units > room) break;
    start = at;
    wordEnd = at;
  }
  return start;
}
