/**
 * The text half of PDF's graphics state (ISO 32000-1, 9.3 and 9.4): where each glyph of a string lands on the shown
 * page. Everything else about a glyph is decided by its font.
 */
import { IDENTITY, type Matrix, multiply } from "./matrix.ts";
import type { FontStyle, Glyph, Quadrant } from "./page_content.ts";

/** A font as far as positions need it. */
export interface Font extends FontStyle {
  /** Glyph units to text units: 0.001 for all but Type 3 fonts. */
  unit: number;
  /** Height of the font in text units, for Type 3 fonts whose nominal size says nothing; else 1. */
  height: number;
  vertical: boolean;
}

/** A glyph as PDF.js hands it over. */
export interface ShownGlyph {
  unicode: string;
  width: number;
  isSpace: boolean;
  vmetric?: number[] | null;
}

export interface TextState {
  ctm: Matrix;
  font: Font | null;
  size: number;
  charSpacing: number;
  wordSpacing: number;
  /** Horizontal scaling as a factor. */
  scale: number;
  leading: number;
  rise: number;
}

export function initialState(ctm: Matrix): TextState {
  return { ctm, font: null, size: 0, charSpacing: 0, wordSpacing: 0, scale: 1, leading: 0, rise: 0 };
}

/** What a glyph of unknown meaning is read as: PDF.js gives its code then, which falls among the control characters. */
export const UNKNOWN = "\ufffd";

/** Control characters and invisible format marks say nothing to a reader. */
const SILENT = /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff]/g;
const CONTROL = /^[\u0001-\u001f]+$/;
const BLANK = /^[\s\u00a0]*$/;

function textOf({ unicode, width }: ShownGlyph, dingbats: boolean): string {
  // Nobody changes to a font of ornaments for a blank: it is a box or a bullet.
  if (BLANK.test(unicode)) return dingbats && width > 0 ? UNKNOWN : " ";
  const text = unicode.replace(SILENT, "");
  return text === "" && width > 0 && CONTROL.test(unicode) ? UNKNOWN : text;
}

/** Text matrix and line matrix of a text object. */
export class TextCursor {
  #matrix: Matrix = IDENTITY;
  #line: Matrix = IDENTITY;

  begin(): void {
    this.#matrix = this.#line = IDENTITY;
  }

  set(matrix: Matrix): void {
    this.#matrix = this.#line = matrix;
  }

  /** Moves to the start of the next line, offset from the start of the current one. */
  move(x: number, y: number): void {
    this.#matrix = this.#line = multiply(this.#line, [1, 0, 0, 1, x, y]);
  }

  /** Places the glyphs of one string; numbers between them are adjustments in thousandths of the font size. */
  show(state: TextState, shown: readonly unknown[], add: (glyph: Omit<Glyph, "mark" | "artifact">) => void): void {
    const { font, size } = state;
    if (!font) return;
    const base = multiply(state.ctm, this.#matrix);
    const across = Math.hypot(base[0], base[1]);
    const up = Math.hypot(base[2], base[3]);
    const flow = font.vertical ? ([-base[2], -base[3]] as const) : ([base[0], base[1]] as const);
    const sign = size < 0 ? -1 : 1;
    const quadrant = quadrantOf(flow[0] * sign, flow[1] * sign);
    const shownSize = Math.abs(size) * font.height * (up || across);
    let offset = 0;
    for (const item of shown) {
      if (typeof item === "number") {
        offset -= (item / 1000) * size * (font.vertical ? 1 : state.scale);
        continue;
      }
      if (typeof item !== "object" || item === null) continue;
      const glyph = item as ShownGlyph;
      const spacing = state.charSpacing + (glyph.isSpace ? state.wordSpacing : 0);
      const units = font.vertical ? Math.abs(glyph.vmetric?.[0] ?? 1000) : (glyph.width ?? 0);
      const own = units * font.unit * size * (font.vertical ? 1 : state.scale);
      const text = textOf(glyph, font.dingbats);
      if (text !== "") {
        const [x, y] = font.vertical ? [0, -offset] : [offset, state.rise];
        const width = Math.abs(own) * (font.vertical ? up : across);
        add({
          text,
          x: base[0] * x + base[2] * y + base[4],
          y: base[1] * x + base[3] * y + base[5],
          width,
          size: shownSize,
          font,
          quadrant,
        });
      }
      offset += own + spacing * (font.vertical ? 1 : state.scale);
    }
    this.#matrix = multiply(this.#matrix, font.vertical ? [1, 0, 0, 1, 0, -offset] : [1, 0, 0, 1, offset, 0]);
  }
}

function quadrantOf(dx: number, dy: number): Quadrant {
  if (Math.abs(dx) >= Math.abs(dy)) return dx >= 0 ? 0 : 2;
  return dy > 0 ? 1 : 3;
}
