/**
 * Converts Confluence pages: storage format as the API gives it, and pages as Confluence renders them (view, export).
 * A tolerant reader makes a tree, rules turn its macros, links and tasks into plain HTML elements, and the HTML writer
 * makes Markdown of them.
 */
import { PermanentError } from "../errors.ts";
import { documentToMarkdown } from "../markdown/from_html.ts";
import { decodeText } from "./charset.ts";
import type { ConfluenceContext, ConvertedConfluence } from "./confluence/context.ts";
import { storageRule } from "./confluence/elements.ts";
import { insertLiterals } from "./confluence/literal.ts";
import { PageMapper } from "./confluence/map_page.ts";
import { pageDocument } from "./confluence/page_tree.ts";
import { readXml } from "./confluence/read_xml.ts";
import { isRendered, renderedRule } from "./confluence/rendered.ts";
import { type Converter, type ConvertLimits, DEFAULT_LIMITS, type Warning } from "./converted.ts";

/** Converts the bytes of a page; what only Confluence knows (names, addresses) stays a placeholder. Pages may be blank. */
export const convertConfluence: Converter = async (bytes, limits) => {
  const { text, warnings } = decodePage(bytes);
  const converted = convertConfluenceText(text, {}, limits);
  converted.warnings.unshift(...warnings);
  return converted;
};

/**
 * Converts a page. `context` gives what the page itself does not hold; `references` of the result says what the page
 * refers to, so that a caller can look it up. Throws PermanentError `convert.too_large`, and nothing else.
 */
export function convertConfluenceText(
  xhtml: string,
  context: ConfluenceContext = {},
  limits: ConvertLimits = DEFAULT_LIMITS,
): ConvertedConfluence {
  const tree = readXml(xhtml, limits.nestingMax);
  const rendered = isRendered(xhtml);
  const page = new PageMapper(context, limits, rendered ? renderedRule : storageRule, tree.repaired);
  const written = documentToMarkdown(pageDocument(page.nodes(tree.nodes)), { cut: tree.flattened });
  const markdown = insertLiterals(written.markdown, page.literals);
  if (markdown.length > limits.markdownCharsMax) {
    throw new PermanentError("convert.too_large", "The page's Markdown is longer than the limit.", {
      limit: limits.markdownCharsMax,
    });
  }
  const warnings = [...page.warnings, ...written.warnings];
  if (tree.repaired && !rendered) {
    warnings.push({ code: "markup_repaired", message: "The page is not well-formed; its structure is a best guess." });
  }
  return { markdown, title: null, language: null, metadata: {}, warnings, references: page.references.references };
}

/** Storage format is UTF-8 by definition: only a byte order mark says otherwise, and no charset is guessed. */
function decodePage(bytes: Uint8Array): { text: string; warnings: Warning[] } {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return decodeText(bytes);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), warnings: [] };
  } catch {
    const message = "Bytes that are not valid utf-8 were replaced by U+FFFD.";
    return { text: new TextDecoder("utf-8").decode(bytes), warnings: [{ code: "undecodable_bytes", message }] };
  }
}
