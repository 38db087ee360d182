/**
 * Turns the lines of all pages into the blocks of the document: paragraphs that go on in the next column or on the next
 * page are joined, headings and list items are told from text, fixed-width runs become code.
 */
import { codeRuns, codeText } from "./code.ts";
import { bodySizeOf, headingLevels, isMostlyBold, type Outline } from "./headings.ts";
import { joinSpans, type Vocabulary, vocabularyOf } from "./join.ts";
import type { Line } from "./lines.ts";
import { leadingOf, type Paragraph, paragraphsOf, type Setting } from "./paragraphs.ts";
import type { Span, Table } from "./rows.ts";

export type Block =
  | { kind: "heading"; level: number; spans: Span[] }
  | { kind: "paragraph"; spans: Span[] }
  | { kind: "item"; depth: number; ordered: boolean; number: number; spans: Span[] }
  | { kind: "code"; text: string }
  | { kind: "table"; rows: Span[][][]; header: boolean };

type Part = { code: Line[] } | { table: Table } | { paragraph: Paragraph };

/** Blocks of a document whose regions come in reading order. */
export function blocksOf(regions: readonly (readonly Line[])[], outline: Outline): Block[] {
  const all = regions.flat();
  const vocabulary = vocabularyOf(all);
  const bodySize = bodySizeOf(regions);
  const setting = { leading: leadingOf(regions), bodySize };
  const monoShare = all.filter((line) => line.mono).length / Math.max(1, all.length);
  const parts: Part[] = [];
  for (const region of regions) {
    let first = true;
    for (const run of monoShare > 0.6 ? [{ code: false, lines: [...region] }] : codeRuns(region)) {
      if (run.code) {
        parts.push({ code: run.lines });
        first = false;
        continue;
      }
      for (const part of textParts(run.lines, setting)) {
        if (!first || !("paragraph" in part) || !goesOn(parts, part.paragraph, bodySize)) parts.push(part);
        first = false;
      }
    }
  }
  return classify(parts, vocabulary, { bodySize, mostlyBold: isMostlyBold(all), outline });
}

function textParts(lines: readonly Line[], setting: Setting): Part[] {
  const parts: Part[] = [];
  let text: Line[] = [];
  const flush = () => {
    parts.push(...paragraphsOf(text, setting).map((paragraph) => ({ paragraph })));
    text = [];
  };
  for (const line of lines) {
    if (!line.table) {
      text.push(line);
      continue;
    }
    flush();
    parts.push({ table: line.table });
  }
  flush();
  return parts;
}

const OPEN_END = /[\p{L}\p{N},\-\u00ad\u2010–—)"”’'\]]$/u;

