/**
 * Finds every link and image of a document with its place: inline, by reference, autolinks in angle brackets and bare
 * URLs (GFM), `<a href>` and `<img src>` in raw HTML. Code is not read. The scanner follows CommonMark's bracket stack
 * in one pass over the source, because markdown-it's inline parser states no offsets; every look-ahead either ends at
 * the next character of its kind or is bounded, so hostile input stays linear.
 */
import MarkdownIt from "markdown-it";
import { type Leaf, normalizeLabel, type ParsedMarkdown, parseMarkdown } from "./blocks.ts";
import { afterCodeSpan } from "./code_span.ts";
import { readDestination } from "./link_destination.ts";
import { plainText } from "./plain_text.ts";

export type LinkType = "link" | "image" | "autolink" | "reference";

export interface Link {
  /** "reference" is a link whose target a reference definition gives; images by reference are "image". */
  type: LinkType;
  /** Target as written, with backslash escapes and entities resolved, percent-encoding kept. */
  href: string;
  /** What a reader sees: link text, alternative text of an image, the URL of an autolink. Plain text, one line. */
  text: string;
  title?: string;
  /** Offset of the first character of the link's source. */
  charStart: number;
}

/** An open bracket. */
interface Opener {
  charStart: number;
  /** First character of the link text. */
  textStart: number;
  image: boolean;
  /** How many links were found before it: those after it lie in its text. */
  linksBefore: number;
  /** Another bracket opened behind it, so its text is no reference label. */
  nested: boolean;
}

const { unescapeAll } = new MarkdownIt().utils;

/** CommonMark's bound on reference labels. */
const LABEL_CHARS_MAX = 999;
const ANCHOR_TEXT_CHARS_MAX = 1_000;

