/**
 * Walks an HTML tree, without recursion, and tells the block builder what stands there. Decides what each HTML element
 * means: a block end, a container, a mark, an image, a footnote, or nothing. Unknown elements are transparent, so that
 * the text in them is never lost.
 */
import type { HtmlElement, HtmlNode } from "@mixmark-io/domino";
import type { Warning } from "../convert/converted.ts";
import { BlockBuilder } from "./block_builder.ts";
import { escapeInline } from "./escape.ts";
import { codeOf, languageOf } from "./html_code.ts";
import type { Notes } from "./html_notes.ts";
import { isHeadingAnchor, isHidden, isRunnable } from "./html_visible.ts";
import { CODE, DEL, EM, STRONG, SUB, SUP } from "./inline_run.ts";
import { NeutralNode } from "./neutral.ts";

type Leave = () => void;
/** What to do behind the element's content; "skip" leaves its content out. */
type Entered = Leave | "skip" | undefined;

const MARKS: Readonly<Record<string, number>> = {
  STRONG, B: STRONG, EM, I: EM, S: DEL, STRIKE: DEL, DEL, SUB, SUP, CODE, KBD: CODE, SAMP: CODE, TT: CODE,
};
const BLOCKS: ReadonlySet<string> = new Set([
  "ADDRESS", "ARTICLE", "ASIDE", "BODY", "CAPTION", "CENTER", "DD", "DETAILS", "DIALOG", "DIR", "DIV", "DL", "FIELDSET", "FIGCAPTION", "FIGURE", "FOOTER", "FORM",
  "FRAMESET", "HEADER", "HGROUP", "HTML", "LEGEND", "MAIN", "MENU", "NAV", "NOFRAMES", "P", "SEARCH", "SECTION",
]);
const MEDIA: ReadonlySet<string> = new Set(["IFRAME", "VIDEO", "AUDIO", "EMBED"]);

export class HtmlWalk {
  readonly builder = new BlockBuilder();
  readonly noteBodies: NeutralNode[] = [];
  readonly warnings: Warning[] = [];
  private images = 0;
  private readonly tables: { node: NeutralNode; head: boolean }[] = [];

  constructor(
    private readonly notes: Notes,
    private readonly baseUrl: string | undefined,
  ) {}

  /** Walks the element's content. */
  run(root: HtmlNode): void {
    const leaves: (Leave | undefined)[] = [];
    let node: HtmlNode | null = root;
    for (;;) {
      let entered: Entered;
      if (node.nodeType === 1) entered = this.enter(node as HtmlElement, node.nodeName.toUpperCase());
      else if (node.nodeType === 3 || node.nodeType === 4) this.builder.text(node.nodeValue ?? "");
      if (node.firstChild && entered !== "skip") {
        leaves.push(entered);
        node = node.firstChild;
        continue;
      }
      if (typeof entered === "function") entered();
      while (node !== root && !node.nextSibling) {
        node = node.parentNode!;
        leaves.pop()?.();
      }
      if (node === root) break;
      node = node.nextSibling!;
    }
    this.builder.flush();
  }

  private enter(element: HtmlElement, name: string): Entered {
    if (isHidden(element, name)) return "skip";
    const label = this.notes.bodies.get(element);
    if (label !== undefined) return this.noteBody(label);
    if (BLOCKS.has(name)) return this.block(element);
    const mark = MARKS[name];
    if (mark !== undefined) return this.mark(element, name, mark);
    const handler = HANDLERS[name];
    return handler ? handler.call(this, element, name) : undefined;
  }

  private warn(code: string, message: string): void {
    const known = this.warnings.find((warning) => warning.code === code);
    if (known) known.count = (known.count ?? 1) + 1;
    else this.warnings.push({ code, message });
  }

  private block(element: HtmlElement): Leave {
    if (element.getAttribute("role") === "heading") return this.heading(element, Number(element.getAttribute("aria-level") ?? 2));
    this.builder.flush();
    return () => this.builder.flush();
  }

  private noteBody(label: string): Leave {
    const { node, end } = this.builder.detour("ASIDE", { label });
    this.noteBodies.push(node);
    return end;
  }

  private mark(element: HtmlElement, name: string, mark: number): Leave | undefined {
    // Google Docs wraps whole documents into <b style="font-weight:normal">.
    if (name === "B" && /font-weight\s*:\s*(?:normal|[1-4]00)/i.test(element.getAttribute("style") ?? "")) return undefined;
    return this.withMarks(mark);
  }

  private withMarks(marks: number): Leave {
    const before = this.builder.marks;
    this.builder.marks |= marks;
    return () => {
      this.builder.marks = before;
    };
  }

