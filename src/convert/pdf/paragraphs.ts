/**
 * Decides where one paragraph ends and the next begins: at gaps, changes of size or weight, indents, list markers, and
 * behind a line that had room for the next word.
 */
import type { Line } from "./lines.ts";
import { type Marker, markerOf } from "./markers.ts";

export interface Paragraph {
  lines: Line[];
  marker: Marker | undefined;
  size: number;
  /** Left and right edge of the region in which it stands. */
  left: number;
  right: number;
}

/** Typical distance of baselines by font size, learnt from the whole document. */
export type Leading = (size: number) => number;

/** What is known of the document as a whole. */
export interface Setting {
  leading: Leading;
  /** Size of most text. */
  bodySize: number;
}

const NUMBERED = /^\d{1,2}(?:\.\d{1,3})+\.?\s+\p{Lu}/u;
const UNSPACED = /^[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]/;
const TERMINAL = /[.!?:;。！？…]["”’')\]]*$/u;

export function leadingOf(regions: Iterable<readonly Line[]>): Leading {
  const deltas = new Map<number, Map<number, number>>();
  for (const region of regions) {
    for (let index = 1; index < region.length; index++) {
      const [a, b] = [region[index - 1]!, region[index]!];
      const delta = b.y - a.y;
      if (Math.abs(a.size - b.size) > 0.3 || delta < a.size * 0.8 || delta > a.size * 2.6) continue;
      const key = Math.round(a.size * 2);
      const counts = deltas.get(key) ?? new Map<number, number>();
      const step = Math.round(delta * 4);
      counts.set(step, (counts.get(step) ?? 0) + 1);
      deltas.set(key, counts);
    }
  }
  const typical = new Map<number, number>();
  for (const [key, counts] of deltas) {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    if (total < 4) continue;
    const [step] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
    typical.set(key, step / 4);
  }
  return (size) => typical.get(Math.round(size * 2)) ?? size * 1.25;
}

/** Paragraphs of one region, in order. */
export function paragraphsOf(lines: readonly Line[], setting: Setting): Paragraph[] {
  if (lines.length === 0) return [];
  const left = commonLeft(lines);
  const right = Math.max(...lines.map((line) => line.x2));
  const paragraphs: Paragraph[] = [];
  for (const [index, line] of lines.entries()) {
    const current = paragraphs.at(-1);
    const marker = markerOf(line.text);
    if (current && continues(current, lines[index - 1]!, line, marker, setting)) current.lines.push(line);
    else paragraphs.push({ lines: [line], marker, size: line.size, left, right });
  }
  return paragraphs;
}

function continues(current: Paragraph, above: Line, line: Line, marker: Marker | undefined, setting: Setting): boolean {
  const size = Math.max(above.size, line.size);
  if (above.tagged !== line.tagged) return false;
  if (Math.abs(above.size - line.size) > size * 0.09) return false;
  const delta = line.y - above.y;
  const typical = setting.leading(line.size);
  if (delta <= 0 || delta > Math.max(typical * 1.28, typical + size * 0.22)) return false;
  if (above.mono !== line.mono || Math.abs(above.boldness - line.boldness) > 0.6) return false;
  if (marker && startsItem(current, line, marker)) return false;
  if (current.marker) return continuesItem(current, above, line);
  if (line.bold && NUMBERED.test(line.text)) return false;
  // Titles are broken where it looks well, not where the line is full.
  if (line.size > setting.bodySize * 1.12) return delta < line.size * 1.5;
  return continuesText(current, above, line);
}

/** A number at a line's start is only a marker if it stands where markers stand or goes on counting. */
function startsItem(current: Paragraph, line: Line, marker: Marker): boolean {
  const first = current.lines[0]!;
  const above = current.lines.at(-1)!;
  if (!marker.ordered)
    return !/^[-–—*o]/.test(marker.style) || !fits(above, line, current.right) || line.x1 !== above.x1;
  if (current.marker?.style === marker.style) return Math.abs(line.x1 - first.x1) < line.size * 2;
  if (current.marker) return marker.number === 1;
  return marker.number <= 1 || TERMINAL.test(above.text) || line.x1 > first.x1 + line.size;
}

function continuesItem(current: Paragraph, above: Line, line: Line): boolean {
  const first = current.lines[0]!;
  if (line.chunks.length > 1 && !fits(above, line, current.right)) return false;
  if (line.x1 > first.x1 + line.size * 0.4) return true;
  if (line.x1 < first.x1 - line.size) return false;
  return current.lines.length === 1 ? fits(above, line, current.right) : !isIndented(above, first);
}

function isIndented(line: Line, first: Line): boolean {
  return line.x1 > first.x1 + line.size * 0.4;
}

function continuesText(current: Paragraph, above: Line, line: Line): boolean {
  const { left, right } = current;
  const em = line.size;
  const centred = Math.abs((above.x1 + above.x2) / 2 - (line.x1 + line.x2) / 2) < em && above.x1 > left + em;
  if (line.x1 < left - em * 0.8) return above.x1 < left - em * 0.8;
  const indented = line.x1 > above.x1 + em * 0.8;
  if (indented && !centred && above.x1 < left + em * 0.4 && TERMINAL.test(above.text)) return false;
  if (fits(above, line, right)) return true;
  return centred && above.bold;
}

/** Whether the line above was full: the first word of the next one had no place on it. */
function fits(above: Line, line: Line, right: number): boolean {
  const word = line.words[0];
  const room = right - above.x2;
  // Chinese and Japanese lines may be broken behind any character.
  const wanted = UNSPACED.test(line.text) ? line.size : word ? word.x2 - word.x1 + line.size * 0.3 : 0;
  if (room <= wanted + line.size * 0.5) return true;
  const width = right - Math.min(above.x1, line.x1);
  if (/^\p{Ll}/u.test(line.text) && !TERMINAL.test(above.text) && room < width * 0.45) return true;
  return /[-\u00ad,]$/.test(above.text) && room < width * 0.5;
}

/** The left edge that most lines share. */
function commonLeft(lines: readonly Line[]): number {
  const counts = new Map<number, number>();
  for (const line of lines) {
    const key = Math.round(line.x1 / 3);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [key] = [...counts].reduce((best, entry) =>
    entry[1] > best[1] || (entry[1] === best[1] && entry[0] < best[0]) ? entry : best,
  );
  return Math.min(...lines.filter((line) => Math.round(line.x1 / 3) === key).map((line) => line.x1));
}
