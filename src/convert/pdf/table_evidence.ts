/**
 * Weighs whether pieces of text that stand in rows and columns are a table. Formulas, axes of plots and labels of
 * drawings stand side by side as well, but their pieces share no edges, are single signs, or overlap from row to row.
 */
import type { Line } from "./lines.ts";
import type { Chunk } from "./rows.ts";

export interface Strip {
  x1: number;
  x2: number;
}

/** Share of a column's pieces that must begin, end or be centred at one place. */
const ALIGNED = 0.55;
/** The same for tables of so few rows that chance could align them. */
const ALIGNED_FEW = 0.85;
const FEW = 4;
/** Share of cells that must be filled. */
const FILLED = 0.5;
/** The same for a table of two rows. */
const FILLED_FEW = 0.8;
/** Share of pieces that must be more than a sign. */
const WORDY = 0.55;
/** Share of pieces with signs of mathematics that makes them a formula. */
const FORMULA = 0.34;

const MATHEMATICAL = /[=∈∉⊆⊂⊇∪∩∑∏∫→⇒⇔↦≤≥≠≈∼≅∘∧∨¬∀∃∅∞∂∇√±×÷⟨⟩‖∣′{}︷︸⏟⏞\u2061-\u2064\u239b-\u23b3]/u;
const WORD = /[\p{L}\p{N}]/u;

export function inStrip(strip: Strip, x: number): boolean {
  return x >= strip.x1 && x < strip.x2;
}

/** Whether the lines, whose pieces fall into the columns, read like the rows of a table. */
export function looksLikeTable(lines: readonly Line[], columns: readonly Strip[]): boolean {
  const pieces = lines.flatMap((line) => line.chunks);
  return (
    !isNumberedText(lines, columns) &&
    isFilled(lines, columns) &&
    isSpaced(lines) &&
    isWordy(pieces) &&
    isAligned(pieces, columns, lines)
  );
}

/** The numbered lines of a transcript: the first column counts the lines, the others are mostly empty. */
function isNumberedText(lines: readonly Line[], columns: readonly Strip[]): boolean {
  if (lines.length < 6) return false;
  const numbers = lines.map((line) => Number(textOf(line.chunks[0]!)));
  const counting = numbers.filter((number, index) => index > 0 && number === numbers[index - 1]! + 1).length;
  const pieces = lines.reduce((sum, line) => sum + line.chunks.length, 0);
  return counting >= lines.length * 0.6 && pieces < lines.length * columns.length * 0.75;
}

function isFilled(lines: readonly Line[], columns: readonly Strip[]): boolean {
  let filled = 0;
  for (const line of lines) {
    filled += columns.filter((column) => line.chunks.some((chunk) => inStrip(column, middle(chunk)))).length;
  }
  return filled >= lines.length * columns.length * (lines.length < 3 ? FILLED_FEW : FILLED);
}

/** Rows do not run into each other, as the storeys of a formula do. */
function isSpaced(lines: readonly Line[]): boolean {
  let close = 0;
  for (let index = 1; index < lines.length; index++) {
    if (lines[index]!.y - lines[index - 1]!.y < Math.min(lines[index]!.size, lines[index - 1]!.size) * 0.92) close++;
  }
  return close * 5 <= lines.length;
}

function isWordy(pieces: readonly Chunk[]): boolean {
  const texts = pieces.map(textOf);
  const words = texts.filter((text) => WORD.test(text));
  const signs = words.filter((text) => [...text].length < 2 && !/\p{N}/u.test(text)).length;
  if (words.length < texts.length * 0.8 || signs > texts.length * (1 - WORDY)) return false;
  return texts.filter((text) => MATHEMATICAL.test(text)).length <= texts.length * FORMULA;
}

function isAligned(pieces: readonly Chunk[], columns: readonly Strip[], rows: readonly Line[]): boolean {
  const { size } = rows[0]!;
  const lines = rows.length;
  let aligned = 0;
  let counted = 0;
  for (const column of columns) {
    const own = pieces.filter((piece) => inStrip(column, middle(piece)));
    if (own.length < 2) continue;
    counted += own.length;
    aligned += Math.max(
      sharing(
        own.map((piece) => piece.x1),
        size,
      ),
      sharing(
        own.map((piece) => piece.x2),
        size,
      ),
      sharing(own.map(middle), size),
    );
  }
  return counted === 0 || aligned >= counted * (lines < FEW ? ALIGNED_FEW : ALIGNED);
}

/** How many values lie together, within a fraction of the font size. */
function sharing(values: readonly number[], size: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  let best = 0;
  let from = 0;
  for (let to = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! > size * 0.35) from++;
    best = Math.max(best, to - from + 1);
  }
  return best;
}

function middle(chunk: Chunk): number {
  return (chunk.x1 + chunk.x2) / 2;
}

function textOf(chunk: Chunk): string {
  return chunk.words.map((word) => word.parts.join("")).join(" ");
}
