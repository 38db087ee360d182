/**
 * Writes the inline content of one paragraph as plain runs that mammoth understands: neighbours that look alike become
 * one run, since editors split text at every keystroke and mammoth pays per run.
 */
import type { DocxContext } from "./context.ts";
import { escapeXml } from "./xml.ts";

/** What survives of a run's properties. */
export interface Look {
  bold: boolean;
  italic: boolean;
  strike: boolean;
  code: boolean;
  position: "subscript" | "superscript" | undefined;
}

export class RunWriter {
  /** Plain text of the paragraph, with line ends and tabs; for code blocks and for the title. */
  plain = "";
  /** Whether anything was written that a reader sees, blanks not counted. */
  visible = false;
  /** Whether all visible text was code, and there was some. */
  private codeText = 0;
  private otherText = 0;
  private out = "";
  private look = "";
  private runOpen = false;
  private linkOpen = false;
  private hasLink = false;

  constructor(private readonly context: DocxContext) {}

  /** True if the paragraph shows code and nothing else that a code block would lose. */
  get isAllCode(): boolean {
    return this.codeText > 0 && this.otherText === 0 && !this.hasLink;
  }

  text(text: string, look: Look): void {
    if (text === "") return;
    if (text.trim() !== "") {
      this.visible = true;
      if (look.code) this.codeText++;
      else this.otherText++;
    }
    this.plain += text;
    this.inRun(look, `<w:t xml:space="preserve">${escapeXml(stripControls(text))}</w:t>`);
  }

  /** A tab or a line break; both stand in `plain` as characters. */
  blank(kind: "tab" | "break", look: Look): void {
    this.plain += kind === "tab" ? "\t" : "\n";
    this.inRun(look, kind === "tab" ? "<w:tab/>" : "<w:br/>");
  }

  /** Other content of a run, as XML that mammoth knows. */
  inRun(look: Look, xml: string): void {
    const wanted = propertiesOf(look);
    if (!this.runOpen || wanted !== this.look) {
      this.endRun();
      this.out += `<w:r>${wanted}`;
      this.look = wanted;
      this.runOpen = true;
    }
    this.out += xml;
  }

  /** A reference to a note, or a symbol: something to see that is no text yet. */
  sign(look: Look, xml: string): void {
    this.visible = true;
    this.otherText++;
    this.inRun(look, xml);
  }

  /** HTML that goes through mammoth as it is; `plain` is what it shows as text. */
  html(html: string, plain = ""): void {
    this.visible = true;
    this.otherText++;
    this.plain += plain;
    this.endRun();
    this.out += this.context.inlineMarker(html);
  }

  /** Opens a link; inside another one nothing happens. Says whether it has to be closed. */
  openLink(attributes: string): boolean {
    if (this.linkOpen) return false;
    this.endRun();
    this.hasLink = true;
    this.out += `<w:hyperlink ${attributes}>`;
    this.linkOpen = true;
    return true;
  }

  closeLink(): void {
    this.endRun();
    if (this.linkOpen) this.out += "</w:hyperlink>";
    this.linkOpen = false;
  }

  finish(): string {
    this.closeLink();
    return this.out;
  }

  private endRun(): void {
    if (this.runOpen) this.out += "</w:r>";
    this.runOpen = false;
  }
}

function propertiesOf(look: Look): string {
  const { bold, italic, strike, code, position } = look;
  if (code) return CODE_PROPERTIES;
  if (!bold && !italic && !strike && position === undefined) return "";
  const vertical = position === undefined ? "" : `<w:vertAlign w:val="${position}"/>`;
  return `<w:rPr>${bold ? "<w:b/>" : ""}${italic ? "<w:i/>" : ""}${strike ? "<w:strike/>" : ""}${vertical}</w:rPr>`;
}

const CODE_PROPERTIES = '<w:rPr><w:rStyle w:val="Code"/></w:rPr>';

/** Characters that XML does not allow; they come from damaged files and would stop the next parser. */
function stripControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "");
}
