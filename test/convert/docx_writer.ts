/** Builds small .docx files for tests out of the XML that matters. */
import { type ZipOptions, zipOf } from "./zip_writer.ts";

const W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const NAMESPACES = [
  `xmlns:w="${W}"`,
  `xmlns:r="${OFFICE}"`,
  'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"',
  'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"',
  'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"',
  'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"',
  'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"',
  'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"',
  'xmlns:v="urn:schemas-microsoft-com:vml"',
].join(" ");

export interface DocxParts {
  /** Inside `w:body`. */
  body: string;
  /** Inside `w:styles`. */
  styles?: string;
  /** Inside `w:numbering`. */
  numbering?: string;
  footnotes?: string;
  endnotes?: string;
  /** Inside `cp:coreProperties`. */
  core?: string;
  /** Relationship id → type, target; external if the target is an address. */
  relations?: Record<string, [string, string]>;
  /** Further entries, or replacements. */
  files?: Record<string, string>;
}

export function docxOf(parts: DocxParts, options: ZipOptions = {}): Uint8Array {
  const files: Record<string, string> = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": relationships({ r1: ["officeDocument", "word/document.xml"] }),
    "word/document.xml": `<?xml version="1.0"?><w:document ${NAMESPACES}><w:body>${parts.body}<w:sectPr/></w:body></w:document>`,
  };
  if (parts.relations) files["word/_rels/document.xml.rels"] = relationships(parts.relations);
  for (const name of ["styles", "numbering", "footnotes", "endnotes"] as const) {
    if (parts[name] !== undefined) files[`word/${name}.xml`] = `<w:${name} ${NAMESPACES}>${parts[name]}</w:${name}>`;
  }
  if (parts.core !== undefined) {
    files["docProps/core.xml"] =
      `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">${parts.core}</cp:coreProperties>`;
  }
  return zipOf({ ...files, ...parts.files }, options);
}

function relationships(relations: Record<string, [string, string]>): string {
  const list = Object.entries(relations).map(([id, [type, target]]) => {
    const mode = /^[a-z]+:\/\//.test(target) ? ' TargetMode="External"' : "";
    return `<Relationship Id="${id}" Type="${OFFICE}/${type}" Target="${target}"${mode}/>`;
  });
  return `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${list.join("")}</Relationships>`;
}

/** A paragraph of runs; `properties` is the XML inside `w:pPr`. */
export function p(content: string, properties = ""): string {
  return `<w:p><w:pPr>${properties}</w:pPr>${content.startsWith("<") ? content : r(content)}</w:p>`;
}

/** A run of text; `properties` is the XML inside `w:rPr`. */
export function r(text: string, properties = ""): string {
  return `<w:r><w:rPr>${properties}</w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;
}

export function style(id: string, name: string, inner = "", type = "paragraph"): string {
  return `<w:style w:type="${type}" w:styleId="${id}"><w:name w:val="${name}"/>${inner}</w:style>`;
}

/** Paragraph properties of a list item. */
export function item(numId: number, level = 0): string {
  return `<w:numPr><w:ilvl w:val="${level}"/><w:numId w:val="${numId}"/></w:numPr>`;
}

export function level(index: number, format: string, inner = ""): string {
  return `<w:lvl w:ilvl="${index}"><w:start w:val="1"/><w:numFmt w:val="${format}"/>${inner}<w:lvlText w:val="x"/><w:pPr><w:ind w:left="${720 * (index + 1)}"/></w:pPr></w:lvl>`;
}