/** Appends the first paragraph of a region to the one that it goes on from, if there is one; says whether it did. */
function goesOn(parts: readonly Part[], paragraph: Paragraph, bodySize: number): boolean {
  const start = paragraph.lines[0]!;
  if (paragraph.marker || start.aside || !/^[\p{Ll}\p{Lo}("“]/u.test(start.text)) return false;
  for (let index = parts.length - 1; index >= Math.max(0, parts.length - 6); index--) {
    const part = parts[index]!;
    if (!("paragraph" in part)) return false;
    const end = part.paragraph.lines.at(-1)!;
    if (end.aside) continue;
    // Footnotes and captions at the foot of a column stand between the two halves.
    if (end.size < bodySize * 0.93 && start.size >= bodySize * 0.93) continue;
    if (Math.abs(end.size - start.size) > 0.6 || end.bold !== start.bold || !OPEN_END.test(end.text)) return false;
    const cased = /^\p{Ll}/u.test(start.text);
    const full = part.paragraph.right - end.x2 < end.size * 3;
    if (!cased && !full) return false;
    if (end.page === start.page && part.paragraph.lines.length < 2 && !full) return false;
    part.paragraph.lines.push(...paragraph.lines);
    return true;
  }
  return false;
}

function classify(
  parts: readonly Part[],
  vocabulary: Vocabulary,
  rules: { bodySize: number; mostlyBold: boolean; outline: Outline },
): Block[] {
  const paragraphs = parts.flatMap((part) => ("paragraph" in part ? [part.paragraph] : []));
  const spans = paragraphs.map((paragraph) =>
    joinSpans(
      paragraph.lines.map((line) => line.spans),
      vocabulary,
    ),
  );
  const texts = spans.map((own) =>
    own
      .map((span) => span.text)
      .join("")
      .trim(),
  );
  const levels = headingLevels(paragraphs, texts, rules);
  const blocks: Block[] = [];
  const lists = new ListDepths();
  let next = 0;
  for (const part of parts) {
    if ("code" in part) blocks.push({ kind: "code", text: codeText(part.code) });
    else if ("table" in part) {
      const rows = part.table.rows.map((row) => row.map((cell) => joinSpans(cell, vocabulary)));
      blocks.push({ kind: "table", rows, header: part.table.header });
    } else {
      const index = next++;
      const level = levels[index];
      const own = spans[index]!;
      if (texts[index] === "") continue;
      const { marker } = part.paragraph;
      if (level !== undefined) {
        blocks.push({ kind: "heading", level, spans: own });
        lists.close();
      } else if (marker && isItem(paragraphs, index, levels)) {
        const depth = lists.depth(part.paragraph.lines[0]!, marker.style);
        const rest = withoutStart(own, marker.length);
        if (rest.length === 0) continue;
        blocks.push({ kind: "item", depth, ordered: marker.ordered, number: marker.number, spans: rest });
      } else {
        blocks.push({ kind: "paragraph", spans: own });
        if (!part.paragraph.marker) lists.close();
      }
      continue;
    }
    lists.close();
  }
  return blocks;
}

/** Paragraphs and nested items that may stand between two items of one list. */
const NEIGHBOURS = 24;

/** A number makes an item only in company: a neighbour that counts on, or one that it counts on from. */
function isItem(paragraphs: readonly Paragraph[], index: number, levels: readonly (number | undefined)[]): boolean {
  const marker = paragraphs[index]!.marker!;
  if (!marker.ordered) return true;
  for (let step = 1; step <= NEIGHBOURS; step++) {
    for (const [other, by] of [
      [index - step, -step],
      [index + step, step],
    ] as const) {
      const neighbour = paragraphs[other];
      if (!neighbour || levels[other] !== undefined || neighbour.marker?.style !== marker.style) continue;
      const distance = neighbour.marker.number - marker.number;
      if (Math.sign(distance) === Math.sign(by) && Math.abs(distance) === 1) return true;
    }
  }
  return false;
}

/** Depth of list items by their indent. An item higher up than the one before stands in another column or page. */
class ListDepths {
  #stack: { x: number; style: string }[] = [];
  #last: Line | undefined;

  close(): void {
    this.#stack = [];
  }

  depth(line: Line, style: string): number {
    const last = this.#last;
    this.#last = line;
    const x = line.x1;
    const same = this.#stack.findIndex((level) => level.style === style && Math.abs(level.x - x) < 12);
    if (same >= 0) this.#stack.length = same + 1;
    else {
      if (last && (line.page !== last.page || line.y <= last.y)) this.close();
      while (this.#stack.length > 0 && this.#stack.at(-1)!.x > x - 4) this.#stack.pop();
      this.#stack.push({ x, style });
    }
    return this.#stack.length - 1;
  }
}

function withoutStart(spans: readonly Span[], length: number): Span[] {
  let left = length;
  const rest: Span[] = [];
  for (const span of spans) {
    const text = left > 0 ? span.text.slice(left) : span.text;
    left = Math.max(0, left - span.text.length);
    if (text !== "") rest.push({ ...span, text });
  }
  return rest;
}
