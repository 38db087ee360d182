/**
 * Turns the inline Markdown of a heading into the text a reader sees: titles and heading paths are shown and searched as
 * plain text. A few linear replacements instead of an inline parse; what looks like markup but is none (a lone asterisk)
 * may lose its sign, never its words.
 */
import MarkdownIt from "markdown-it";

const { unescapeAll } = new MarkdownIt().utils;

/** Longer inline source is cut before it is read: no heading is a book. */
const SOURCE_CHARS_MAX = 2_000;

/** Plain text of inline Markdown, in one line. Code spans keep their text, images their alternative text. */
export function plainText(inline: string): string {
  let text = inline.length > SOURCE_CHARS_MAX ? inline.slice(0, SOURCE_CHARS_MAX) : inline;
  if (!/[\\`*_~[\]<&{\n]|\s\s/.test(text)) return text.trim();
  // Code is set aside first, since nothing in it is markup; private-use characters stand in for it.
  const codes: string[] = [];
  text = text.replace(/(`+)([^`]+|[^`][\s\S]{0,400}?[^`])\1(?!`)/g, (_all, _ticks, code: string) => {
    codes.push(/^ .* $/.test(code) ? code.slice(1, -1) : code);
    return `\ue000${codes.length - 1}\ue001`;
  });
  text = text
    .replace(/\s*\{[#:.][^{}\n]{0,200}\}\s*$/, "")
    .replace(/<((?:https?|ftp|mailto):[^<>\s]{1,1000})>/g, "$1")
    .replace(/<!--[^>]{0,500}-->|<\/?[a-zA-Z][^<>]{0,500}>/g, "");
  for (let depth = 0; depth < 3; depth++) {
    const before = text;
    text = text
      .replace(
        /(?<!\\)!?\[((?:\\.|[^[\]\\]|\[[^[\]]{0,200}\]){0,1000})\]\((?:\\.|[^()\\]|\([^()]{0,300}\)){0,1000}\)/g,
        "$1",
      )
      .replace(/(?<!\\)!?\[((?:\\.|[^[\]\\]){1,1000})\]\[[^[\]]{0,300}\]/g, "$1");
    if (text === before) break;
  }
  text = text
    .replace(/(?<![\\*])(\*{1,3})(?=\S)([^*\n]{1,500}?)(?<=\S)\1(?!\*)/g, "$2")
    .replace(/(?<![\\\p{L}\p{N}_])(_{1,3})(?=\S)([^_\n]{1,500}?)(?<=\S)\1(?![\p{L}\p{N}_])/gu, "$2")
    .replace(/~~(?=\S)([^~\n]{1,500}?)~~/g, "$1");
  text = unescapeAll(text).replace(/\ue000(\d+)\ue001/g, (_all, index: string) => codes[Number(index)] ?? "");
  return text.replace(/\s+/g, " ").trim();
}
