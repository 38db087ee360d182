/**
 * Groups blocks under their headings and gives each section its path: document title, then the headings above it and its
 * own, as plain text. The path stands before every passage that is embedded, so it may take a quarter of the limit at
 * most; longer titles and headings are shortened in it, and such a heading then stands in the text of its section too.
 */
import type { Block } from "../markdown/blocks.ts";
import { plainText } from "../markdown/plain_text.ts";
import { tokenUnits, UNITS_PER_TOKEN } from "./tokens.ts";

export interface Section {
  /** Title and headings, joined by " > ". */
  path: string;
  /** Index of the section's heading among the blocks; -1 before the first heading. */
  heading: number;
  /** Blocks `[first, end)` below the heading, none of them a heading. */
  first: number;
  end: number;
  /** The heading is not fully told by the path. */
  headingShortened: boolean;
  /** A deeper heading follows directly, so that an empty body is no loss. */
  hasSubsections: boolean;
}

const SEPARATOR = " > ";
const ELEMENT_TOKENS_MAX = 64;
const ELEMENT_TOKENS_MIN = 4;

/** Sections in document order. The one before the first heading is there even if it has no blocks. */
export function readSections(blocks: Block[], title: string, pathTokensMax: number): Section[] {
  const cleanTitle = collapse(title);
  const above: { level: number; text: string }[] = [];
  const sections: Section[] = [];
  const open = (heading: number, own: string): void => {
    const elements = [...(cleanTitle ? [cleanTitle] : []), ...above.map((entry) => entry.text).filter(Boolean)];
    const path = joinPath(elements, pathTokensMax);
    const headingShortened = own !== "" && !path.toLowerCase().endsWith(own.toLowerCase());
    sections.push({ path, heading, first: heading + 1, end: blocks.length, headingShortened, hasSubsections: false });
  };
  open(-1, "");
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index]!;
    if (block.kind !== "heading") continue;
    const previous = sections.at(-1)!;
    previous.end = index;
    previous.hasSubsections = previous.heading >= 0 && blocks[previous.heading]!.level < block.level;
    while (above.length > 0 && above.at(-1)!.level >= block.level) above.pop();
    const text = plainText(block.heading);
    const repeatsTitle = block.level === 1 && text.toLowerCase() === cleanTitle.toLowerCase();
    above.push({ level: block.level, text: repeatsTitle ? "" : text });
    open(index, text);
  }
  return sections;
}

function collapse(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** Joins the elements; halves the cap on each element's length until the whole fits. */
function joinPath(elements: string[], tokensMax: number): string {
  let path = elements.join(SEPARATOR);
  const unitsMax = tokensMax * UNITS_PER_TOKEN;
  for (let cap = ELEMENT_TOKENS_MAX; cap >= ELEMENT_TOKENS_MIN; cap /= 2) {
    if (tokenUnits(path, 0, path.length) <= unitsMax) return path;
    path = elements.map((element) => shorten(element, cap * UNITS_PER_TOKEN)).join(SEPARATOR);
  }
  return tokenUnits(path, 0, path.length) <= unitsMax ? path : shorten(elements.at(-1) ?? "", unitsMax / 2);
}

function shorten(text: string, unitsMax: number): string {
  if (tokenUnits(text, 0, text.length) <= unitsMax) return text;
  let low = 0;
  let high = Math.min(text.length, unitsMax);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tokenUnits(text, 0, middle) <= unitsMax - UNITS_PER_TOKEN) low = middle;
    else high = middle - 1;
  }
  const blank = text.lastIndexOf(" ", low);
  let cut = blank > low / 2 ? blank : low;
  if (cut > 0 && isHighSurrogate(text.charCodeAt(cut - 1))) cut--;
  return `${text.slice(0, cut).trimEnd()}…`;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}
