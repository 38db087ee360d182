/**
 * Finds runs of lines set in a font of fixed width and gives them back as they were typed: indents and inner blanks are
 * counted out of the positions, since PDF seldom has blanks painted.
 */
import type { Line } from "./lines.ts";

/** Addresses are often set in such a font, and are no code. */
const ADDRESS = /^[\d\s.[\]*]*(?:(?:https?:\/\/|www\.|mailto:)\S+|[\w.+-]+@[\w.-]+)$/;

/** Splits a region into code (two lines or more of fixed width) and other text, in order. */
export function codeRuns(lines: readonly Line[]): { code: boolean; lines: Line[] }[] {
  const runs: { code: boolean; lines: Line[] }[] = [];
  for (const line of lines) {
    const code = line.mono && !line.table && !ADDRESS.test(line.text);
    const last = runs.at(-1);
    if (last && last.code === code) last.lines.push(line);
    else runs.push({ code, lines: [line] });
  }
  // A single line may be an address or a name; it stays in the text.
  const merged: { code: boolean; lines: Line[] }[] = [];
  for (const run of runs) {
    const code = run.code && run.lines.length > 1;
    const last = merged.at(-1);
    if (last && !last.code && !code) last.lines.push(...run.lines);
    else merged.push({ code, lines: run.lines });
  }
  return merged;
}

/** Code as text: one line of output per line, blank lines where the page has them. */
export function codeText(lines: readonly Line[]): string {
  const left = Math.min(...lines.map((line) => line.x1));
  const width = charWidth(lines);
  const gaps = lines
    .slice(1)
    .map((line, index) => line.y - lines[index]!.y)
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b);
  const leading = gaps[gaps.length >> 2] ?? 12;
  const rows: string[] = [];
  for (const [index, line] of lines.entries()) {
    const gap = index > 0 ? line.y - lines[index - 1]!.y : 0;
    for (let blank = 1; blank < Math.min(3, Math.round(gap / leading)); blank++) rows.push("");
    rows.push(rowText(line, left, width));
  }
  return rows.join("\n");
}

function rowText(line: Line, left: number, width: number): string {
  let text = " ".repeat(clamp(Math.round((line.x1 - left) / width)));
  let end = line.x1;
  for (const [index, word] of line.words.entries()) {
    if (index > 0) text += " ".repeat(clamp(Math.round((word.x1 - end) / width)));
    text += word.parts.join("");
    end = Math.max(end, word.x2);
  }
  return text;
}

function clamp(blanks: number): number {
  return Math.max(0, Math.min(200, blanks));
}

function charWidth(lines: readonly Line[]): number {
  let width = 0;
  let count = 0;
  for (const line of lines) {
    for (const word of line.words) {
      width += word.x2 - word.x1;
      count += word.parts.length;
    }
  }
  return Math.max(1, width / Math.max(1, count));
}
