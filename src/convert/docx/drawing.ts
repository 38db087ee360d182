/**
 * Reads what is drawn in a document: pictures become images with their alternative text and the name of their file, text
 * boxes and shapes give back their text as blocks, charts and diagrams the words in them. No picture is ever inflated.
 */
import type { DocxContext } from "./context.ts";
import type { Relations } from "./package.ts";
import { child, descendants, escapeXml, isElement, type XmlElement } from "./xml.ts";

export interface Drawing {
  /** `<img>` elements, in order. */
  images: string[];
  /** Containers of blocks: text boxes, or paragraphs made of the words of charts and diagrams. */
  boxes: XmlElement[];
}

const PARTS: ReadonlySet<string> = new Set([
  "a:blip",
  "v:imagedata",
  "w:txbxContent",
  "v:textpath",
  "c:chart",
  "dgm:relIds",
  "mc:AlternateContent",
]);

export function drawingOf(node: XmlElement, relations: Relations, context: DocxContext): Drawing {
  const drawing: Drawing = { images: [], boxes: [] };
  for (const anchor of node.name === "w:drawing" ? node.children : [node]) {
    if (isElement(anchor)) collect(anchor, describe(anchor), relations, context, drawing);
  }
  return drawing;
}

interface Description {
  alt: string;
  link: string | undefined;
}

/** The alternative text that stands at a drawing's frame. */
function describe(anchor: XmlElement): Description {
  const properties = child(anchor, "wp:docPr");
  const { descr = "", title = "" } = properties?.attributes ?? {};
  return { alt: descr.trim() || title.trim(), link: child(properties ?? anchor, "a:hlinkClick")?.attributes["r:id"] };
}

function collect(
  anchor: XmlElement,
  outer: Description,
  relations: Relations,
  context: DocxContext,
  drawing: Drawing,
): void {
  for (const part of descendants(anchor, PARTS)) {
    switch (part.name) {
      case "a:blip":
        addImage(part.attributes["r:embed"] ?? part.attributes["r:link"], outer, relations, context, drawing);
        break;
      case "v:imagedata":
        addImage(
          part.attributes["r:id"],
          { alt: part.attributes["o:title"] ?? vmlAlt(anchor), link: undefined },
          relations,
          context,
          drawing,
        );
        break;
      case "w:txbxContent":
        drawing.boxes.push(part);
        break;
      case "v:textpath":
        if (part.attributes.string) drawing.boxes.push(paragraphs([part.attributes.string]));
        break;
      case "c:chart":
        addWords(part.attributes["r:id"], CHART_TEXT, relations, context, drawing, "chart");
        break;
      case "dgm:relIds":
        addWords(part.attributes["r:dm"], DIAGRAM_TEXT, relations, context, drawing, "diagram");
        break;
      default: {
        const choice = child(part, "mc:Choice") ?? child(part, "mc:Fallback");
        if (choice) collect(choice, outer, relations, context, drawing);
      }
    }
  }
}

function vmlAlt(anchor: XmlElement): string {
  const shape = descendants(anchor, new Set(["v:shape", "v:rect"]))[0];
  return shape?.attributes.alt ?? "";
}

function addImage(
  id: string | undefined,
  { alt, link }: Description,
  relations: Relations,
  context: DocxContext,
  drawing: Drawing,
): void {
  const relation = relations.get(id ?? "");
  if (!relation) context.warn("image_missing", "A picture's file is not in the document.");
  if (!relation && alt === "") return;
  const source = relation
    ? relation.external
      ? relation.target
      : relation.target.replace(/^word\//, "")
    : "missing-image";
  const image = `<img src="${escapeXml(source)}" alt="${escapeXml(alt)}">`;
  const target = relations.get(link ?? "");
  drawing.images.push(target ? `<a href="${escapeXml(target.target)}">${image}</a>` : image);
}

const CHART_TEXT: ReadonlySet<string> = new Set(["c:v", "a:t"]);
const DIAGRAM_TEXT: ReadonlySet<string> = new Set(["a:p"]);
const RUN_TEXT: ReadonlySet<string> = new Set(["a:t"]);

/** The words of a chart or diagram, which stand in a part of their own. */
function addWords(
  id: string | undefined,
  names: ReadonlySet<string>,
  relations: Relations,
  context: DocxContext,
  drawing: Drawing,
  kind: string,
): void {
  context.warn(`${kind}_as_text`, `A ${kind} cannot be shown; the words in it were kept.`);
  const relation = relations.get(id ?? "");
  const part = relation && !relation.external ? context.container.part(relation.target) : null;
  if (!part) return;
  const words = descendants(part.root, names).map((element) =>
    (element.name === "a:p" ? descendants(element, RUN_TEXT) : [element]).map(plain).join(""),
  );
  const distinct = [
    ...new Set(words.map((word) => word.trim()).filter((word) => word !== "" && !/^-?[\d.,Ee+-]+$/.test(word))),
  ];
  if (distinct.length > 0) drawing.boxes.push(paragraphs(kind === "chart" ? [distinct.join(", ")] : distinct));
}

function plain(element: XmlElement): string {
  return element.children.filter((node) => typeof node === "string").join("");
}

/** Paragraphs of plain text, in the form of a text box. */
function paragraphs(texts: readonly string[]): XmlElement {
  const element = (name: string, children: (XmlElement | string)[]): XmlElement => ({ name, attributes: {}, children });
  return element(
    "w:txbxContent",
    texts.map((text) => element("w:p", [element("w:r", [element("w:t", [text])])])),
  );
}
