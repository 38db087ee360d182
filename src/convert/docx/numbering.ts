/**
 * Reads list definitions and counts list items as Word does: instances of one abstract list share their counters, an
 * item restarts the levels below it, an override sets a level anew when its instance is first used.
 */
import type { Styles } from "./styles.ts";
import { child, childrenOf, childValue, type XmlElement } from "./xml.ts";

export interface ListLevel {
  ordered: boolean;
  start: number;
  /** Left indent of the item's text, in twentieths of a point. */
  indent: number | undefined;
  /** Neither number nor bullet is shown. */
  silent: boolean;
  paragraphStyle: string | undefined;
}

export interface ListItem {
  numId: string;
  level: number;
  ordered: boolean;
  /** Of ordered items. */
  number: number;
  indent: number | undefined;
  /** Shows neither number nor bullet: a paragraph that goes on with the item above it. */
  silent: boolean;
}

interface Instance {
  abstractId: string;
  overrides: Map<number, { start: number | undefined; level: ListLevel | undefined }>;
}

interface AbstractList {
  levels: Map<number, ListLevel>;
  styleLink: string | undefined;
}

const LEVELS = 9;

export class Numbering {
  private readonly instances = new Map<string, Instance>();
  private readonly abstracts = new Map<string, AbstractList>();
  private readonly byStyle = new Map<string, number>();
  private readonly counters = new Map<string, (number | undefined)[]>();
  private readonly started = new Set<string>();

  constructor(
    root: XmlElement | undefined,
    private readonly styles: Styles,
  ) {
    for (const element of childrenOf(root, "w:abstractNum")) this.addAbstract(element);
    for (const element of childrenOf(root, "w:num")) this.addInstance(element);
  }

  private addAbstract(element: XmlElement): void {
    const levels = new Map<number, ListLevel>();
    for (const level of childrenOf(element, "w:lvl")) {
      const index = Number.parseInt(level.attributes["w:ilvl"] ?? "0", 10) || 0;
      const read = readLevel(level);
      levels.set(index, read);
      if (read.paragraphStyle !== undefined) this.byStyle.set(read.paragraphStyle, index);
    }
    this.abstracts.set(element.attributes["w:abstractNumId"] ?? "", {
      levels,
      styleLink: childValue(element, "w:numStyleLink"),
    });
  }

  private addInstance(element: XmlElement): void {
    const overrides: Instance["overrides"] = new Map();
    for (const override of childrenOf(element, "w:lvlOverride")) {
      const start = Number.parseInt(childValue(override, "w:startOverride") ?? "", 10);
      const level = child(override, "w:lvl");
      overrides.set(Number.parseInt(override.attributes["w:ilvl"] ?? "0", 10) || 0, {
        start: Number.isNaN(start) ? undefined : start,
        level: level ? readLevel(level) : undefined,
      });
    }
    const id = element.attributes["w:numId"];
    if (id !== undefined)
      this.instances.set(id, { abstractId: childValue(element, "w:abstractNumId") ?? "", overrides });
  }

  /**
   * Counts the next item of a list and says what it is; null if the paragraph is none.
   * @param level as the paragraph or its style states it.
   * @param styleId the paragraph's style, which a level may be tied to.
   */
  next(numId: string | undefined, level: string | undefined, styleId: string | undefined): ListItem | null {
    if (numId === undefined || numId === "0") return null;
    const instance = this.instances.get(numId);
    const abstract = instance && this.resolve(instance, 0);
    if (!instance || !abstract) return null;
    const tied = styleId === undefined || level !== undefined ? undefined : this.byStyle.get(styleId);
    const index = Math.min(Math.max(Number.parseInt(level ?? "", 10) || tied || 0, 0), LEVELS - 1);
    const override = instance.overrides.get(index);
    const definition = override?.level ?? abstract.list.levels.get(index);
    const number = this.count(abstract.id, numId, index, definition?.start ?? 1, override?.start);
    const { ordered = true, indent, silent = false } = definition ?? {};
    return { numId, level: index, ordered, number, indent, silent };
  }

  private resolve(instance: Instance, hops: number): { id: string; list: AbstractList } | null {
    const list = this.abstracts.get(instance.abstractId);
    if (!list) return null;
    if (list.styleLink === undefined || hops > 5) return { id: instance.abstractId, list };
    const linked = this.instances.get(this.styles.numberingStyle(list.styleLink) ?? "");
    return (linked && linked !== instance && this.resolve(linked, hops + 1)) || { id: instance.abstractId, list };
  }

  private count(abstractId: string, numId: string, level: number, start: number, override: number | undefined): number {
    let counters = this.counters.get(abstractId);
    if (!counters) this.counters.set(abstractId, (counters = []));
    const first = `${numId}/${level}`;
    const restarts = override !== undefined && !this.started.has(first);
    this.started.add(first);
    const current = counters[level];
    const number = restarts ? override : current === undefined ? start : current + 1;
    counters[level] = number;
    counters.length = level + 1;
    return number;
  }
}

function readLevel(element: XmlElement): ListLevel {
  const format = childValue(element, "w:numFmt") ?? "decimal";
  const text = childValue(element, "w:lvlText") ?? "";
  const start = Number.parseInt(childValue(element, "w:start") ?? "", 10);
  const properties = child(element, "w:pPr");
  const ind = child(properties, "w:ind")?.attributes;
  const indent = Number.parseInt(ind?.["w:left"] ?? ind?.["w:start"] ?? "", 10);
  return {
    ordered: format !== "bullet",
    start: Number.isNaN(start) ? 1 : start,
    indent: Number.isNaN(indent) ? undefined : indent,
    // pandoc gives the second paragraph of an item a bullet that is a blank.
    silent: (format === "none" || format === "bullet") && text.trim() === "",
    paragraphStyle: childValue(element, "w:pStyle"),
  };
}