const AUTOLINK = /<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s<>]*)>/y;
const MAIL_AUTOLINK = /<([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?)>/y;
const HTML_TAG = /<(a|img)((?:\s+[^\s"'<>=/]{1,100}(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?){1,64})\s*\/?>/iy;
const ATTRIBUTE = /([^\s"'<>=/]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))/g;
/** White space, `<`, `|`, backticks, and the punctuation that ends a URL in CJK text. */
const BARE_URL = /[^\s<>|`"\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+/y;
/** Within brackets it ends where they close; read apart so that many of them cost no more than their length. */
const BRACKETED_URL = /[^\s<>|`"\]\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+/y;

/** Links in the order in which they begin. Pass what `parseMarkdown` returned to save parsing it again. */
export function extractLinks(markdown: string | ParsedMarkdown): Link[] {
  const parsed = typeof markdown === "string" ? parseMarkdown(markdown) : markdown;
  const scanner = new Scanner(parsed);
  for (const leaf of parsed.leaves) {
    if (leaf.kind === "html") scanner.scanHtml(leaf);
    else scanner.scanInline(leaf);
  }
  return scanner.links.sort((a, b) => a.charStart - b.charStart);
}

/** Characters that `scanInline` looks at: \n ! . : < [ \ ] ` | */
const MATTERS = new Uint8Array(128);
for (const char of "\n!.:<[\\]`|") MATTERS[char.charCodeAt(0)] = 1;

function mayMatter(code: number): boolean {
  return code < 128 && MATTERS[code] === 1;
}

class Scanner {
  links: Link[] = [];
  private readonly text: string;
  private end = 0;
  private openers: Opener[] = [];
  /** Openers below this index cannot become links any more: links hold no links. */
  private closedBelow = 0;
  /** Where the comment ends that is next to end, so that unclosed ones do not search the whole document again. */
  private commentEnd = 0;

  constructor(private readonly parsed: ParsedMarkdown) {
    this.text = parsed.markdown;
  }

  scanHtml(leaf: Leaf): void {
    this.end = leaf.charEnd;
    for (let at = this.text.indexOf("<", leaf.charStart); at >= 0 && at < this.end; ) {
      at = this.text.indexOf("<", this.skipComment(at) ?? this.readTag(at) ?? at + 1);
    }
  }

  scanInline(leaf: Leaf): void {
    const { text } = this;
    this.end = leaf.charEnd;
    this.reset();
    const unclosed = new Set<number>();
    let at = leaf.charStart;
    for (;;) {
      while (at < this.end && !mayMatter(text.charCodeAt(at))) at++;
      if (at >= this.end) return;
      switch (text.charCodeAt(at)) {
        case 92: // backslash
          at += 2;
          break;
        case 96: // backtick
          at = afterCodeSpan(text, at, this.end, unclosed);
          break;
        case 60: // <
          at = this.skipComment(at) ?? this.readAutolink(at) ?? this.readTag(at) ?? at + 1;
          break;
        case 33: // !
          if (text.charCodeAt(at + 1) === 91) this.open(at, true);
          at += text.charCodeAt(at + 1) === 91 ? 2 : 1;
          break;
        case 91: // [
          this.open(at, false);
          at++;
          break;
        case 93: // ]
          at = this.close(at);
          break;
        case 58: // :
          at = this.readBareUrl(at) ?? at + 1;
          break;
        case 46: // .
          at = this.readWww(at) ?? at + 1;
          break;
        case 10: // Cells and rows of a table end every link.
        case 124:
          if (leaf.kind === "table") this.reset();
          at++;
          break;
        default:
          at++;
      }
    }
  }

  private reset(): void {
    this.openers = [];
    this.closedBelow = 0;
  }

  private open(charStart: number, image: boolean): void {
    const above = this.openers.at(-1);
    if (above) above.nested = true;
    const textStart = charStart + (image ? 2 : 1);
    this.openers.push({ charStart, textStart, image, linksBefore: this.links.length, nested: false });
  }

  /** Reads what follows the bracket that closes at `at`; returns where to go on. */
  private close(at: number): number {
    const opener = this.openers.pop();
    if (!opener) return at + 1;
    const usable = opener.image || this.openers.length >= this.closedBelow;
    this.closedBelow = Math.min(this.closedBelow, this.openers.length);
    if (!usable) return at + 1;
    const inline = readDestination(this.text, at + 1, this.end);
    if (inline) {
      this.add(opener, at, opener.image ? "image" : "link", unescapeAll(inline.href), unescapeAll(inline.title));
      return inline.end;
    }
    return this.closeReference(opener, at) ?? at + 1;
  }

  /** `[text][label]`, `[label][]` or `[label]`. */
  private closeReference(opener: Opener, at: number): number | null {
    const { references } = this.parsed;
    if (references.size === 0) return null;
    let end = at + 1;
    let label = "";
    if (this.text.charCodeAt(at + 1) === 91) {
      const close = this.labelEnd(at + 2);
      if (close === null) return null;
      label = this.text.slice(at + 2, close);
      end = close + 1;
    }
    if (label.trim() === "") {
      if (opener.nested || at - opener.textStart > LABEL_CHARS_MAX) return null;
      label = this.text.slice(opener.textStart, at);
    }
    const reference = references.get(normalizeLabel(label));
    if (!reference) return null;
    this.add(opener, at, opener.image ? "image" : "reference", reference.href, reference.title);
    return end;
  }

  private labelEnd(start: number): number | null {
    const limit = Math.min(this.end, start + LABEL_CHARS_MAX);
    for (let at = start; at < limit; at++) {
      const code = this.text.charCodeAt(at);
      if (code === 92) at++;
      else if (code === 91) return null;
      else if (code === 93) return at;
    }
    return null;
  }

  private add(opener: Opener, textEnd: number, type: LinkType, href: string, title: string): void {
    if (!opener.image) {
      this.closedBelow = this.openers.length;
      // A bare URL as link text is no link of its own; images in it stay.
      const inside = this.links.splice(opener.linksBefore).filter((link) => link.type === "image");
      this.links.push(...inside);
    }
    const source = this.text.slice(opener.textStart, Math.min(textEnd, opener.textStart + 2_000));
    const text = plainText(source.includes("\n") ? source.replace(/\n[ \t>]*/g, "\n") : source);
    this.links.push({ type, href, text, ...(title ? { title } : {}), charStart: opener.charStart });
  }

  private skipComment(at: number): number | null {
    if (!this.text.startsWith("<!--", at)) return null;
    if (this.commentEnd < at + 4) {
      const close = this.text.indexOf("-->", at + 4);
      this.commentEnd = close < 0 ? Number.POSITIVE_INFINITY : close + 3;
    }
    return this.commentEnd <= this.end ? this.commentEnd : null;
  }

  private readAutolink(at: number): number | null {
    for (const [pattern, scheme] of [
      [AUTOLINK, ""],
      [MAIL_AUTOLINK, "mailto:"],
    ] as const) {
      pattern.lastIndex = at;
      const match = pattern.exec(this.text);
      if (!match) continue;
      this.links.push({ type: "autolink", href: scheme + match[1]!, text: match[1]!, charStart: at });
      return pattern.lastIndex;
    }
    return null;
  }

  /** `<a href>` and `<img src>`; returns null for any other tag. */
  private readTag(at: number): number | null {
    HTML_TAG.lastIndex = at;
    const match = HTML_TAG.exec(this.text);
    if (!match || HTML_TAG.lastIndex > this.end) return null;
    const tagEnd = HTML_TAG.lastIndex;
    const attributes = new Map<string, string>();
    for (const [, name, double, single, bare] of match[2]!.matchAll(ATTRIBUTE)) {
      const key = name!.toLowerCase();
      if (!attributes.has(key)) attributes.set(key, unescapeAll(double ?? single ?? bare ?? "").trim());
    }
    const image = match[1]!.toLowerCase() === "img";
    const href = attributes.get(image ? "src" : "href");
    if (!href) return tagEnd;
    const title = attributes.get("title");
    const text = image ? (attributes.get("alt") ?? "") : this.anchorText(tagEnd);
    this.links.push({ type: image ? "image" : "link", href, text, ...(title ? { title } : {}), charStart: at });
    return tagEnd;
  }

  private anchorText(start: number): string {
    const source = this.text.slice(start, Math.min(this.end, start + ANCHOR_TEXT_CHARS_MAX));
    const close = source.search(/<\/a\s*>/i);
    return plainText(close < 0 ? "" : source.slice(0, close));
  }

  /** `http://…` or `https://…` in running text; `colon` is the place of its colon. */
  private readBareUrl(colon: number): number | null {
    if (!this.text.startsWith("//", colon + 1)) return null;
    const scheme = /(?:^|[^a-zA-Z0-9])(https?)$/i.exec(this.text.slice(Math.max(0, colon - 6), colon));
    return scheme ? this.addBareUrl(colon - scheme[1]!.length, colon + 3, "") : null;
  }

  /** `www.…` in running text; `dot` is the place of its first dot. */
  private readWww(dot: number): number | null {
    if (this.text.charCodeAt(dot - 1) !== 119 || !this.text.startsWith("www", dot - 3)) return null;
    if (dot > 3 && !/[\s*_~([]/.test(this.text[dot - 4]!)) return null;
    return this.addBareUrl(dot - 3, dot + 1, "http://");
  }

  private addBareUrl(start: number, hostStart: number, scheme: string): number | null {
    const pattern = this.openers.length > 0 ? BRACKETED_URL : BARE_URL;
    pattern.lastIndex = hostStart;
    const run = pattern.exec(this.text)?.[0];
    if (!run || !/^[\p{L}\p{N}[]/u.test(run)) return null;
    const end = hostStart + withoutTrailingPunctuation(run.slice(0, this.end - hostStart));
    if (end <= hostStart) return null;
    const url = this.text.slice(start, end);
    this.links.push({ type: "autolink", href: scheme + unescapeAll(url), text: url, charStart: start });
    return end;
  }
}

/** Length of a URL without the punctuation of the sentence around it; closing parentheses stay if they match. */
function withoutTrailingPunctuation(url: string): number {
  let open = 0;
  for (let at = 0; at < url.length; at++) open += url[at] === "(" ? 1 : url[at] === ")" ? -1 : 0;
  let end = url.length;
  while (end > 0) {
    const last = url[end - 1]!;
    if (last === ")" && open < 0) open++;
    else if (!"?!.,:;*_~'\"\\".includes(last)) break;
    end--;
  }
  return end;
}
