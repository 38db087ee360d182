/**
 * Runs mammoth over the prepared document. mammoth gets a tiny package of our own writing from memory, never the original
 * file, and the document as a finished model instead of XML, whose reading was a third of a large file's whole conversion.
 * Its reader is left the symbols of picture fonts, whose meaning only it knows.
 */
import mammoth from "mammoth";
import { PermanentError } from "../../errors.ts";
import type { FontSymbol } from "./inline.ts";
import type { Block, Note, NoteReference, StyleName } from "./model.ts";
import { escapeXml } from "./xml.ts";

export interface PreparedDocument {
  blocks: Block[];
  notes: readonly Note[];
  /** Symbols in blocks and notes; mammoth puts the text into them. */
  symbols: readonly FontSymbol[];
  /** Styles in blocks and notes. */
  styles: ReadonlySet<StyleName>;
}

const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
/** mammoth parses the rules anew for every document, and goes through them for every paragraph and run. */
const RULES: Readonly<Record<StyleName, string>> = {
  H1: "p[style-name='H1'] => h1:fresh",
  H2: "p[style-name='H2'] => h2:fresh",
  H3: "p[style-name='H3'] => h3:fresh",
  H4: "p[style-name='H4'] => h4:fresh",
  H5: "p[style-name='H5'] => h5:fresh",
  H6: "p[style-name='H6'] => h6:fresh",
  Code: "r[style-name='Code'] => code",
};

/** What mammoth's reader makes of the package: a paragraph with a run a symbol. */
interface ReadDocument {
  children: readonly { children: readonly { children: readonly { value: string }[] }[] }[];
}

/** mammoth's HTML of the document, and what it complained of. Throws PermanentError `convert.malformed`. */
export async function runMammoth(prepared: PreparedDocument): Promise<{ html: string; messages: string[] }> {
  const symbols = distinct(prepared.symbols);
  const body = [...symbols.values()].map(([{ font, char }]) => symbolXml(font, char)).join("");
  const xml = `<w:document ${W}><w:body>${body}</w:body></w:document>`;
  const file = {
    exists: (name: string) => name === "word/document.xml",
    read: async () => xml,
  };
  const finish = (read: ReadDocument): object => {
    [...symbols.values()].forEach((equal, index) => {
      const shown = read.children[index]!.children[0]!.children.map((text) => text.value).join("");
      for (const { text } of equal) text.value = shown;
    });
    return { ...read, children: prepared.blocks, notes: resolver(prepared.notes) };
  };
  try {
    // mammoth's own command line hands opened containers over in this form; its types leave it out.
    const result = await mammoth.convertToHtml({ file } as unknown as { path: string }, {
      styleMap: [...prepared.styles].map((style) => RULES[style]),
      includeDefaultStyleMap: false,
      includeEmbeddedStyleMap: false,
      externalFileAccess: false,
      transformDocument: finish,
    });
    return { html: result.value, messages: result.messages.map((message) => message.message) };
  } catch (error) {
    throw new PermanentError("convert.malformed", "The Word document could not be read.", {}, { cause: error });
  }
}

/** Symbols that show the same, in the order of the first of each. */
function distinct(symbols: readonly FontSymbol[]): Map<string, [FontSymbol, ...FontSymbol[]]> {
  const groups = new Map<string, [FontSymbol, ...FontSymbol[]]>();
  for (const symbol of symbols) {
    const name = `${symbol.char} ${symbol.font}`;
    const group = groups.get(name);
    if (group) group.push(symbol);
    else groups.set(name, [symbol]);
  }
  return groups;
}

function symbolXml(font: string, char: string): string {
  return `<w:p><w:r><w:sym w:font="${escapeXml(font)}" w:char="${char}"/></w:r></w:p>`;
}

/** Notes as mammoth asks for them. */
function resolver(notes: readonly Note[]): { resolve(reference: NoteReference): Note | null } {
  const key = (of: Note | NoteReference): string => `${of.noteType}-${of.noteId}`;
  const known = new Map(notes.map((note) => [key(note), note]));
  return { resolve: (reference) => known.get(key(reference)) ?? null };
}
