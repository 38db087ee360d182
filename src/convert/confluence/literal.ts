/**
 * Carries finished Markdown through the HTML writer: a mark stands for it in the tree and is replaced in the result, with
 * the quote or indentation of the place repeated on every line.
 */
import { html, type PageNode } from "./page_tree.ts";

// Characters of a private plane, which no font and no editor uses.
const OPEN = "\u{10fff0}";
const CLOSE = "\u{10fff1}";
const MARK = /^(.*)\u{10fff0}(\d{1,6})\u{10fff1}(.*)$/gmu;

/** A paragraph that stands for the Markdown; nothing for none. */
export function literalNode(literals: string[], markdown: string): PageNode[] {
  const trimmed = markdown.replace(/^\s*\n|\s+$/g, "");
  if (trimmed === "") return [];
  const index = literals.push(trimmed) - 1;
  return [html("P", {}, [`${OPEN}${index}${CLOSE}`])];
}

/** The written Markdown with every mark replaced. In a line with other text, as in a table cell, lines are joined. */
export function insertLiterals(markdown: string, literals: readonly string[]): string {
  if (literals.length === 0) return markdown;
  return markdown.replace(MARK, (line: string, before: string, index: string, after: string) => {
    const literal = literals[Number(index)];
    if (literal === undefined) return line;
    if (after !== "" || !/^(?:[ \t>]|[-*] |\d{1,9}[.)] )*$/.test(before)) {
      return `${before}${literal.replace(/\s*\n\s*/g, " ").replace(/\|/g, "\\|")}${after}`;
    }
    const next = before.replace(/[^>]/g, " ");
    return literal
      .split("\n")
      .map((part, at) => (at === 0 ? before : next) + part)
      .map((part) => part.trimEnd())
      .join("\n");
  });
}
