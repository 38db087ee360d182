/**
 * Decides which characters of plain text need a backslash so that Markdown (CommonMark + GFM) shows them as they are,
 * and how code, link targets and table cells are quoted. Escapes only where a character could really act as markup:
 * underscores inside words, dots, single brackets and stars between blanks stay bare, because every backslash is noise
 * for whoever reads or searches the text.
 */

/** What stands next to a piece of text: a character, "" for the edge of its block, "*" for markup of ours. */
export interface TextContext {
  before?: string;
  after?: string;
  /** Inside the text of a link or the alternative text of an image, where every bracket counts. */
  inLink?: boolean;
}

const INLINE = /\\|`|\*+|_+|~+|\[|\]|<|&|!$/g;
const ANY_INLINE = /[\\`*_~[\]<&]|!$/;
const ASCII_PUNCTUATION = /[!-/:-@[-`{-~]/;
const ENTITY = /&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});/y;
const WORD = /[\p{L}\p{N}]/u;

const isBlank = (char: string): boolean => char === "" || /\s/.test(char);

function escapeRun(run: string): string {
  return run.replace(/./g, "\\$&");
}

/**
 * Escapes what could act as inline markup in one piece of text. Line starts are `escapeLineStart`'s business.
 * Pipes are left alone: only tables care, see `escapeTableCell`.
 */
export function escapeInline(text: string, context: TextContext = {}): string {
  if (!ANY_INLINE.test(text)) return text;
  const { before = "", after = "", inLink = false } = context;
  return text.replace(INLINE, (run: string, at: number) => {
    const previous = at > 0 ? text[at - 1]! : before;
    const next = text[at + run.length] ?? after;
    switch (run[0]) {
      case "\\":
        return next === "\n" || ASCII_PUNCTUATION.test(next) ? "\\\\" : run;
      case "`":
        return "\\`";
      case "*":
        return isBlank(previous) && isBlank(next) ? run : escapeRun(run);
      case "_":
        if (isBlank(previous) && isBlank(next)) return run;
        return WORD.test(previous) && WORD.test(next) ? run : escapeRun(run);
      case "~":
        // A single tilde only strikes out if another one closes it, and every possible closer is escaped.
        return run.length === 1 && isBlank(previous) ? run : escapeRun(run);
      case "[":
        return inLink || next === "^" ? "\\[" : run;
      case "]":
        return inLink || next === "(" || next === "[" || next === ":" ? "\\]" : run;
      case "<":
        return /[a-zA-Z/!?]/.test(next) ? "\\<" : run;
      case "&":
        ENTITY.lastIndex = at;
        return ENTITY.test(text) ? "\\&" : run;
      default:
        return after === "[" ? "\\!" : run;
    }
  });
}

const LINE_START = /^(?:[#>+\-*_=|:[]|\d)/;
/** A line that would make a table of the line above it. */
const TABLE_RULE = /^(\|?[ \t]*:?)(-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*)$/;

/** Escapes what would open a block at the start of a line: headings, list items, quotes, rules, tasks. */
export function escapeLineStart(line: string): string {
  if (!LINE_START.test(line)) return line;
  switch (line[0]) {
    case "#":
      return line.replace(/^#{1,6}(?=\s|$)/, "\\$&");
    case ">":
      return `\\${line}`;
    case "+":
      return line.replace(/^\+(?=\s|$)/, "\\+");
    case "-":
      return line.replace(/^-(?=\s|$|[-\s]*$)/, "\\-").replace(TABLE_RULE, "\\$2");
    case "*":
    case "_":
      return line.replace(/^(?:\*(?=\s|$)|[*_](?=[*_\s]*$))/, "\\$&");
    case "=":
      return line.replace(/^=(?==*\s*$)/, "\\=");
    case "|":
    case ":":
      return line.replace(TABLE_RULE, "$1\\$2");
    case "[":
      return line.replace(/^\[(?=[ xX]\](?:\s|$))/, "\\[");
    default:
      return line.replace(/^(\d{1,9})(?=[.)](?:\s|$))/, "$1\\");
  }
}

/**
 * Escapes a whole paragraph of plain text, so that Markdown shows exactly these characters. Line ends stay (a renderer
 * shows them as blanks); blanks around lines go, since they could make code blocks or hard breaks.
 */
export function escapeText(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => escapeLineStart(escapeInline(line.trim())))
    .join("\n");
}

/** Makes inline Markdown fit into one cell of a GFM table: pipes escaped, line ends as `<br>`. */
export function escapeTableCell(markdown: string): string {
  const oneLine = /[\r\n]/.test(markdown)
    ? markdown.trim().replace(/\\?[ \t]*(?:\r\n|\r|\n)+[ \t]*/g, "<br>")
    : markdown.trim();
  return oneLine.replace(/\|/g, "\\|");
}

/** The fence for a code block: longer than any run of backticks that starts a line of the code. */
export function fenceFor(code: string): string {
  let longest = 2;
  for (const match of code.matchAll(/^[ \t]*(`{3,})/gm)) longest = Math.max(longest, match[1]!.length);
  return "`".repeat(longest + 1);
}

/** A fenced code block without blank lines around it; one line end at the end of the code is the fence's own. */
export function fencedCode(code: string, language = ""): string {
  const body = code.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  const fence = fenceFor(body);
  const info = language.replace(/[`\s]+/g, " ").trim();
  return `${fence}${info}\n${body}${body === "" ? "" : "\n"}${fence}`;
}

/** A code span; "" for empty code. Line ends become blanks, as in any code span. */
export function inlineCode(code: string): string {
  const body = code.replace(/\r\n?|\n/g, " ");
  if (body === "") return "";
  let longest = 0;
  for (const match of body.matchAll(/`+/g)) longest = Math.max(longest, match[0].length);
  const ticks = "`".repeat(longest + 1);
  // A renderer takes one blank off both ends, if both are there and the code is not all blanks.
  const padded = /^`|`$/.test(body) || (/^ .* $/.test(body) && /[^ ]/.test(body)) ? ` ${body} ` : body;
  return ticks + padded + ticks;
}

/** A link or image target in parentheses form: blanks and angle brackets percent-encoded, parentheses escaped. */
export function linkDestination(url: string): string {
  return url
    .trim()
    .replace(/[\u0000-\u0020<>\u007f]+/g, (run) => encodeURIComponent(run.replace(/[\r\n\t]/g, "")))
    .replace(/\\(?=[!-/:-@[-`{-~])/g, "\\\\")
    .replace(/[()]/g, "\\$&")
    .replace(/&(?=#?\w+;)/g, "\\&");
}

/** A link title with its quotes and a blank before it, or "" without a title. */
export function linkTitle(title: string | null | undefined): string {
  const text = title?.replace(/\s+/g, " ").trim();
  return text
    ? ` "${text
        .replace(/\\(?=[!-/:-@[-`{-~])/g, "\\\\")
        .replace(/"/g, '\\"')
        .replace(/&(?=#?\w+;)/g, "\\&")}"`
    : "";
}
