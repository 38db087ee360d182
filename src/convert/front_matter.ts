/**
 * Takes YAML (`---`) or TOML (`+++`) front matter off a Markdown file and turns it into title, language and metadata.
 * Only a mapping is front matter: a `---` that opens nothing of the kind is a thematic break and stays. Front matter
 * that does not parse is kept as a code block, so that nothing is lost, with a warning and whatever single lines say.
 * Bun's parsers refuse alias bombs themselves; size, depth and number of values are bounded here.
 */
import type { MetadataValue, Warning } from "./converted.ts";
import { isoDate } from "./iso_date.ts";

export interface FrontMatter {
  /** The document without its front matter. */
  body: string;
  title: string | null;
  language: string | null;
  metadata: Record<string, MetadataValue>;
  warnings: Warning[];
}

const CHARS_MAX = 64 * 1024;
const VALUES_MAX = 1000;
const DEPTH_MAX = 4;
const STRING_MAX = 4000;

const TITLE_KEYS = ["title", "Title", "sidebar_label", "linkTitle"];
const LANGUAGE_KEYS = ["lang", "language", "locale"];
const TAG_KEYS = new Set(["tags", "tag", "keywords", "categories", "category", "labels"]);
const DATE_KEY =
  /^(?:.*[._-])?(?:date|created|modified|updated|published|lastmod|last_?modified|last_?updated)(?:_?at)?$/i;

/** Splits a Markdown text (LF line ends, no byte order mark) into front matter and body. */
export function splitFrontMatter(text: string): FrontMatter {
  const none: FrontMatter = { body: text, title: null, language: null, metadata: {}, warnings: [] };
  const block = findBlock(text);
  if (!block) return none;
  const parsed = parse(block.source, block.kind);
  if (isMapping(parsed)) return { ...read(parsed), body: block.body, warnings: [] };
  if (parsed === null && !/\S/.test(block.source.replace(/^#.*$/gm, ""))) return { ...none, body: block.body };
  if (!looksLikeMapping(block.source, block.kind)) return none;
  const language = block.kind === "---" ? "yaml" : "toml";
  return {
    ...read(readLines(block.source)),
    body: `\`\`\`\`${language}\n${block.source}\n\`\`\`\`\n\n${block.body}`,
    warnings: [
      {
        code: "front_matter_invalid",
        message: `The ${language.toUpperCase()} front matter could not be parsed and was kept as text.`,
      },
    ],
  };
}

interface Block {
  kind: "---" | "+++";
  source: string;
  body: string;
}

function findBlock(text: string): Block | null {
  const open = /^(---|\+\+\+)[ \t]*\n/.exec(text);
  if (!open) return null;
  const kind = open[1] as Block["kind"];
  const close = kind === "---" ? /^(?:---|\.\.\.)[ \t]*$/gm : /^\+\+\+[ \t]*$/gm;
  close.lastIndex = open[0].length;
  const end = close.exec(text.length > CHARS_MAX ? text.slice(0, CHARS_MAX) : text);
  if (!end) return null;
  const source = text.slice(open[0].length, Math.max(open[0].length, end.index - 1));
  return { kind, source, body: text.slice(end.index + end[0].length).replace(/^\n+/, "") };
}

function parse(source: string, kind: Block["kind"]): unknown {
  try {
    return kind === "---" ? Bun.YAML.parse(source) : Bun.TOML.parse(source);
  } catch {
    return undefined;
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function looksLikeMapping(source: string, kind: Block["kind"]): boolean {
  const first = source.split("\n").find((line) => /\S/.test(line) && !line.startsWith("#")) ?? "";
  return kind === "---" ? /^["']?[\w][\w .-]*["']?:(?:\s|$)/.test(first) : /^(?:[\w."-]+\s*=|\[)/.test(first);
}

/** `key: value` and `key = value` lines of front matter that does not parse: an unquoted colon is the usual fault. */
function readLines(source: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const match of source.matchAll(/^["']?([\w][\w.-]{0,60})["']?[ \t]*[:=][ \t]+(\S.*)$/gm)) {
    found[match[1]!] ??= match[2]!.trim().replace(/^(["'])(.*)\1$/, "$2");
  }
  return found;
}

function read(values: Record<string, unknown>): Pick<FrontMatter, "title" | "language" | "metadata"> {
  const budget = { left: VALUES_MAX };
  const metadata: Record<string, MetadataValue> = {};
  for (const [key, value] of Object.entries(values)) {
    if (key === "" || key === "__proto__" || key.length > 200 || budget.left <= 0) continue;
    const plain = TAG_KEYS.has(key.toLowerCase()) ? readTags(value) : toMetadata(value, budget, 0);
    if (plain === undefined) continue;
    metadata[key] =
      typeof plain === "string" && DATE_KEY.test(key) ? (isoDate(plain, key === "ms.date") ?? plain) : plain;
  }
  const title = firstText(metadata, TITLE_KEYS);
  const language = firstText(metadata, LANGUAGE_KEYS);
  for (const key of [...TITLE_KEYS.slice(0, 2), ...LANGUAGE_KEYS]) delete metadata[key];
  return {
    title,
    language: language && /^[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*$/i.test(language) ? language.replaceAll("_", "-") : null,
    metadata,
  };
}

function firstText(metadata: Record<string, MetadataValue>, keys: string[]): string | null {
  for (const key of keys) {
    const value = metadata[key];
    if (typeof value === "number") return String(value);
    if (typeof value === "string" && value.trim() !== "") return value.replace(/\s+/g, " ").trim();
  }
  return null;
}

/** Tags come as a list or as one comma-separated string. */
function readTags(value: unknown): MetadataValue | undefined {
  const list = Array.isArray(value) ? value : typeof value === "string" ? value.split(",") : [value];
  const tags = list
    .filter((tag) => typeof tag === "string" || typeof tag === "number")
    .map((tag) => String(tag).trim().slice(0, STRING_MAX))
    .filter((tag) => tag !== "");
  return tags.length ? tags.slice(0, VALUES_MAX) : undefined;
}

/** Copies within bounds; aliases may repeat or even contain themselves. Undefined for what has no plain form. */
function toMetadata(value: unknown, budget: { left: number }, depth: number): MetadataValue | undefined {
  if (budget.left-- <= 0) return undefined;
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "string") return value.slice(0, STRING_MAX);
  if (typeof value !== "object" || depth >= DEPTH_MAX) return undefined;
  // TOML dates come as Date or Temporal objects; both know their ISO form.
  if ("toJSON" in value && typeof value.toJSON === "function") return String(value.toJSON());
  if (Array.isArray(value)) {
    return value.map((item) => toMetadata(item, budget, depth + 1)).filter((item) => item !== undefined);
  }
  const copy: Record<string, MetadataValue> = {};
  for (const [key, item] of Object.entries(value)) {
    const plain = key === "__proto__" ? undefined : toMetadata(item, budget, depth + 1);
    if (plain !== undefined) copy[key] = plain;
  }
  return copy;
}
