/**
 * Runs mammoth over the prepared parts. mammoth gets a small package of our own writing from memory, never the original
 * file: nothing in it is compressed, external or larger than what was counted before.
 */
import mammoth from "mammoth";
import { PermanentError } from "../../errors.ts";
import { escapeXml } from "./xml.ts";

/** A part that mammoth reads blocks from. */
export interface PreparedPart {
  /** The XML inside `w:body`, or the `w:footnote`/`w:endnote` elements. */
  xml: string;
  /** Targets of its links: relationship `link-N` is the Nth one. */
  targets: readonly string[];
}

export interface PreparedDocument {
  document: PreparedPart;
  footnotes: PreparedPart;
  endnotes: PreparedPart;
}

const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"';
const RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships";
const HYPERLINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink";

const HEADINGS = [1, 2, 3, 4, 5, 6];
const STYLES = `<w:styles ${W}>${HEADINGS.map((level) => `<w:style w:type="paragraph" w:styleId="H${level}"><w:name w:val="H${level}"/></w:style>`).join("")}<w:style w:type="character" w:styleId="Code"><w:name w:val="Code"/></w:style></w:styles>`;
const STYLE_MAP = [
  ...HEADINGS.map((level) => `p[style-name='H${level}'] => h${level}:fresh`),
  "p => p:fresh",
  "r[style-name='Code'] => code",
];

/** mammoth's HTML of the document, and what it complained of. Throws PermanentError `convert.malformed`. */
export async function runMammoth(prepared: PreparedDocument): Promise<{ html: string; messages: string[] }> {
  const files = new Map<string, string>([
    ["[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'],
    ["word/styles.xml", STYLES],
  ]);
  addPart(files, "document", `<w:body>${prepared.document.xml}</w:body>`, prepared.document.targets);
  addPart(files, "footnotes", prepared.footnotes.xml, prepared.footnotes.targets);
  addPart(files, "endnotes", prepared.endnotes.xml, prepared.endnotes.targets);
  const file = {
    exists: (name: string) => files.has(name),
    read: async (name: string) => files.get(name) ?? "",
  };
  try {
    // mammoth's own command line hands opened containers over in this form; its types leave it out.
    const result = await mammoth.convertToHtml({ file } as unknown as { path: string }, {
      styleMap: STYLE_MAP,
      includeDefaultStyleMap: false,
      includeEmbeddedStyleMap: false,
      externalFileAccess: false,
    });
    return { html: result.value, messages: result.messages.map((message) => message.message) };
  } catch (error) {
    throw new PermanentError("convert.malformed", "The Word document could not be read.", {}, { cause: error });
  }
}

function addPart(files: Map<string, string>, name: string, xml: string, targets: readonly string[]): void {
  if (xml === "") return;
  files.set(`word/${name}.xml`, `<w:${name} ${W} ${R}>${xml}</w:${name}>`);
  const relations = targets.map(
    (target, index) =>
      `<Relationship Id="link-${index}" Type="${HYPERLINK}" Target="${escapeXml(target)}" TargetMode="External"/>`,
  );
  if (relations.length > 0)
    files.set(
      `word/_rels/${name}.xml.rels`,
      `<Relationships xmlns="${RELATIONSHIPS}">${relations.join("")}</Relationships>`,
    );
}
