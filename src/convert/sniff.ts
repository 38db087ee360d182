/**
 * Decides what a file is. Content goes before the name and the name before the media type, since uploads are often
 * mislabelled: a "pdf" that is an HTML error page is read as HTML, with a warning. What the product does not read is
 * refused by its proper name, so that the sender knows what to do; a text that only its name can tell apart (Markdown,
 * plain text, source code) goes by its name, then by the look of its content.
 */
import type { ErrorCode } from "../errors.ts";
import { countControls, isWideText } from "./charset.ts";
import { FORMATS, type Format, type Warning } from "./converted.ts";
import { binaryKind, oleKind, zipKind } from "./signature.ts";
import { extensionOf, sourceLanguage } from "./source_language.ts";

export interface Recognised {
  format: Format;
  /** `type_mismatch` when the name or media type says something else. */
  warnings: Warning[];
}

export interface Refused {
  /** What the file is, with its article: "a PowerPoint presentation (.pptx)". */
  unsupported: string;
  code: ErrorCode;
}

const EXTENSIONS: Record<string, Format> = {
  md: "markdown",
  markdown: "markdown",
  mdown: "markdown",
  mkd: "markdown",
  mkdn: "markdown",
  mdx: "markdown",
  qmd: "markdown",
  rmd: "markdown",
  txt: "text",
  text: "text",
  log: "text",
  rst: "text",
  adoc: "text",
  asciidoc: "text",
  org: "text",
  tex: "text",
  html: "html",
  htm: "html",
  xhtml: "html",
  shtml: "html",
  docx: "docx",
  docm: "docx",
  dotx: "docx",
  dotm: "docx",
  pdf: "pdf",
};

const MEDIA_TYPES: Record<string, Format> = {
  "text/markdown": "markdown",
  "text/x-markdown": "markdown",
  "text/plain": "text",
  "text/html": "html",
  "application/xhtml+xml": "html",
  "application/vnd.confluence.storage+xml": "confluence",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/pdf": "pdf",
};

/**
 * The format of a file by its content, name and media type.
 * @param name file name or path; only its extension counts.
 * @param mediaType as a transport declared it, parameters allowed.
 */
export function sniffFormat(bytes: Uint8Array, name = "", mediaType?: string | null): Recognised | Refused {
  if (bytes.length === 0) return { unsupported: "an empty file", code: "convert.empty" };
  const extension = extensionOf(name);
  const declared = declaredFormat(name, mediaType);
  const container = sniffContainer(bytes, declared);
  if (container) return "format" in container ? withMismatch(container.format, declared, extension) : container;
  if (extension === "svg") return unsupported("an SVG image");

  const head = textHead(bytes);
  const format = sniffText(head, declared, extension);
  return format === "mhtml" ? unsupported("a web archive (MHTML)") : withMismatch(format, declared, extension);
}

function declaredFormat(name: string, mediaType?: string | null): Format | undefined {
  // Confluence's exporters name storage format so; a page without macros looks like any HTML.
  if (/\.storage\.(?:xhtml|xml|html)$/i.test(name)) return "confluence";
  return EXTENSIONS[extensionOf(name)] ?? MEDIA_TYPES[(mediaType ?? "").replace(/;.*/s, "").trim().toLowerCase()];
}

function unsupported(what: string): Refused {
  return { unsupported: what, code: "convert.unsupported_type" };
}

function withMismatch(format: Format, declared: Format | undefined, extension: string): Recognised {
  const alike = !declared || declared === format || (declared === "html" && format === "confluence");
  if (alike) return { format, warnings: [] };
  const label = extension ? `.${extension}` : declared;
  return {
    format,
    warnings: [{ code: "type_mismatch", message: `The file is labelled ${label}, but its content is ${format}.` }],
  };
}

/** Formats that are told by their bytes; null for anything that can be text. */
function sniffContainer(bytes: Uint8Array, declared: Format | undefined): { format: Format } | Refused | null {
  if (isPdf(bytes, declared)) return { format: "pdf" };
  const zip = zipKind(bytes);
  if (zip) {
    if (zip.docx || (declared === "docx" && zip.generic)) return { format: "docx" };
    return unsupported(zip.name);
  }
  const ole = oleKind(bytes);
  if (ole?.encrypted) return { unsupported: "an encrypted Office document", code: "convert.encrypted" };
  if (ole) return unsupported(ole.name);
  const wide = bytes.subarray(0, 1 << 16).includes(0) && isWideText(bytes);
  const binary = !wide && isBinary(bytes);
  const kind = binaryKind(bytes, binary);
  if (kind) return unsupported(kind);
  return binary ? unsupported("a binary file of unknown type") : null;
}

