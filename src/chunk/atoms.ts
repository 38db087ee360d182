/**
 * Cuts the blocks of a section into atoms: stretches of source that a chunk takes or leaves whole. A block that fits a
 * chunk is one atom. A larger one is opened level by level: lists into items, items and quotes into their blocks, tables
 * into rows, code into lines, prose into sentences, and only what is still too large into words, at last into
 * characters. Each atom says how bad it would be to start a chunk with it, and what must be written again before or
 * after a chunk that starts or ends there (table header, fence).
 */
import type { Block, ParsedMarkdown } from "../markdown/blocks.ts";
import { isInvisible } from "./invisible.ts";
import { sentenceStarts } from "./sentences.ts";
import { tokenUnits, UNITS_PER_TOKEN } from "./tokens.ts";

export type AtomType = "paragraph" | "list" | "table" | "code" | "quote";

/** How much a chunk border before an atom hurts; the packer takes the lowest that the sizes allow. */
export const BREAK = {
  /** Between blocks. */
  block: 0,
  /** Between items of a list, rows of a table, blocks of a quote. */
  item: 1,
  /** Between blocks or items further inside. */
  nested: 2,
  /** Between sentences, and at blank lines in code. */
  sentence: 3,
  /** Between lines of code. */
  line: 4,
  /** Between words or characters. */
  word: 6,
  /** Between "Choose one of these:" and the list it announces. */
  announced: 8,
} as const;

export interface Atom {
  charStart: number;
  charEnd: number;
  /** Index of the top-level block it belongs to. */
  block: number;
  type: AtomType;
  /** Cost of its text, see tokens.ts. */
  units: number;
  /** Cost of the source between the atom before and this one: line ends, rules, comments. */
  gapUnits: number;
  breakCost: number;
  /** Written before a chunk that starts here, "" for nothing. */
  opening: string;
  openingUnits: number;
  /** Written after a chunk that ends here, "" for nothing. */
  closing: string;
  closingUnits: number;
}

/** A stretch of source. */
interface Range {
  start: number;
  end: number;
  breakCost: number;
}

/** Text that a continued part of a block repeats around itself. */
interface Frame {
  opening: string;
  closing: string;
  /** Cost of the opening or of the source it stands for, whichever is dearer. */
  openingUnits: number;
  closingUnits: number;
}

const NO_FRAME: Frame = { opening: "", closing: "", openingUnits: 0, closingUnits: 0 };
/** A paragraph up to this size that ends in a colon announces the block after it. */
const ANNOUNCEMENT_TOKENS_MAX = 120;
/** Forced cuts can split a run whose parts are estimated a little below the whole. */
const FORCED_CUT_UNITS = 2 * UNITS_PER_TOKEN;

/** Atoms of the blocks `[first, end)`, none larger (with what it repeats) than `budget` units. */
export function readAtoms(parsed: ParsedMarkdown, first: number, end: number, budget: number): Atom[] {
  const cutter = new Cutter(parsed, budget);
  for (let index = first; index < end; index++) cutter.addBlock(index);
  return cutter.atoms;
}

class Cutter {
  readonly atoms: Atom[] = [];
  private block = 0;
  private type: AtomType = "paragraph";
  private measured = { start: -1, end: -1, units: 0 };

  constructor(
    private readonly parsed: ParsedMarkdown,
    private readonly budget: number,
  ) {}

  addBlock(index: number): void {
    const block = this.parsed.blocks[index]!;
    if (isInvisible(block, this.parsed.markdown)) return;
    this.block = index;
    this.type = atomType(block, this.parsed.markdown);
    const breakCost = this.isAnnounced() ? BREAK.announced : BREAK.block;
    this.cut(block, { start: block.charStart, end: block.charEnd, breakCost }, 0);
  }

  /** Whether the atom before is a short paragraph that ends in a colon and this block is what it speaks of. */
  private isAnnounced(): boolean {
    const last = this.atoms.at(-1);
    if (last?.type !== "paragraph" || this.type === "paragraph") return false;
    if (last.units > ANNOUNCEMENT_TOKENS_MAX * UNITS_PER_TOKEN) return false;
    return /[:：][*_\s]*$/.test(this.parsed.markdown.slice(Math.max(0, last.charEnd - 8), last.charEnd));
  }

