/**
 * Converts whole HTML pages. The content is kept whole: menus and footers are what a reader sees, and guessing at a
 * "main" part loses text. Title, language and authorship come from the head, which is read before the body is written.
 */
import type { HtmlDocument, HtmlElement, HtmlNode } from "@mixmark-io/domino";
import { PermanentError } from "../errors.ts";
import { documentToMarkdown, parseHtml } from "../markdown/from_html.ts";
import { declaredCharset, decodeText } from "./charset.ts";
import type { Converted, Converter, ConvertLimits, MetadataValue } from "./converted.ts";
import { isoDate } from "./iso_date.ts";
import { firstHeading } from "./title.ts";

/** Converts the bytes of an HTML page. */
export const convertHtml: Converter = async (bytes, limits) => {
  if (bytes.length === 0) throw new PermanentError("convert.empty", "The HTML file has no bytes.");
  const decoded = decodeText(bytes, declaredCharset(bytes));
  const converted = convertHtmlText(decoded.text, limits);
  if (decoded.charset !== "utf-8") converted.metadata.charset = decoded.charset;
  converted.warnings.unshift(...decoded.warnings);
  return converted;
};

/** Converts an HTML page that has been decoded already. Throws PermanentError `convert.too_large`. */
export function convertHtmlText(html: string, limits: ConvertLimits): Converted {
  const { document, cut } = parseHtml(html.replace(/^\ufeff/, ""), Math.max(limits.nestingMax, 64));
  const head = readHead(document);
  const { markdown, warnings } = documentToMarkdown(
    document,
    head.base === undefined ? { cut } : { baseUrl: head.base, cut },
  );
  if (markdown.length > limits.markdownCharsMax) {
    throw new PermanentError("convert.too_large", "The page's Markdown is longer than the limit.", {
      limit: limits.markdownCharsMax,
    });
  }
  return {
    markdown,
    title: head.title ?? firstHeading(markdown),
    language: head.language,
    metadata: head.metadata,
    warnings,
  };
}

interface Head {
  title: string | null;
  language: string | null;
  /** Address that the page's relative links are meant against, if it states an absolute one. */
  base: string | undefined;
  metadata: Record<string, MetadataValue>;
}

/** Names of meta elements → our key. The first one that is there wins. */
const META_KEYS: readonly (readonly [string, string])[] = [
  ["author", "author"],
  ["article:author", "author"],
  ["dc.creator", "author"],
  ["description", "description"],
  ["og:description", "description"],
  ["dc.description", "description"],
  ["keywords", "tags"],
  ["generator", "generator"],
  ["article:published_time", "created"],
  ["dc.date", "created"],
  ["date", "created"],
  ["created", "created"],
  ["article:modified_time", "modified"],
  ["og:updated_time", "modified"],
  ["last-modified", "modified"],
  ["changed", "modified"],
];

function readHead(document: HtmlDocument): Head {
  const metas = new Map<string, string>();
  const metadata: Record<string, MetadataValue> = {};
  let title: string | null = null;
  let base: string | undefined;
  for (let child: HtmlNode | null = document.head?.firstChild ?? null; child; child = child.nextSibling) {
    if (child.nodeType !== 1) continue;
    const element = child as HtmlElement;
    if (element.nodeName === "TITLE") title ??= clean(element.textContent);
    if (element.nodeName === "BASE") base ??= absolute(element.getAttribute("href"));
    if (element.nodeName === "LINK" && element.getAttribute("rel") === "canonical") {
      const url = absolute(element.getAttribute("href"));
      if (url) metadata.url ??= url;
    }
    if (element.nodeName !== "META") continue;
    const name = element.getAttribute("name") ?? element.getAttribute("property") ?? element.getAttribute("http-equiv");
    const content = clean(element.getAttribute("content") ?? "");
    if (name && content && !metas.has(name.toLowerCase())) metas.set(name.toLowerCase(), content);
  }
  for (const [name, key] of META_KEYS) {
    const value = metas.get(name);
    if (value !== undefined && metadata[key] === undefined) metadata[key] = metaValue(key, value);
  }
  const language = languageTag(
    document.documentElement.getAttribute("lang") ?? metas.get("content-language") ?? metas.get("og:locale"),
  );
  return { title: title ?? metas.get("og:title") ?? metas.get("dc.title") ?? null, language, base, metadata };
}

function metaValue(key: string, value: string): MetadataValue {
  if (key === "tags")
    return value
      .split(/[,;]/)
      .map((tag) => tag.trim())
      .filter((tag) => tag !== "");
  return key === "created" || key === "modified" ? (isoDate(value) ?? value) : value;
}

function clean(text: string): string | null {
  return text.replace(/\s+/g, " ").trim() || null;
}

function absolute(url: string | null): string | undefined {
  return url && /^https?:\/\//i.test(url.trim()) ? url.trim() : undefined;
}

/** A BCP 47 tag in its usual writing, or null: `en_US` → `en-US`. */
function languageTag(value: string | undefined): string | null {
  const tag = (value ?? "").split(",")[0]!.trim().replace(/_/g, "-");
  if (!/^[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8})*$/.test(tag)) return null;
  return tag.replace(/^[a-zA-Z]+/, (main) => main.toLowerCase());
}
