/**
 * Markdown into HTML that may stand in a page of ours, whoever wrote it: raw HTML is text, images are their alternative
 * text, and a link leads to a document of the corpus, to http, https or mail, or is no link at all. Headings move one
 * level down, below the page's own, and ids have a prefix, so that nothing in a document can pass for part of the page.
 */
import MarkdownIt, { type Token } from "markdown-it";

/** Where a link of the document leads within the corpus: the document's id by the link's target as written. */
export type LinkTargets = ReadonlyMap<string, string>;

const SAFE = /^(?:https?:\/\/|mailto:)/i;
const ID_PREFIX = "doc-";

// Targets are judged below and nowhere else; as they were written, they are known to the corpus.
const parser = new MarkdownIt({ html: false });
parser.validateLink = () => true;
parser.normalizeLink = (target) => target;

const { escapeHtml } = parser.utils;

// What scrolls must be reachable by keyboard; the policy of the page allows no style attribute, so columns have classes.
parser.renderer.rules.table_open = () => `<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n`;
parser.renderer.rules.table_close = () => `</table></div>\n`;
parser.renderer.rules.fence = (tokens, index) => preformatted(tokens[index]?.content ?? "");
parser.renderer.rules.code_block = parser.renderer.rules.fence;
parser.renderer.rules.image = (tokens, index) => {
  const { content = "", attrs } = tokens[index] ?? {};
  const title = attrs?.find(([name]) => name === "title")?.[1];
  return `<span class="picture">${escapeHtml(content || String(title ?? "image"))}</span>`;
};

const preformatted = (code: string): string =>
  `<pre tabindex="0" role="region" aria-label="Code"><code>${escapeHtml(code)}</code></pre>\n`;

/** Safe HTML; `targets` are the links that lead to other documents. */
export function renderMarkdown(markdown: string, targets: LinkTargets): string {
  const tokens = parser.parse(markdown, {});
  const slugs = new Map<string, number>();
  for (const [i, token] of tokens.entries()) {
    if (token.type === "heading_open") nameHeading(token, tokens[i + 1], slugs);
    if (token.type === "heading_close") token.tag = lowered(token.tag);
    if (token.type === "th_open" || token.type === "td_open") alignCell(token);
    if (token.children) judgeLinks(token.children, targets);
  }
  return parser.renderer.render(tokens, parser.options, {});
}

const lowered = (tag: string): string => `h${Math.min(6, Number(tag.slice(1)) + 1)}`;

/** An id as GitHub makes them, so that links within the document find it. */
function nameHeading(token: Token, content: Token | undefined, slugs: Map<string, number>): void {
  const slug = slugOf(content?.content ?? "");
  const seen = slugs.get(slug) ?? 0;
  slugs.set(slug, seen + 1);
  token.tag = lowered(token.tag);
  token.attrs = [["id", ID_PREFIX + (seen === 0 ? slug : `${slug}-${seen}`)]];
}

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

function alignCell(token: Token): void {
  const align = /text-align:(right|center)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  token.attrs = align ? [["class", align]] : null;
}

/** Links that lead nowhere we would send anybody become plain text that says where they led. */
function judgeLinks(tokens: Token[], targets: LinkTargets): void {
  let tag = "a";
  for (const token of tokens) {
    if (token.type === "link_close") token.tag = tag;
    if (token.type !== "link_open") continue;
    const target = String(token.attrGet("href") ?? "");
    const href = hrefOf(target, targets);
    tag = href === null ? "span" : "a";
    token.tag = tag;
    token.attrs =
      href === null
        ? [["title", target]]
        : [["href", href], ...(SAFE.test(href) ? ([["rel", "noopener noreferrer nofollow"]] as const) : [])].map(
            ([name, value]) => [name, value] as [string, string],
          );
  }
}

function hrefOf(target: string, targets: LinkTargets): string | null {
  const documentId = targets.get(target);
  if (documentId !== undefined) return `/documents/${documentId}`;
  if (target.startsWith("#")) return `#${ID_PREFIX}${slugOf(decoded(target.slice(1)))}`;
  return SAFE.test(target) && URL.canParse(target) ? new URL(target).href : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