  /** Adds the part `range` of `block`, whole if it fits. The range may start before the block: list and quote marks. */
  private cut(block: Block, range: Range, depth: number): void {
    if (this.fits(range, NO_FRAME)) {
      this.add(range, NO_FRAME);
      return;
    }
    switch (block.kind) {
      case "list":
      case "item":
      case "quote":
        if (block.children.length > 0) this.cutChildren(block, range, depth);
        else this.cutLines(range);
        return;
      case "table":
        this.cutTable(block, range);
        return;
      case "code":
        this.cutCode(block, range);
        return;
      case "html":
        this.cutLines(range);
        return;
      default:
        this.cutSentences(range, NO_FRAME);
    }
  }

  private cutChildren(block: Block, range: Range, depth: number): void {
    const breakCost = depth === 0 ? BREAK.item : BREAK.nested;
    const { children } = block;
    for (let index = 0; index < children.length; index++) {
      const start = index === 0 ? range.start : children[index]!.charStart;
      const end = index + 1 < children.length ? this.trimEnd(start, children[index + 1]!.charStart) : range.end;
      this.cut(children[index]!, { start, end, breakCost: index === 0 ? range.breakCost : breakCost }, depth + 1);
    }
  }

  private cutTable(block: Block, range: Range): void {
    const { headerEnd, rowStarts } = block.table!;
    const header = this.parsed.markdown.slice(range.start, headerEnd);
    this.cutFramed(range, rowStarts, `${header}\n`, "", () => BREAK.item);
  }

  private cutCode(block: Block, range: Range): void {
    const { markdown, lineStarts } = this.parsed;
    const { fence } = block;
    if (!fence) {
      this.cutLines(range);
      return;
    }
    // Inside a quote or an item every line repeats the marks of its containers; the closing fence shows which.
    const lastLine = markdown.slice(lineStarts[block.lineEnd - 1], range.end);
    const marks = fence.bodyLineEnd < block.lineEnd ? /^[ \t>]*/.exec(lastLine)![0] : "";
    const bodyStarts = lineStarts.slice(block.lineStart + 1, fence.bodyLineEnd);
    const opening = `${marks}${fence.marker}${fence.info}\n`;
    this.cutFramed(range, bodyStarts, opening, `\n${marks}${fence.marker}`, (line) => {
      const above = line > 0 ? markdown.slice(bodyStarts[line - 1], bodyStarts[line]).trim() : "";
      return above === "" ? BREAK.sentence : BREAK.line;
    });
  }

  /**
   * Cuts the lines that start at `starts`, each part to stand between `opening` and `closing`. What the source has
   * before the first line and after the last stays with them. A frame that would take more than half a chunk is not
   * repeated: then the block is cut like plain lines.
   */
  private cutFramed(
    range: Range,
    starts: number[],
    opening: string,
    closing: string,
    costOf: (line: number) => number,
  ): void {
    const { markdown } = this.parsed;
    const bodyEnd = starts.length > 0 ? this.lineEndAt(starts.at(-1)!, range.end) : range.end;
    const head = tokenUnits(markdown, range.start, starts[0] ?? range.start);
    const frame = {
      opening,
      closing,
      openingUnits: Math.max(head, tokenUnits(opening, 0, opening.length)),
      closingUnits: Math.max(tokenUnits(markdown, bodyEnd, range.end), tokenUnits(closing, 0, closing.length)),
    };
    const firstAtom = this.atoms.length;
    if (frame.openingUnits + frame.closingUnits <= this.budget / 2) {
      for (let line = 0; line < starts.length; line++) {
        const start = starts[line]!;
        const end = this.trimEnd(start, starts[line + 1] ?? bodyEnd);
        if (end > start) this.cutSentences({ start, end, breakCost: costOf(line) }, frame);
      }
    }
    const first = this.atoms[firstAtom];
    if (!first) {
      this.cutLines(range);
      return;
    }
    const last = this.atoms.at(-1)!;
    Object.assign(first, { breakCost: range.breakCost, opening: "", openingUnits: 0 });
    Object.assign(last, { closing: "", closingUnits: 0 });
    this.extend(first, range.start, first.charEnd);
    this.extend(last, last.charStart, range.end);
    this.linkGap(firstAtom);
  }

  private cutLines(range: Range): void {
    const { markdown } = this.parsed;
    let { breakCost } = range;
    for (let start = range.start; start < range.end; ) {
      const lineEnd = this.lineEndAt(start, range.end);
      const end = this.trimEnd(start, lineEnd);
      if (end > start && markdown.slice(start, end).trim() !== "") {
        this.cutSentences({ start, end, breakCost }, NO_FRAME);
        breakCost = BREAK.line;
      }
      start = lineEnd + 1;
    }
  }