/**
 * `%PDF-` at the start, or within the first 1 KB (readers tolerate leading bytes) unless the file is a text that
 * merely speaks of it.
 */
function isPdf(bytes: Uint8Array, declared: Format | undefined): boolean {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1024 + 5)).indexOf("%PDF-");
  if (at < 0) return false;
  if (at === 0 || declared === "pdf") return true;
  return (
    isBinary(bytes.subarray(0, 1 << 16)) ||
    /%PDF-1\.\d\s/.test(
      latin(bytes.subarray(0, at + 9))
        .trimStart()
        .slice(0, 9),
    )
  );
}

/** More than a stray control character in the first 64 KB. One NUL in a long text is an accident, not a format. */
function isBinary(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, 1 << 16);
  return countControls(bytes, length) * 200 > length;
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The first 64 KB as ASCII, good enough to see tags and Markdown. */
function textHead(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 1 << 16);
  const [a, b] = head;
  if (a === 0xff && b === 0xfe) return new TextDecoder("utf-16le").decode(head);
  if (a === 0xfe && b === 0xff) return new TextDecoder("utf-16be" as "utf-8").decode(head);
  return latin(head.includes(0) ? head.filter((byte) => byte !== 0) : head).replace(/^\xef\xbb\xbf/, "");
}

const PAGE_START = /^(?:<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])/i;
const FRAGMENT_START =
  /^<(?:!doctype|html|head|body|div|p|table|h[1-6]|ul|ol|section|article|main|header|nav|style|script|meta|title|span|a|br|center|font|form|pre|blockquote)[\s>/]/i;
const STORAGE_TAG = /<(?:ac|ri):[a-z-]+[\s>/]/;

function sniffText(head: string, declared: Format | undefined, extension: string): Format | "mhtml" {
  const start = afterPrologue(head);
  if (
    /^(?:[\w-]+:[^\n]*\n[ \t]*){0,20}?mime-version:\s*1\.0[\s\S]{0,2000}multipart\/related/i.test(head.slice(0, 4000))
  )
    return "mhtml";
  const mayBeStorage = !declared || declared === "html" || declared === "confluence" || extension === "xml";
  if (mayBeStorage && /^<[a-z!?]/i.test(start) && STORAGE_TAG.test(head) && !PAGE_START.test(start))
    return "confluence";
  if (declared === "confluence") return "confluence";
  // Text files may quote a whole page; nobody names a page .txt by accident.
  if (declared === "text") return "text";
  if (PAGE_START.test(start)) return "html";
  if (declared === "markdown" || declared === "html") return declared;
  if (sourceLanguage(extension) === null && FRAGMENT_START.test(start)) return "html";
  if (extension !== "" && !declared) return "text";
  return looksLikeMarkdown(head) ? "markdown" : "text";
}

/** Skips white space, comments and an XML declaration. */
function afterPrologue(head: string): string {
  let at = 0;
  for (;;) {
    while (/\s/.test(head[at] ?? "")) at++;
    const close = head.startsWith("<!--", at) ? "-->" : head.startsWith("<?xml", at) ? "?>" : null;
    if (!close) return head.slice(at, at + 4096);
    const end = head.indexOf(close, at);
    if (end < 0) return "";
    at = end + close.length;
  }
}

/** Two different signs of Markdown, since each alone occurs in plain text as well. */
function looksLikeMarkdown(head: string): boolean {
  const signs = [
    /^#{1,6} \S/m,
    /^(?:```|~~~)/m,
    /\[[^[\]\n]{1,200}\]\([^)\s]{1,500}\)/,
    /^(?:[-*+]|\d+\.) \S/m,
    /\*\*[^*\n]{1,200}\*\*/,
    /^\|?[ :-]*-{3,}[ :|-]*\|/m,
  ];
  return signs.filter((sign) => sign.test(head)).length >= 2;
}

/** Where a file will probably be parsed, by its name alone: a hint for the queue before there are bytes to look at. */
export function guessLane(name: string, mediaType?: string | null): "inline" | "isolated" {
  const format = declaredFormat(name, mediaType);
  return format && FORMATS[format].isolated ? "isolated" : "inline";
}
