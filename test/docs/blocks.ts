/**
 * The code blocks of a page and what is to become of them: run always, run where real services are configured, or not
 * run, which a comment right above the block must give the reason for.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import MarkdownIt from "markdown-it";

const ROOT = join(import.meta.dir, "../..");

export interface Block {
  /** "docs/backup.md:12" */
  at: string;
  language: string;
  text: string;
  run: "always" | "services" | "never";
}

/** All pages, as paths from the root of the repository. */
export const PAGES = [
  "README.md",
  ...readdirSync(join(ROOT, "docs"))
    .filter((n) => n.endsWith(".md"))
    .map((n) => `docs/${n}`),
];

const NOT_RUN = /^<!-- not run: \S.{9,} -->\s*$/;
const WITH_SERVICES = /^<!-- run with services -->\s*$/;

/** The fenced blocks of a page, in order. Throws for a mark that is none of the known ones. */
export function blocksOf(page: string): Block[] {
  const tokens = new MarkdownIt({ html: true }).parse(readFileSync(join(ROOT, page), "utf8"), {});
  return tokens.flatMap((token, i) => {
    if (token.type !== "fence") return [];
    const above = tokens[i - 1];
    const mark = above?.type === "html_block" ? above.content.trim() : "";
    const at = `${page}:${(token.map?.[0] ?? 0) + 1}`;
    if (/run/.test(mark) && !NOT_RUN.test(mark) && !WITH_SERVICES.test(mark))
      throw new Error(`${at}: unknown mark ${mark}`);
    const run = NOT_RUN.test(mark) ? "never" : WITH_SERVICES.test(mark) ? "services" : "always";
    return [{ at, language: token.info.trim(), text: token.content, run }];
  });
}