  private cutSentences(range: Range, frame: Frame): void {
    if (this.fits(range, frame)) {
      this.add(range, frame);
      return;
    }
    const { markdown } = this.parsed;
    const starts = [range.start, ...sentenceStarts(markdown, range.start, range.end)];
    for (let index = 0; index < starts.length; index++) {
      const start = starts[index]!;
      const end = this.trimEnd(start, starts[index + 1] ?? range.end);
      const sentence = { start, end, breakCost: index === 0 ? range.breakCost : BREAK.sentence };
      if (this.fits(sentence, frame)) this.add(sentence, frame);
      else this.cutWords(sentence, frame);
    }
  }

  /** Pieces of at most a quarter of the budget, cut at blanks, or between characters where there is none. */
  private cutWords(range: Range, frame: Frame): void {
    const { markdown } = this.parsed;
    const unitsMax = Math.max(UNITS_PER_TOKEN, Math.floor(this.budget / 4) - FORCED_CUT_UNITS);
    let { breakCost } = range;
    let start = range.start;
    while (start < range.end) {
      const end = this.wordsEnd(start, range.end, unitsMax);
      this.add({ start, end, breakCost }, frame);
      this.atoms.at(-1)!.units += FORCED_CUT_UNITS;
      breakCost = BREAK.word;
      start = end;
      while (start < range.end && markdown.charCodeAt(start) <= 32) start++;
    }
  }

  private wordsEnd(start: number, end: number, unitsMax: number): number {
    const { markdown } = this.parsed;
    const step = 4;
    let units = 0;
    let at = start;
    let lastBlank = -1;
    while (at < end) {
      const next = Math.min(end, at + step);
      units += tokenUnits(markdown, at, next);
      if (units > unitsMax && at > start) break;
      for (let index = next - 1; index >= at; index--) {
        if (markdown.charCodeAt(index) > 32) continue;
        lastBlank = index;
        break;
      }
      at = next;
    }
    if (at >= end) return end;
    if (lastBlank > start) return this.trimEnd(start, lastBlank);
    return isInsidePair(markdown, at) ? at - 1 : at;
  }

  private add(range: Range, frame: Frame): void {
    this.atoms.push({
      charStart: range.start,
      charEnd: range.end,
      block: this.block,
      type: this.type,
      units: this.unitsOf(range),
      gapUnits: 0,
      breakCost: range.breakCost,
      opening: frame.opening,
      openingUnits: frame.openingUnits,
      closing: frame.closing,
      closingUnits: frame.closingUnits,
    });
    this.linkGap(this.atoms.length - 1);
  }

  private linkGap(index: number): void {
    const before = this.atoms[index - 1];
    const atom = this.atoms[index]!;
    if (before) atom.gapUnits = tokenUnits(this.parsed.markdown, before.charEnd, atom.charStart);
  }

  private extend(atom: Atom, start: number, end: number): void {
    const { markdown } = this.parsed;
    atom.units += tokenUnits(markdown, start, atom.charStart) + tokenUnits(markdown, atom.charEnd, end);
    atom.charStart = start;
    atom.charEnd = end;
  }

  private fits(range: Range, frame: Frame): boolean {
    return this.unitsOf(range) + frame.openingUnits + frame.closingUnits <= this.budget;
  }

  /** Measuring is most of the chunker's work, and a range that fits is added next: the last one is remembered. */
  private unitsOf(range: Range): number {
    const { measured } = this;
    if (measured.start !== range.start || measured.end !== range.end) {
      const units = tokenUnits(this.parsed.markdown, range.start, range.end);
      this.measured = { start: range.start, end: range.end, units };
    }
    return this.measured.units;
  }

  private lineEndAt(start: number, end: number): number {
    const lineEnd = this.parsed.markdown.indexOf("\n", start);
    return lineEnd < 0 || lineEnd > end ? end : lineEnd;
  }

  private trimEnd(start: number, end: number): number {
    while (end > start && this.parsed.markdown.charCodeAt(end - 1) <= 32) end--;
    return end;
  }
}

function atomType(block: Block, markdown: string): AtomType {
  switch (block.kind) {
    case "list":
    case "table":
    case "code":
    case "quote":
      return block.kind;
    case "html": {
      const tag = /^\s*<(table|pre|ul|ol)\b/i.exec(markdown.slice(block.charStart, block.charStart + 40))?.[1];
      if (!tag) return "paragraph";
      return tag.toLowerCase() === "table" ? "table" : tag.toLowerCase() === "pre" ? "code" : "list";
    }
    default:
      return "paragraph";
  }
}

/** Whether a cut at `at` would part a surrogate pair or a letter from its combining mark. */
function isInsidePair(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 && text.charCodeAt(at - 1) >= 0xd800 && text.charCodeAt(at - 1) < 0xdc00;
}
