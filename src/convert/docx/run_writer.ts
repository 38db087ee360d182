/**
 * Writes the inline content of one paragraph as runs of mammoth's document model: neighbours that look alike become one
 * run, since editors split text at every keystroke and mammoth pays per run.
 */
import type { DocxContext } from "./context.ts";
import type { LinkTarget } from "./fields.ts";
import {
  hyperlink,
  type Inline,
  LINE_BREAK,
  type Look,
  type Run,
  type RunContent,
  runOf,
  TAB,
  textOfRun,
} from "./model.ts";

export class RunWriter {
  /** Plain text of the paragraph, with line ends and tabs; for code blocks and for the title. */
  plain = "";
  /** Whether anything was written that a reader sees, blanks not counted. */
  visible = false;
  /** Whether all visible text was code, and there was some. */
  private codeText = 0;
  private otherText = 0;
  private readonly out: Inline[] = [];
  /** Where runs go: the paragraph, or the link that is open in it. */
  private target: Inline[] = this.out;
  private run: Run | null = null;
  private look: Look | null = null;
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
    this.inRun(look, textOfRun(text));
  }

  /** A tab or a line break; both stand in `plain` as characters. */
  blank(kind: "tab" | "break", look: Look): void {
    this.plain += kind === "tab" ? "\t" : "\n";
    this.inRun(look, kind === "tab" ? TAB : LINE_BREAK);
  }

  /** A reference to a note, or a symbol: something to see that is no text yet. */
  sign(look: Look, content: RunContent): void {
    this.visible = true;
    this.otherText++;
    this.inRun(look, content);
  }

  /** HTML that goes through mammoth as it is; `plain` is what it shows as text. */
  html(html: string, plain = ""): void {
    this.visible = true;
    this.otherText++;
    this.plain += plain;
    this.run = null;
    this.target.push(this.context.inlineMarker(html));
  }

  /** Opens a link; inside another one nothing happens. Says whether it has to be closed. */
  openLink({ url, anchor = "" }: LinkTarget): boolean {
    if (this.linkOpen) return false;
    this.run = null;
    this.hasLink = true;
    this.linkOpen = true;
    // Without any target its content stays plain.
    if (url !== undefined || anchor !== "") {
      const link = hyperlink(url === undefined ? { anchor } : { url });
      this.out.push(link);
      this.target = link.children;
    }
    return true;
  }

  closeLink(): void {
    this.run = null;
    this.linkOpen = false;
    this.target = this.out;
  }

  finish(): Inline[] {
    this.closeLink();
    return this.out;
  }

  private inRun(look: Look, content: RunContent): void {
    if (!this.run || !this.look || !looksAlike(look, this.look)) {
      this.run = runOf(look);
      if (look.code) this.context.use("Code");
      this.look = look;
      this.target.push(this.run);
    }
    this.run.children.push(content);
  }
}

function looksAlike(one: Look, other: Look): boolean {
  if (one === other) return true;
  if (one.code || other.code) return one.code === other.code;
  return (
    one.bold === other.bold &&
    one.italic === other.italic &&
    one.strike === other.strike &&
    one.position === other.position
  );
}