  /** Text styled by CSS, as Google Docs and mail programs write it. */
  private styled(element: HtmlElement): Leave | undefined {
    const style = element.getAttribute("style");
    if (!style) return undefined;
    let marks = 0;
    if (/font-weight\s*:\s*(?:bold|bolder|[6-9]00)/i.test(style)) marks |= STRONG;
    if (/font-style\s*:\s*(?:italic|oblique)/i.test(style)) marks |= EM;
    if (/text-decoration[^;]*line-through/i.test(style)) marks |= DEL;
    if (/vertical-align\s*:\s*super/i.test(style)) marks |= SUP;
    if (/vertical-align\s*:\s*sub/i.test(style)) marks |= SUB;
    return marks ? this.withMarks(marks) : undefined;
  }

  private heading(_element: HtmlElement, level: number): Leave {
    return this.builder.openHeading(Math.min(6, Math.max(1, Math.trunc(level) || 2)));
  }

  private list(element: HtmlElement, name: string): Leave {
    const start = Number.parseInt(element.getAttribute("start") ?? "1", 10);
    this.builder.open(name === "OL" ? "OL" : "UL", name === "OL" ? { start: Number.isNaN(start) ? 1 : start } : {});
    return () => this.builder.close();
  }

  private item(element: HtmlElement): Leave {
    const value = Number.parseInt(element.getAttribute("value") ?? "", 10);
    return this.builder.openItem(Number.isNaN(value) ? undefined : value);
  }

  private term(): Leave {
    this.builder.flush();
    const unmark = this.withMarks(STRONG);
    return () => {
      this.builder.flush();
      unmark();
    };
  }

  private code(element: HtmlElement): Entered {
    this.builder.code(codeOf(element), languageOf(element));
    return "skip";
  }

  private table(element: HtmlElement): Leave {
    const role = element.getAttribute("role");
    if (role === "presentation" || role === "none") return this.block(element);
    this.builder.flush();
    const isText = this.builder.inCell || this.builder.inHeading;
    const captions = NeutralNode.element("BODY");
    const node = NeutralNode.element("TABLE");
    this.tables.push({ node, head: false });
    void captions;
    if (isText) {
      return () => {
        this.tables.pop();
        this.builder.flush();
      };
    }
    return () => {
      this.tables.pop();
      this.builder.flush();
      if (node.firstChild) this.builder.append(node);
    };
  }

  private tableSection(_element: HtmlElement, name: string): Leave | undefined {
    const table = this.tables.at(-1);
    if (!table) return undefined;
    table.head = name === "THEAD";
    return () => {
      table.head = false;
    };
  }

  private row(): Leave {
    this.builder.flush();
    const table = this.tables.at(-1);
    if (table && !this.builder.inCell && !this.builder.inHeading) table.node.append(NeutralNode.element("TR"));
    return () => this.builder.flush();
  }

  private tableCell(element: HtmlElement, name: string): Leave {
    const table = this.tables.at(-1);
    if (!table) return this.block(element);
    const row = table.node.lastChild;
    const span = (attribute: string): number => Number.parseInt(element.getAttribute(attribute) ?? "1", 10) || 1;
    const rowspan = element.getAttribute("rowspan")?.trim() === "0" ? 0 : span("rowspan");
    return this.builder.openCell(row, { rowspan, colspan: span("colspan"), header: name === "TH" || table.head });
  }

  private link(element: HtmlElement): Entered {
    const label = this.notes.references.get(element);
    if (label !== undefined) {
      this.builder.atom("note", NeutralNode.element("NOTE", { label }));
      return "skip";
    }
    if (this.notes.backLinks.has(element)) return "skip";
    const href = element.getAttribute("href")?.trim();
    if (!href || this.builder.link) return undefined;
    if (this.builder.inHeading && href.startsWith("#") && isHeadingAnchor(element)) return "skip";
    if (isRunnable(href)) {
      this.warn("link_target_dropped", "A link whose target runs code or carries data was reduced to its text.");
      return undefined;
    }
    this.builder.link = { url: this.resolve(href), title: element.getAttribute("title") };
    return () => {
      this.builder.link = null;
    };
  }

  private resolve(url: string): string {
    if (this.baseUrl === undefined || url.startsWith("#")) return url;
    return URL.canParse(url, this.baseUrl) ? new URL(url, this.baseUrl).href : url;
  }

  private image(element: HtmlElement): "skip" {
    const source = (element.getAttribute("src") ?? "").trim();
    const lazy = element.getAttribute("data-src") ?? element.getAttribute("data-original") ?? element.getAttribute("srcset")?.trim().split(/[\s,]/)[0];
    const written = source === "" || (source.startsWith("data:") && lazy) ? (lazy?.trim() ?? "") : source;
    const alt = (element.getAttribute("alt") ?? "").replace(/\s+/g, " ").trim();
    const title = element.getAttribute("title");
    let url = this.resolve(written);
    if (written === "" && alt === "") {
      this.warn("image_without_source", "An image names neither a source nor a text and was left out.");
      return "skip";
    }
    if (isRunnable(written)) {
      const kind = /^data:image\/([a-z]+)/i.exec(written)?.[1] ?? "bin";
      url = `image-${++this.images}.${kind.toLowerCase()}`;
      this.warn("image_inlined", "The bytes of an image inside the page were replaced by a name.");
    }
    this.builder.atom("image", NeutralNode.element("IMG", { url, alt: escapeInline(alt, { inLink: true }), title }));
    return "skip";
  }

