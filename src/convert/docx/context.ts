/**
 * What the reading of one .docx shares between its parts: styles, counters, the HTML that mammoth must carry through
 * unseen, and what the reader should be warned of.
 */
import type { Warning } from "../converted.ts";
import { type Bookmark, bookmark, type Paragraph, paragraphOf, type StyleName } from "./model.ts";
import type { Numbering } from "./numbering.ts";
import type { Package } from "./package.ts";
import type { Styles } from "./styles.ts";

export class DocxContext {
  readonly warnings: Warning[] = [];
  /** HTML by marker number. mammoth shows bookmarks as anchors: they carry what it has no words for. */
  readonly html: string[] = [];
  /** Bookmark → slug of the heading that it stands in, as GitHub makes slugs. */
  private readonly anchors = new Map<string, string>();
  private readonly slugs = new Map<string, number>();
  /** Styles that mammoth needs a rule for. */
  readonly usedStyles = new Set<StyleName>();
  /** Text of the first paragraph in the style Title. */
  title: string | null = null;

  constructor(
    readonly container: Package,
    readonly styles: Styles,
    readonly numbering: Numbering,
    /** Ids of the notes that there are; a reference to any other is dropped. */
    readonly footnotes: ReadonlySet<string>,
    readonly endnotes: ReadonlySet<string>,
  ) {}

  /** A bookmark inside a paragraph that becomes this HTML. */
  inlineMarker(html: string): Bookmark {
    return bookmark(`${INLINE}${this.html.push(html) - 1}`);
  }

  /** A paragraph of its own that becomes this HTML. */
  blockMarker(html: string): Paragraph {
    return paragraphOf([bookmark(`${BLOCK}${this.html.push(html) - 1}`)]);
  }

  /** Puts the carried HTML in the place of mammoth's anchors, and names headings in links to them. */
  resolveMarkers(html: string): string {
    return html
      .replace(/(<a href="#)([^"]+)"/g, (whole, start: string, name: string) => {
        const slug = this.anchors.get(name);
        return slug === undefined ? whole : `${start}${encodeURIComponent(slug)}"`;
      })
      .replace(MARKERS, (_whole, block?: string, inline?: string) => this.html[Number(block ?? inline)] ?? "");
  }

  /** Notes that the style is used. */
  use(style: StyleName): StyleName {
    this.usedStyles.add(style);
    return style;
  }

  /** Notes that a bookmark stands in a heading, so that links to it can name the heading. */
  addAnchors(names: readonly string[], heading: string): void {
    const slug = heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
      .replace(/ /g, "-");
    const seen = this.slugs.get(slug) ?? 0;
    this.slugs.set(slug, seen + 1);
    for (const name of names) this.anchors.set(name, seen === 0 ? slug : `${slug}-${seen}`);
  }

  /** Notes something imperfect; equal codes are folded. */
  warn(code: string, message: string): void {
    const known = this.warnings.find((warning) => warning.code === code);
    if (known) known.count = (known.count ?? 1) + 1;
    else this.warnings.push({ code, message });
  }
}

const BLOCK = "block-";
const INLINE = "inline-";
const MARKERS = new RegExp(`<p><a id="${BLOCK}(\\d+)"></a></p>|<a id="${INLINE}(\\d+)"></a>`, "g");
