/** Finds a title for a document: the text of its first heading, or else a readable form of its file name. */

/** Headings are looked for in this many characters; a title that comes later is none. */
const WINDOW = 64 * 1024;
const TITLE_MAX = 500;

/** The first heading of a Markdown text as plain text; null if it has none near its start. */
export function firstHeading(markdown: string): string | null {
  let fence = "";
  let previous = "";
  for (const line of markdown.slice(0, WINDOW).split("\n")) {
    const marker = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== "") {
      if (marker?.startsWith(fence) && /^\s*[`~]+\s*$/.test(line)) fence = "";
      continue;
    }
    if (marker) {
      fence = marker;
      continue;
    }
    const atx = /^ {0,3}#{1,6}[ \t]+(.*)$/.exec(line);
    const heading = atx ? plainText(atx[1]!.replace(/(?:^|[ \t]+)#+[ \t]*$/, "")) : "";
    if (heading !== "") return heading;
    if (/^ {0,3}(?:=+|-+)[ \t]*$/.test(line) && /^ {0,3}[^\s>|#+*-]/.test(previous) && !line.includes("|")) {
      const setext = plainText(previous);
      if (setext !== "") return setext;
    }
    previous = line;
  }
  return null;
}

/** Inline Markdown as the text that a reader sees. */
export function plainText(inline: string): string {
  return inline
    .slice(0, 2 * TITLE_MAX)
    .replace(/\s*\{[#.:][^{}]*\}\s*$/, "")
    .replace(/!?\[((?:[^[\]]|\[[^[\]]*\])*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+"[^"]*")?\)/g, "$1")
    .replace(/!?\[([^[\]]+)\]\[[^[\]]*\]/g, "$1")
    .replace(/<(https?:[^<>\s]+)>/g, "$1")
    .replace(/<\/?[a-zA-Z][^<>]*>/g, "")
    .replace(/(`+)(.+?)\1/g, "$2")
    .replace(/(\*\*|__)(?=\S)(.+?)\1/g, "$2")
    .replace(/(?<![\w\\*])([*_])(?=\S)([^*_]+?)\1(?!\w)/g, "$2")
    .replace(/\\([!-/:-@[-`{-~])/g, "$1")
    .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name: string) => ENTITIES[name]!)
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, TITLE_MAX);
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", "#39": "'" };

/** A title made of a file name: no folder, no extension, separators as blanks. */
export function titleFromName(name: string): string {
  const base =
    name
      .split(/[/\\]/)
      .filter((part) => part !== "")
      .at(-1) ?? "";
  const stem = base.replace(/(?<=.)\.[a-z0-9]{1,8}$/i, "");
  const words = stem.includes(" ") ? stem : stem.replace(/%20|[_+]+|(?<=\p{L})-+(?=\p{L})/gu, " ");
  return words.replace(/\s+/g, " ").trim().slice(0, TITLE_MAX) || base || "Untitled";
}
