/**
 * Runs the operator list that PDF.js makes of a page and records what it paints: glyphs and ruling lines. The operator
 * list is read instead of PDF.js's own text items because those have blanks and line ends guessed into them, know no
 * rules, and are no cheaper. Appearances of annotations are part of the list, so filled-in forms are read on the way.
 */
import { type Matrix, multiply, toMatrix } from "./matrix.ts";
import type { Glyph, PageContent } from "./page_content.ts";
import { addRules } from "./rules.ts";
import { type Font, initialState, TextCursor, type TextState, UNKNOWN } from "./text_state.ts";

/** The operators by name, as PDF.js numbers them. */
export type Operators = Record<string, number>;

export interface OperatorList {
  fnArray: ArrayLike<number>;
  argsArray: ArrayLike<unknown>;
}

/** What the interpreter asks of the document while it runs. */
export interface Surroundings {
  operators: Operators;
  font: (id: string) => Font | null;
  /** Whether optional content (a layer) is shown. */
  visible: (content: unknown) => boolean;
}

/** Glyphs of one page beyond this are a bomb or a map, not a text. */
const GLYPHS_MAX = 500_000;

interface MarkedContent {
  mark: number;
  artifact: boolean;
  hidden: boolean;
}

const UNMARKED: MarkedContent = { mark: -1, artifact: false, hidden: false };

type Handler = (args: readonly unknown[]) => void;

class Interpreter {
  #state: TextState;
  readonly #base: Matrix;
  readonly #saved: TextState[] = [];
  readonly #cursor = new TextCursor();
  readonly #marks: MarkedContent[] = [];
  #mark = UNMARKED;

  constructor(
    readonly page: PageContent,
    readonly around: Surroundings,
    base: Matrix,
  ) {
    this.#base = base;
    this.#state = initialState(base);
  }

  /** What each operator does, by number. */
  handlers(): (Handler | undefined)[] {
    const state = () => this.#state;
    const cursor = this.#cursor;
    const named: Record<string, Handler> = {
      save: () => this.#save(),
      restore: () => this.#restore(),
      transform: (args) => this.#transform(args),
      paintFormXObjectBegin: (args) => this.#begin(args[0]),
      paintFormXObjectEnd: () => this.#restore(),
      beginAnnotation: (args) => this.#beginAnnotation(args),
      endAnnotation: () => this.#restore(),
      setCharSpacing: (args) => (state().charSpacing = numberOf(args[0])),
      setWordSpacing: (args) => (state().wordSpacing = numberOf(args[0])),
      setHScale: (args) => (state().scale = numberOf(args[0]) / 100),
      setLeading: (args) => (state().leading = numberOf(args[0])),
      setTextRise: (args) => (state().rise = numberOf(args[0])),
      setFont: (args) => this.#setFont(args[0], args[1]),
      setGState: (args) => this.#setGraphicsState(args[0]),
      beginText: () => cursor.begin(),
      moveText: (args) => cursor.move(numberOf(args[0]), numberOf(args[1])),
      setLeadingMoveText: (args) => {
        state().leading = -numberOf(args[1]);
        cursor.move(numberOf(args[0]), numberOf(args[1]));
      },
      nextLine: () => cursor.move(0, -state().leading),
      setTextMatrix: (args) => cursor.set(toMatrix(args[0]) ?? toMatrix(args) ?? [1, 0, 0, 1, 0, 0]),
      showText: (args) => this.#show(args[0]),
      constructPath: (args) => this.#path(args),
      beginMarkedContent: () => this.#pushMark(this.#mark),
      beginMarkedContentProps: (args) => this.#beginMarked(args),
      endMarkedContent: () => this.#popMark(),
    };
    const table: (Handler | undefined)[] = [];
    for (const [name, handler] of Object.entries(named)) table[this.around.operators[name] ?? -1] = handler;
    return table;
  }

