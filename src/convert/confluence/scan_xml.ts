/**
 * Cuts storage format into tags, text and CDATA sections. Decides what counts as markup: a "<" that opens no tag is text,
 * a tag that the end of the page cuts off is nothing, a quote that is never closed ends with its tag. It never fails, and
 * every look-ahead is remembered, so that time grows linearly even with a page full of half tags.
 */
import MarkdownIt from "markdown-it";

/** Takes what the scanner finds, in order. Names are in lower case, with their prefix. */
export interface XmlSink {
  text(text: string): void;
  cdata(text: string): void;
  open(name: string, attributes: XmlAttributes, empty: boolean): void;
  close(name: string): void;
}
export type XmlAttributes = Readonly<Record<string, string>>;

const { unescapeAll } = new MarkdownIt().utils;
const ENTITY = /&(?:#[xX][0-9a-fA-F]{1,6}|#\d{1,7}|[a-zA-Z][a-zA-Z0-9]{1,30});/g;
const BASIC: ReadonlyMap<string, string> = new Map([
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
  ["&quot;", '"'],
  ["&apos;", "'"],
  ["&nbsp;", "\u00a0"],
]);
/** Control characters that XML forbids; some pages have them all the same. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
/** The end of a value that swallowed the start of another attribute, because its own quote was never closed. */
const SWALLOWED = /[\s"'][\w:.-]+\s*=\s*$/;
const NEXT_ATTRIBUTE = /\s[\w:.-]+\s*=\s*["']/;
const RAW_ELEMENTS: ReadonlySet<string> = new Set(["script", "style"]);

/** Resolves XML's and HTML's entities; unknown ones stay as written. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(ENTITY, (entity) => BASIC.get(entity) ?? unescapeAll(entity));
}

/** Takes out what no XML document may hold. */
export function withoutControls(source: string): string {
  return source.replace(/^\ufeff/, "").replace(CONTROLS, "");
}

/** Scans the source into the sink; with `strict` it stops at the first fault. Returns whether there was none. */
export function scanXml(source: string, sink: XmlSink, strict: boolean): boolean {
  const scanner = new Scanner(source, sink);
  let at = 0;
  while (at < source.length && !(strict && scanner.faulty)) at = scanner.next(at);
  return !scanner.faulty;
}

class Scanner {
  faulty = false;
  /** Next occurrence of a string at or behind a place; -1 if there is none. */
  private readonly found = new Map<string, { from: number; at: number }>();

  constructor(
    private readonly source: string,
    private readonly sink: XmlSink,
  ) {}

  private find(what: string, from: number): number {
    const known = this.found.get(what);
    if (known && known.from <= from && (known.at < 0 || known.at >= from)) return known.at;
    const at = this.source.indexOf(what, from);
    this.found.set(what, { from, at });
    return at;
  }

  /** Reads the text at `at` and the markup behind it; returns where that ends. */
  next(at: number): number {
    const { source, sink } = this;
    let text = source.indexOf("<", at);
    while (text >= 0 && !this.isMarkup(text)) {
      this.faulty = true;
      text = source.indexOf("<", text + 1);
    }
    const markup = text < 0 ? source.length : text;
    if (markup > at) sink.text(decodeEntities(source.slice(at, markup)));
    return markup < source.length ? this.markup(markup) : markup;
  }

  /** Whether the "<" there can open anything; what it opens may turn out to be broken all the same. */
  private isMarkup(at: number): boolean {
    const next = this.source[at + 1] ?? "";
    if (next === "!") return /^<!(?:--|\[CDATA\[|doctype)/i.test(this.source.slice(at, at + 9));
    return next === "?" || /[a-zA-Z]/.test(next === "/" ? (this.source[at + 2] ?? "") : next);
  }

  private markup(at: number): number {
    const { source, sink } = this;
    if (source.startsWith("<!--", at)) return this.endOf("-->", at + 4);
    if (source.startsWith("<![CDATA[", at)) return this.cdata(at + 9);
    if (source.startsWith("<?", at) && this.find("?>", at) >= 0) return this.endOf("?>", at + 2);
    if (/^<!doctype/i.test(source.slice(at, at + 9))) return this.doctype(at);
    const end = source[at + 1] === "/" ? this.endTag(at) : this.startTag(at);
    if (end !== null) return end;
    this.faulty = true;
    sink.text("<");
    return at + 1;
  }

  private endOf(mark: string, from: number): number {
    const end = this.find(mark, from);
    if (end >= 0) return end + mark.length;
    this.faulty = true;
    return this.source.length;
  }

  private doctype(at: number): number {
    const bracket = this.find("[", at);
    const close = this.find(">", at);
    const subset = bracket >= 0 && bracket < close ? this.find("]", bracket) : -1;
    const end = subset < 0 ? close : this.find(">", subset);
    return end < 0 ? this.source.length : end + 1;
  }

  /** A section that is never closed ends where its body element does. */
  private cdata(from: number): number {
    const { source, sink } = this;
    const close = this.find("]]>", from);
    const next = this.find("<![CDATA[", from);
    if (close >= 0 && (next < 0 || close < next || !this.bodyEndsBefore(from, next))) {
      sink.cdata(source.slice(from, close));
      return close + 3;
    }
    this.faulty = true;
    const body = this.find("</ac:plain-text-", from);
    const end = body < 0 ? source.length : body;
    sink.cdata(source.slice(from, end));
    return end;
  }

  private bodyEndsBefore(from: number, limit: number): boolean {
    const body = this.find("</ac:plain-text-", from);
    return body >= 0 && body < limit;
  }

  private endTag(at: number): number | null {
    const nameEnd = endOfName(this.source, at + 2);
    if (nameEnd === at + 2) return null;
    const close = this.find(">", nameEnd);
    const open = this.find("<", nameEnd);
    if (close < 0 && open < 0) return this.cutOff();
    if (close < 0 || (open >= 0 && open < close)) return null;
    this.sink.close(this.source.slice(at + 2, nameEnd).toLowerCase());
    return close + 1;
  }

  private cutOff(): number {
    this.faulty = true;
    return this.source.length;
  }

  /** Null if no tag begins here. */
  private startTag(at: number): number | null {
    const { source } = this;
    let place = endOfName(source, at + 1);
    if (place === at + 1) return null;
    const name = source.slice(at + 1, place).toLowerCase();
    const attributes: Record<string, string> = {};
    for (;;) {
      while (isBlank(source.charCodeAt(place))) place++;
      if (place >= source.length) return this.cutOff();
      const char = source[place];
      if (char === "<") return null;
      if (char === ">" || (char === "/" && source[place + 1] === ">")) break;
      const keyEnd = endOfKey(source, place);
      if (keyEnd === place) {
        this.faulty = true;
        place++;
        continue;
      }
      const key = source.slice(place, keyEnd).toLowerCase();
      const value = this.value(keyEnd);
      if (value === null) return this.cutOff();
      attributes[key] ??= decodeEntities(value.text);
      place = value.end;
    }
    const empty = source[place] === "/";
    const end = place + (empty ? 2 : 1);
    this.sink.open(name, attributes, empty);
    return RAW_ELEMENTS.has(name) && !empty ? this.rawText(name, end) : end;
  }

  /** The value behind an attribute's name, "" if it has none; null if the page ends within it. */
  private value(from: number): { text: string; end: number } | null {
    const { source } = this;
    let at = from;
    while (isBlank(source.charCodeAt(at))) at++;
    if (source[at] !== "=") {
      this.faulty = true;
      return { text: "", end: from };
    }
    at++;
    while (isBlank(source.charCodeAt(at))) at++;
    const quote = source[at];
    if (quote === '"' || quote === "'") {
      const close = this.find(quote, at + 1);
      if (close > 0 && !this.swallowed(at + 1, close)) return { text: source.slice(at + 1, close), end: close + 1 };
      return this.unclosed(at + 1);
    }
    this.faulty = true;
    let end = at;
    while (end < source.length && !isBlank(source.charCodeAt(end)) && source[end] !== ">" && source[end] !== "<") end++;
    return { text: source.slice(at, end), end };
  }

  /** A value whose quote is never closed ends where the next attribute begins, or else with its tag. */
  private unclosed(from: number): { text: string; end: number } | null {
    this.faulty = true;
    const end = this.find(">", from);
    if (end < 0) return null;
    const text = this.source.slice(from, end);
    const next = NEXT_ATTRIBUTE.exec(text);
    if (next) return { text: text.slice(0, next.index), end: from + next.index };
    return { text: text.replace(/\s*\/?$/, ""), end };
  }

  /** Whether a value ends with another attribute's opening quote, or holds other tags: none says `>` before `<`. */
  private swallowed(from: number, close: number): boolean {
    const open = this.find("<", from);
    const holdsTags = open >= 0 && open < close;
    if (holdsTags && this.find(">", from) < open) return true;
    if (!holdsTags && /[\s/>?]/.test(this.source[close + 1] ?? " ")) return false;
    return SWALLOWED.test(this.source.slice(Math.max(from, close - 80), close));
  }

  /** Scripts and styles of HTML are no markup inside. */
  private rawText(name: string, from: number): number {
    const end = this.find(`</${name}`, from);
    if (end < 0) return from;
    this.sink.cdata(this.source.slice(from, end).replace(/^\s*<!\[CDATA\[|\]\]>\s*$/g, ""));
    return end;
  }
}

function isBlank(code: number): boolean {
  return code === 32 || code === 10 || code === 9 || code === 13;
}

/** Names begin with a letter; "<3" and "< x" are text. */
function endOfName(source: string, from: number): number {
  if (!/[a-zA-Z]/.test(source[from] ?? "")) return from;
  let at = from + 1;
  while (at < source.length && /[\w:.-]/.test(source[at]!)) at++;
  return at;
}

function endOfKey(source: string, from: number): number {
  let at = from;
  while (at < source.length && !isBlank(source.charCodeAt(at)) && !"=<>\"'/".includes(source[at]!)) at++;
  return at;
}
