/**
 * What the interpreter reads from a page and all layout stages work on: glyphs, ruling lines and links in the
 * coordinates of the page as it is shown, in points, origin at the top left, y growing downwards.
 */
import type { HeadingTags } from "./tags.ts";

/** What layout needs to know of a font. */
export interface FontStyle {
  name: string;
  bold: boolean;
  italic: boolean;
  mono: boolean;
  /** A font of ornaments, whose codes are no letters. */
  dingbats: boolean;
}

/** Direction in which text advances on the shown page: 0 right, 1 down, 2 left, 3 up. */
export type Quadrant = 0 | 1 | 2 | 3;

export interface Glyph {
  /** Unicode of the glyph: one character, several for a ligature, a blank for a space. */
  text: string;
  /** Origin on the baseline. */
  x: number;
  y: number;
  /** Advance width. */
  width: number;
  /** Font size as shown. */
  size: number;
  font: FontStyle;
  quadrant: Quadrant;
  /** Id of the innermost marked content that the structure tree may refer to, or -1. */
  mark: number;
  /** Whether the producer marked it as page decoration. */
  artifact: boolean;
}

/** A straight line or a thin filled bar, horizontal (y1 = y2) or vertical (x1 = x2). */
export interface Rule {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

export interface Box {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** A link annotation with an address that may be written into Markdown. */
export interface Link extends Box {
  url: string;
}

export interface PageContent {
  /** 1-based. */
  number: number;
  width: number;
  height: number;
  glyphs: Glyph[];
  rules: Rule[];
  links: Link[];
  /** Levels of marked contents that the document tags as headings. */
  headings: HeadingTags;
}
