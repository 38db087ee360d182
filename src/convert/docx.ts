/**
 * Converts Word documents. Our own reading of the XML decides structure (headings, lists, code, notes, text boxes,
 * tracked changes, formulas) and makes a plain document model from it, mammoth turns that into HTML, and the HTML writer
 * into Markdown. Before anything is inflated the container is checked; whatever is wrong ends in a PermanentError.
 */
import { PermanentError, SluiceError } from "../errors.ts";
import { htmlToMarkdown } from "../markdown/from_html.ts";
import type { Converter, ConvertLimits, Warning } from "./converted.ts";
import { BlockWriter } from "./docx/blocks.ts";
import { DocxContext } from "./docx/context.ts";
import { type FontSymbol, InlineReader } from "./docx/inline.ts";
import { runMammoth } from "./docx/mammoth_run.ts";
import { type Block, type Note, type NoteType, note } from "./docx/model.ts";
import { Numbering } from "./docx/numbering.ts";
import { Package, type Part } from "./docx/package.ts";
import { languageTag, readProperties } from "./docx/properties.ts";
import { Styles } from "./docx/styles.ts";
import { child, childrenOf, type XmlElement } from "./docx/xml.ts";
import { oleKind } from "./signature.ts";
import { firstHeading } from "./title.ts";

/** Converts a .docx (also .docm, .dotx). Macros, comments, headers and footers are not read. */
export const convertDocx: Converter = async (bytes, limits) => {
  checkContainer(bytes);
  try {
    return await convert(bytes, limits);
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    // Whatever a damaged document trips over, it is the document's fault: the code is the same for whoever sent it.
    throw new PermanentError("convert.malformed", "The Word document could not be read.", {}, { cause: error });
  }
};

function checkContainer(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new PermanentError("convert.empty", "The .docx file has no bytes.");
  const ole = oleKind(bytes);
  if (ole?.encrypted) throw new PermanentError("convert.encrypted", "The Word document is protected by a password.");
  if (ole) throw new PermanentError("convert.unsupported_type", `The file is ${ole.name}, not a .docx.`);
}

async function convert(bytes: Uint8Array, limits: ConvertLimits): ReturnType<Converter> {
  const container = new Package(bytes, limits);
  const warnings: Warning[] = [];
  const styles = new Styles(optional(() => container.related("styles"), warnings)?.root);
  const numbering = new Numbering(optional(() => container.related("numbering"), warnings)?.root, styles);
  const footnotes = optional(() => container.related("footnotes"), warnings);
  const endnotes = optional(() => container.related("endnotes"), warnings);
  const context = new DocxContext(
    container,
    styles,
    numbering,
    noteIds(footnotes, "footnote"),
    noteIds(endnotes, "endnote"),
  );
  const properties = readProperties(
    optional(() => container.ofPackage("core-properties", "docProps/core.xml"), warnings)?.root,
  );

  const body = prepareBody(container.main, context);
  const [first, second] = [prepareNotes(footnotes, "footnote", context), prepareNotes(endnotes, "endnote", context)];
  const { html, messages } = await runMammoth({
    blocks: body.blocks,
    notes: [...first.notes, ...second.notes],
    symbols: [...first.symbols, ...second.symbols, ...body.symbols],
    styles: context.usedStyles,
  });
  for (const message of messages) context.warn(/w:sym/.test(message) ? "symbol_unknown" : "mammoth", message);
  const written = htmlToMarkdown(context.resolveMarkers(html));
  if (written.markdown.length > limits.markdownCharsMax) {
    throw new PermanentError("convert.too_large", "The document's Markdown is longer than the limit.", {
      limit: limits.markdownCharsMax,
    });
  }
  return {
    markdown: written.markdown,
    title: context.title || properties.title || firstHeading(written.markdown),
    language: properties.language ?? languageTag(styles.language),
    metadata: properties.metadata,
    warnings: [...warnings, ...context.warnings, ...written.warnings],
  };
}

/** A part that the document can do without: if it is damaged, a warning says so. Limits hold all the same. */
function optional(read: () => Part | null, warnings: Warning[]): Part | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PermanentError) || error.code !== "convert.malformed") throw error;
    warnings.push({ code: "part_damaged", message: error.message });
    return null;
  }
}

function prepareBody(main: Part, context: DocxContext): { blocks: Block[]; symbols: FontSymbol[] } {
  const inline = new InlineReader(context, main.relations);
  const body = child(main.root, "w:body");
  return { blocks: body ? new BlockWriter(context, inline).write(body) : [], symbols: inline.symbols };
}

/** Notes that a reader sees: the separators that Word keeps among them are none. */
function notesOf(part: Part | null, kind: NoteType): XmlElement[] {
  return childrenOf(part?.root, `w:${kind}`).filter((note) => {
    const type = note.attributes["w:type"];
    return note.attributes["w:id"] !== undefined && (type === undefined || type === "normal");
  });
}

function noteIds(part: Part | null, kind: NoteType): ReadonlySet<string> {
  return new Set(notesOf(part, kind).map((note) => note.attributes["w:id"]!));
}

function prepareNotes(
  part: Part | null,
  kind: NoteType,
  context: DocxContext,
): { notes: Note[]; symbols: FontSymbol[] } {
  if (!part) return { notes: [], symbols: [] };
  const inline = new InlineReader(context, part.relations);
  const notes = notesOf(part, kind).map((element) =>
    note(kind, element.attributes["w:id"]!, new BlockWriter(context, inline).write(element)),
  );
  return { notes, symbols: inline.symbols };
}