  #save(): void {
    this.#saved.push({ ...this.#state });
  }

  #restore(): void {
    this.#state = this.#saved.pop() ?? this.#state;
  }

  #transform(args: unknown): void {
    const matrix = toMatrix(args);
    if (matrix) this.#state.ctm = multiply(this.#state.ctm, matrix);
  }

  #begin(matrix: unknown): void {
    this.#save();
    this.#transform(matrix);
  }

  /** An appearance is placed from the page's own coordinates, whatever the page left in the state. */
  #beginAnnotation(args: readonly unknown[]): void {
    this.#save();
    this.#state = initialState(this.#base);
    this.#transform(args[2]);
    this.#transform(args[3]);
  }

  #setFont(id: unknown, size: unknown): void {
    this.#state.font = typeof id === "string" ? this.around.font(id) : null;
    this.#state.size = numberOf(size);
  }

  #setGraphicsState(entries: unknown): void {
    if (!Array.isArray(entries)) return;
    for (const entry of entries) {
      if (Array.isArray(entry) && entry[0] === "Font" && Array.isArray(entry[1]))
        this.#setFont(entry[1][0], entry[1][1]);
    }
  }

  #show(shown: unknown): void {
    if (!Array.isArray(shown)) return;
    const { glyphs } = this.page;
    const { mark, artifact, hidden } = this.#mark;
    this.#cursor.show(this.#state, shown, (glyph) => {
      if (hidden || glyphs.length >= GLYPHS_MAX || !this.#onPage(glyph)) return;
      glyphs.push({ ...glyph, mark, artifact });
    });
  }

  /** Text beside the visible box is a printer's mark. */
  #onPage({ x, y, size, width }: { x: number; y: number; size: number; width: number }): boolean {
    const slack = size + width;
    return x > -slack && y > -1 && x < this.page.width + 1 && y < this.page.height + slack && size > 0.1 && size < 5000;
  }

  #path(args: readonly unknown[]): void {
    const { operators } = this.around;
    const data = Array.isArray(args[1]) ? (args[1][0] as ArrayLike<number> | null) : null;
    if (!data || this.#mark.hidden) return;
    const operator = args[0];
    const painted =
      operator === operators.fill || operator === operators.eoFill
        ? "fill"
        : operator === operators.stroke || operator === operators.closeStroke
          ? "stroke"
          : operator === operators.endPath
            ? null
            : "both";
    if (painted) addRules(this.page.rules, data, this.#state.ctm, painted);
  }

  #beginMarked(args: readonly unknown[]): void {
    const outer = this.#mark;
    if (args[0] === "OC") this.#pushMark({ ...outer, hidden: outer.hidden || !this.around.visible(args[1]) });
    else if (args[0] === "Artifact") this.#pushMark({ ...outer, artifact: true });
    else this.#pushMark(Number.isInteger(args[1]) ? { ...outer, mark: args[1] as number } : outer);
  }

  #pushMark(mark: MarkedContent): void {
    this.#marks.push(this.#mark);
    this.#mark = mark;
  }

  #popMark(): void {
    this.#mark = this.#marks.pop() ?? UNMARKED;
  }
}

/** Fills `page` from the operator list. `base` takes the page's own coordinates to the shown ones. */
export function interpret(list: OperatorList, page: PageContent, base: Matrix, around: Surroundings): void {
  const handlers = new Interpreter(page, around, base).handlers();
  const length = Math.min(list.fnArray.length, list.argsArray.length);
  for (let index = 0; index < length; index++) {
    const args = list.argsArray[index];
    handlers[list.fnArray[index]!]?.(
      Array.isArray(args) || ArrayBuffer.isView(args) ? (args as readonly unknown[]) : [],
    );
  }
}

/** Whether glyphs of the page can be read at all. */
export function hasText(glyphs: readonly Glyph[]): boolean {
  return glyphs.some((glyph) => glyph.text !== " " && glyph.text !== UNKNOWN);
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
