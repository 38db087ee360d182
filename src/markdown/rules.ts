/**
 * The rules that turndown writes Markdown by: one for each element of the neutral tree. Everything hard has been decided
 * before (whitespace, escapes, nesting), so that a rule only draws its element around the content that turndown hands it.
 */
import TurndownService from "turndown";
import { fencedCode, inlineCode, linkDestination, linkTitle } from "./escape.ts";
import type { NeutralNode } from "./neutral.ts";
import { gfmTable } from "./table.ts";

type Rule = (content: string, node: NeutralNode) => string;

/** Markdown of finished table cells, until their table is drawn. */
const cells = new WeakMap<NeutralNode, string>();

const block = (content: string): string => `\n\n${content}\n\n`;
const around =
  (mark: string, name: string): Rule =>
  (content, { attributes }) =>
    attributes.asTag ? `<${name}>${content}</${name}>` : mark + content + mark;
const tag =
  (name: string): Rule =>
  (content) =>
    `<${name}>${content}</${name}>`;

/** Puts a prefix before every line; lines without content get it without blanks at the end. */
function prefixLines(text: string, prefix: string): string {
  const bare = prefix.trimEnd();
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) lines[index] = line === "" ? bare : prefix + line;
  return lines.join("\n");
}

function trimNewlines(text: string): string {
  return text.replace(/^\n+/, "").replace(/\n+$/, "");
}

const heading: Rule = (content, node) => {
  // A "#" at the end would be taken for the closing sequence of the heading.
  const text = content.replace(/(^|\s)(#+)$/, "$1\\$2");
  return block(`${"#".repeat(Number(node.nodeName[1]))} ${text}`);
};

const paragraph: Rule = (content, node) => {
  const parent = node.parentNode;
  const tight = parent?.nodeName === "LI" && parent.parentNode?.attributes.loose === false;
  return tight ? `\n${content}\n` : block(content);
};

const list: Rule = (content, node) => {
  const parent = node.parentNode;
  const tight = parent?.nodeName === "LI" && parent.parentNode?.attributes.loose === false;
  return tight ? `\n${trimNewlines(content)}\n` : block(trimNewlines(content));
};

const item: Rule = (content, node) => {
  const { nodeName, attributes } = node.parentNode!;
  const { number = 1, task } = node.attributes;
  const marker =
    nodeName === "OL"
      ? `${Math.min(Math.max(number, 0), 999_999_999)}${attributes.alternate ? ")" : "."} `
      : attributes.alternate
        ? "* "
        : "- ";
  const box = task === undefined ? "" : task === "done" ? "[x] " : "[ ] ";
  const body = prefixLines(trimNewlines(content), " ".repeat(marker.length)).slice(marker.length);
  return `\n${marker}${box}${body}${attributes.loose ? "\n\n" : "\n"}`;
};

const code: Rule = (_content, node) => block(fencedCode(node.firstChild?.data ?? "", node.attributes.language));

const link: Rule = (content, node) => {
  const { url = "", title } = node.attributes;
  // The text of an address stands escaped, an autolink shows it as it is.
  const bare = content.replace(/\\([!-/:-@[-`{-~])/g, "$1");
  if (bare === url && /^https?:\/\/[^\s<>]+$/i.test(url) && !title) return `<${url}>`;
  return `[${content}](${linkDestination(url)}${linkTitle(title)})`;
};

const table: Rule = (_content, node) =>
  block(
    gfmTable(
      node.childNodes.map((row) =>
        row.childNodes.map((cell) => {
          const { rowspan = 1, colspan = 1, header = false } = cell.attributes;
          return { text: cells.get(cell) ?? "", rowspan, colspan, header };
        }),
      ),
    ),
  );

const RULES: Readonly<Record<string, Rule>> = {
  P: paragraph,
  H1: heading,
  H2: heading,
  H3: heading,
  H4: heading,
  H5: heading,
  H6: heading,
  UL: list,
  OL: list,
  LI: item,
  BLOCKQUOTE: (content) => block(prefixLines(trimNewlines(content), "> ")),
  PRE: code,
  HR: () => block("---"),
  TABLE: table,
  TR: () => "",
  TD: (content, node) => {
    cells.set(node, content);
    return "";
  },
  ASIDE: (content, node) =>
    block(`[^${node.attributes.label}]: ${prefixLines(trimNewlines(content), "    ").trimStart()}`),
  STRONG: around("**", "strong"),
  EM: around("*", "em"),
  DEL: around("~~", "del"),
  SUB: tag("sub"),
  SUP: tag("sup"),
  CODE: (content) => inlineCode(content),
  A: link,
  IMG: (_content, { attributes }) =>
    `![${attributes.alt ?? ""}](${linkDestination(attributes.url ?? "")}${linkTitle(attributes.title)})`,
  NOTE: (_content, { attributes }) => `[^${attributes.label}]`,
  BR: (_content, { attributes }) => (attributes.oneLine ? "<br>" : "\\\n"),
};

const service = new TurndownService({ headingStyle: "atx", preformattedCode: true });
service.escape = (text) => text;
service.addRule("neutral", {
  filter: (node) => RULES[node.nodeName] !== undefined,
  replacement: ((content: string, node: NeutralNode) => RULES[node.nodeName]!(content, node)) as unknown as NonNullable<
    TurndownService.Rule["replacement"]
  >,
});

/** Markdown of a neutral tree; the tree must not be used again. */
export function writeMarkdown(root: NeutralNode): string {
  return service.turndown(root as unknown as TurndownService.Node);
}
