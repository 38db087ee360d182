/**
 * Nests list items. An item belongs to the innermost open list that has its instance and level, or to a new list inside
 * the item above it if it is deeper; levels that no item uses open no list. Says also whether a paragraph without a
 * number goes on with the item above it.
 */
import type { DocxContext } from "./context.ts";
import type { Paragraph } from "./model.ts";
import type { ListItem } from "./numbering.ts";

interface OpenList {
  numId: string;
  level: number;
  ordered: boolean;
  /** Left indent of the text of its current item. */
  indent: number | undefined;
}

export class ListNesting {
  private readonly open: OpenList[] = [];

  constructor(private readonly context: DocxContext) {}

  /** What has to stand before the item's paragraph. */
  openItem(item: ListItem): Paragraph {
    let html = "";
    for (let top = this.open.at(-1); top && !belongs(item, top); top = this.open.at(-1)) html += this.close();
    const top = this.open.at(-1);
    if (top && top.level === item.level) {
      top.indent = item.indent;
      html += `</li>${itemTag(item)}`;
    } else {
      this.open.push({ numId: item.numId, level: item.level, ordered: item.ordered, indent: item.indent });
      html += (item.ordered ? `<ol start="${item.number}">` : "<ul>") + itemTag(item);
    }
    return this.context.blockMarker(html);
  }

  /**
   * Whether a paragraph with this indent continues the item above it: one in a style made for that does anyhow, any
   * other one if it is indented as far as the item's text.
   */
  continues(indent: number | undefined, byStyle: boolean): boolean {
    const top = this.open.at(-1);
    if (!top) return false;
    return byStyle || (indent !== undefined && indent > 0 && top.indent !== undefined && indent >= top.indent);
  }

  /** Goes back to the item of this level, for a paragraph that continues it; null if no list is open. */
  backTo(level: number): Paragraph[] | null {
    if (this.open.length === 0) return null;
    let html = "";
    while (this.open.length > 1 && this.open.at(-1)!.level > level) html += this.close();
    return this.marker(html);
  }

  closeAll(): Paragraph[] {
    let html = "";
    while (this.open.length > 0) html += this.close();
    return this.marker(html);
  }

  private marker(html: string): Paragraph[] {
    return html === "" ? [] : [this.context.blockMarker(html)];
  }

  private close(): string {
    return `</li></${this.open.pop()?.ordered ? "ol" : "ul"}>`;
  }
}

function belongs(item: ListItem, list: OpenList): boolean {
  return item.level > list.level || (item.level === list.level && item.numId === list.numId);
}

function itemTag(item: ListItem): string {
  return item.ordered ? `<li value="${item.number}">` : "<li>";
}
