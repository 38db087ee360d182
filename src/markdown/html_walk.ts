/**
 * Walks an HTML tree, without recursion, and tells the block builder what stands there: what is hidden is left out,
 * blocks end where HTML ends them, known elements go to their handlers. Unknown elements are transparent, so that the
 * text in them is never lost.
 */
import type { HtmlElement, HtmlNode } from "@mixmark-io/domino";
import type { Warning } from "../convert/converted.ts";
import { BlockBuilder } from "./block_builder.ts";
import { HANDLERS } from "./html_elements.ts";
import type { Notes } from "./html_notes.ts";
import { isHidden } from "./html_visible.ts";
import type { NeutralNode } from "./neutral.ts";

/** Runs behind an element's content. */
export type Leave = () => void;
/** What a handler decided: "skip" leaves the element's content out. */
export type Entered = Leave | "skip" | undefined;
export type Handler = (walk: HtmlWalk, element: HtmlElement, name: string) => Entered;

export class HtmlWalk {
  readonly builder = new BlockBuilder();
  readonly warnings: Warning[] = [];
  /** Texts of footnotes, in the order of the document. */
  readonly noteBodies: NeutralNode[] = [];
  /** Tables around the current point, and whether it is in their head. */
  readonly tables: { node: NeutralNode; head: boolean }[] = [];
  /** Images inside the page that got a name so far. */
  namedImages = 0;

  constructor(
    readonly notes: Notes,
    private readonly baseUrl: string | undefined,
  ) {}

  /** Walks the element and its content. */
  run(root: HtmlNode): void {
    const leaves: Entered[] = [];
    let node: HtmlNode = root;
    for (;;) {
      const entered = this.enter(node);
      if (node.firstChild && entered !== "skip") {
        leaves.push(entered);
        node = node.firstChild;
        continue;
      }
      if (typeof entered === "function") entered();
      while (node !== root && !node.nextSibling) {
        node = node.parentNode!;
        const leave = leaves.pop();
        if (typeof leave === "function") leave();
      }
      if (node === root) break;
      node = node.nextSibling!;
    }
    this.builder.flush();
  }

  private enter(node: HtmlNode): Entered {
    if (node.nodeType === 3 || node.nodeType === 4) this.builder.text(node.nodeValue ?? "");
    if (node.nodeType !== 1) return undefined;
    const element = node as HtmlElement;
    const name = node.nodeName.toUpperCase();
    if (isHidden(element, name)) return "skip";
    const label = this.notes.bodies.get(element);
    if (label !== undefined) {
      const { node: body, end } = this.builder.detour("ASIDE", { label });
      this.noteBodies.push(body);
      return end;
    }
    return HANDLERS[name]?.(this, element, name);
  }

  /** Marks everything until the returned function is called. */
  mark(marks: number): Leave {
    const before = this.builder.marks;
    this.builder.marks |= marks;
    return () => {
      this.builder.marks = before;
    };
  }

  /** Notes something imperfect; equal codes are folded. */
  warn(code: string, message: string): void {
    const known = this.warnings.find((warning) => warning.code === code);
    if (known) known.count = (known.count ?? 1) + 1;
    else this.warnings.push({ code, message });
  }

  /** The address as written, or resolved if the page's own address is known. */
  resolve(url: string): string {
    if (this.baseUrl === undefined || url.startsWith("#")) return url;
    return URL.canParse(url, this.baseUrl) ? new URL(url, this.baseUrl).href : url;
  }
}