  private input(element: HtmlElement): "skip" {
    const type = (element.getAttribute("type") ?? "text").toLowerCase();
    if (type === "checkbox") {
      const checked = element.hasAttribute("checked");
      const item = this.builder.freshItem;
      if (item && item.attributes.task === undefined) item.attributes.task = checked ? "done" : "open";
      else this.builder.text(checked ? "☒ " : "☐ ");
    } else if (/^(?:text|submit|button|reset|search|email|url|tel|number|date)$/.test(type)) {
      const value = element.getAttribute("value");
      if (value) this.builder.text(` ${value} `);
    }
    return "skip";
  }

  private media(element: HtmlElement): "skip" {
    let source = element.getAttribute("src") ?? element.getAttribute("data-src");
    for (let child = element.firstChild; child && !source; child = child.nextSibling) {
      if (child.nodeName === "SOURCE") source = (child as HtmlElement).getAttribute("src");
    }
    const url = source?.trim();
    if (!url || isRunnable(url) || url.startsWith("about:") || this.builder.link) return "skip";
    const outer = this.builder.link;
    this.builder.link = { url: this.resolve(url), title: null };
    this.builder.text(element.getAttribute("title")?.trim() || this.builder.link.url);
    this.builder.link = outer;
    return "skip";
  }

  private math(element: HtmlElement): Entered {
    const source = texOf(element);
    if (source === null) return undefined;
    this.builder.text(source, CODE);
    return "skip";
  }

  private spaced(): Leave {
    this.builder.text(" ", 0);
    return () => this.builder.text(" ", 0);
  }

  private quoted(open: string, close: string): Leave {
    this.builder.text(open);
    return () => this.builder.text(close);
  }

  static readonly handlers: Readonly<Record<string, (this: HtmlWalk, element: HtmlElement, name: string) => Entered>> = {
    H1(element) { return this.heading(element, 1); },
    H2(element) { return this.heading(element, 2); },
    H3(element) { return this.heading(element, 3); },
    H4(element) { return this.heading(element, 4); },
    H5(element) { return this.heading(element, 5); },
    H6(element) { return this.heading(element, 6); },
    SPAN(element) { return this.styled(element); },
    A(element) { return this.link(element); },
    BR() { this.builder.lineBreak(); return "skip"; },
    HR() { this.builder.rule(); return "skip"; },
    UL(element, name) { return this.list(element, name); },
    OL(element, name) { return this.list(element, name); },
    LI(element) { return this.item(element); },
    BLOCKQUOTE() { this.builder.open("BLOCKQUOTE"); return () => this.builder.close(); },
    DT() { return this.term(); },
    SUMMARY() { return this.term(); },
    PRE(element) { return this.code(element); },
    LISTING(element) { return this.code(element); },
    XMP(element) { return this.code(element); },
    PLAINTEXT(element) { return this.code(element); },
    TABLE(element) { return this.table(element); },
    THEAD(element, name) { return this.tableSection(element, name); },
    TBODY(element, name) { return this.tableSection(element, name); },
    TFOOT(element, name) { return this.tableSection(element, name); },
    TR() { return this.row(); },
    TD(element, name) { return this.tableCell(element, name); },
    TH(element, name) { return this.tableCell(element, name); },
    IMG(element) { return this.image(element); },
    INPUT(element) { return this.input(element); },
    MATH(element) { return this.math(element); },
    ANNOTATION() { return "skip"; },
    BUTTON() { return this.spaced(); },
    OPTION() { return this.spaced(); },
    TEXT() { return this.spaced(); },
    RT() { return this.quoted("(", ")"); },
    Q() { return this.quoted("“", "”"); },
  };
}

const HANDLERS: Readonly<Record<string, (this: HtmlWalk, element: HtmlElement, name: string) => Entered>> = {
  ...HtmlWalk.handlers,
};
void MEDIA;

/** The TeX source that a MathML formula carries, if any. */
function texOf(math: HtmlElement): string | null {
  const alt = math.getAttribute("alttext");
  if (alt) return alt;
  let node: HtmlNode | null = math.firstChild;
  while (node && node !== math) {
    if (node.nodeType === 1 && node.nodeName.toLowerCase() === "annotation" && /tex/i.test((node as HtmlElement).getAttribute("encoding") ?? "")) {
      return (node as HtmlElement).textContent.trim();
    }
    if (node.firstChild) {
      node = node.firstChild;
      continue;
    }
    while (node && node !== math && !node.nextSibling) node = node.parentNode;
    if (!node || node === math) break;
    node = node.nextSibling;
  }
  return null;
}
