/**
 * Follows field codes (`HYPERLINK`, form fields) over the runs of a document. A field's result is what a reader sees and
 * is kept; its instruction is not. Fields may span paragraphs, so that one tracker serves a whole part.
 */
import { child, childrenOf, childValue, toggle, type XmlElement } from "./xml.ts";

export interface LinkTarget {
  url?: string;
  anchor?: string;
}

interface OpenField {
  instruction: string;
  inResult: boolean;
  link: LinkTarget | null;
  data: XmlElement | undefined;
  hasResult: boolean;
}

/** Fields that may stand in each other; damaged files open fields without end. */
const OPEN_MAX = 32;
/** Fields whose instruction may hold whole paragraphs. */
const LONG_INSTRUCTION = /^\s*(?:IF|ASK|FILLIN|SET|COMPARE|QUOTE)\b/i;

export class FieldTracker {
  private readonly stack: OpenField[] = [];

  /** Whether text here is part of an instruction and hidden from the reader. */
  get inInstruction(): boolean {
    return this.stack.some((field) => !field.inResult);
  }

  /** The link that the text here belongs to, if any. */
  get link(): LinkTarget | null {
    for (let index = this.stack.length - 1; index >= 0; index--) {
      const field = this.stack[index]!;
      if (field.inResult && field.link) return field.link;
    }
    return null;
  }

  /** A paragraph begins: an instruction that has not ended by now never will, and must not hide the rest of the text. */
  beginParagraph(): void {
    while (
      this.stack.length > 0 &&
      !this.stack.at(-1)!.inResult &&
      !LONG_INSTRUCTION.test(this.stack.at(-1)!.instruction)
    )
      this.stack.pop();
  }

  instruction(text: string): void {
    const top = this.stack.at(-1);
    if (top && !top.inResult) top.instruction += text;
  }

  /** Says that a result has something to see. */
  seen(): void {
    for (const field of this.stack) if (field.inResult) field.hasResult = true;
  }

  /** Handles `w:fldChar`; returns text that stands for a form field without a result. */
  mark(element: XmlElement): string {
    const type = element.attributes["w:fldCharType"];
    if (type === "begin") {
      if (this.stack.length >= OPEN_MAX) this.stack.shift();
      this.stack.push({
        instruction: "",
        inResult: false,
        link: null,
        data: child(element, "w:ffData"),
        hasResult: false,
      });
    } else if (type === "separate") {
      const top = this.stack.at(-1);
      if (top) {
        top.inResult = true;
        top.link = parseHyperlink(top.instruction);
      }
    } else if (type === "end") {
      const field = this.stack.pop();
      if (field) return formText(field);
    }
    return "";
  }
}

/** The target of a `HYPERLINK` instruction, or null for any other. */
export function parseHyperlink(instruction: string): LinkTarget | null {
  const match = /^\s*HYPERLINK\b(.*)$/is.exec(instruction);
  if (!match) return null;
  const target: LinkTarget = {};
  let expectAnchor = false;
  for (const [whole, option, quoted, bare] of match[1]!.matchAll(
    /\\([a-z])|["“”]((?:[^"“”\\]|\\.)*)["“”]|([^\s"\\][^\s"]*)/gi,
  )) {
    if (option !== undefined) {
      expectAnchor = option.toLowerCase() === "l";
      // \o and \t take a text of their own, which is no target.
      if (/[ot]/i.test(option)) target.url ??= "";
      continue;
    }
    const value = quoted === undefined ? (bare ?? whole) : quoted.replace(/\\(["\\])/g, "$1");
    if (expectAnchor) target.anchor ??= value;
    else if (!target.url) target.url ??= value;
    expectAnchor = false;
  }
  if (target.url === "") delete target.url;
  return target.url === undefined && target.anchor === undefined ? null : target;
}

function formText(field: OpenField): string {
  const checkBox = child(field.data, "w:checkBox");
  if (checkBox && /FORMCHECKBOX/i.test(field.instruction)) {
    return (toggle(checkBox, "w:checked") ?? toggle(checkBox, "w:default")) ? "☒" : "☐";
  }
  const list = child(field.data, "w:ddList");
  if (!list || field.hasResult) return "";
  const entries = childrenOf(list, "w:listEntry").map((entry) => entry.attributes["w:val"] ?? "");
  return entries[Number(childValue(list, "w:result") ?? childValue(list, "w:default") ?? 0)] ?? "";
}
