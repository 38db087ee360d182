/**
 * Says what a link points at, seen from the document that holds it. Relative targets become external refs of the same
 * source (`file:///root/docs/a b.md`, `s3://bucket/prefix/x.md`), as an ordered list of candidates, because links leave
 * out extensions, name folders, or start at the root of a site whose place in the tree nobody states. Whether a candidate
 * exists is for the caller to see.
 */

export interface LinkTarget {
  kind: "external" | "anchor" | "relative" | "mail" | "other";
  /** The likeliest ref; the first of `candidates`. */
  targetRef?: string;
  /** All refs that may be meant, likeliest first. Only for relative links from a base with a path. */
  candidates?: string[];
  /** Fragment without `#`, decoded. */
  anchor?: string;
  /** The absolute URL, or the href itself, for everything but relative links and anchors. */
  url?: string;
}

/** Where the link stands: the ref is a scheme, `//`, and an unencoded path. */
export interface LinkBase {
  externalRef: string;
  /** The folder that holds all documents of the source, ending in a slash: no site has its root above it. */
  treeRef?: string | undefined;
}

const INDEX_FILES = ["index.md", "README.md"];
const CANDIDATES_MAX = 24;
/** Extensions of files that documents link to; any other last part ("v7.4", "Microsoft.PowerShell") may be a page name. */
const FILE_EXTENSION =
  /\.(?:md|markdown|mdx|txt|rst|adoc|html?|pdf|docx?|pptx?|xlsx?|csv|tsv|json|ya?ml|xml|toml|png|jpe?g|gif|svg|webp|bmp|ico|mp4|webm|mp3|zip|gz|tgz|tar|js|mjs|ts|tsx|jsx|css|py|rb|go|rs|java|kt|c|h|cc|cpp|cs|sh|bash|ps1|psm1|psd1|sql|ipynb|log|ini|conf|cfg|drawio|vsdx)$/i;

/** Classifies and resolves an href as written in Markdown (entities and escapes already resolved). Never throws. */
export function resolveLinkTarget(href: string, base: LinkBase): LinkTarget {
  const trimmed = href.trim();
  if (trimmed === "") return { kind: "other", url: "" };
  if (trimmed.startsWith("#")) return { kind: "anchor", anchor: decode(trimmed.slice(1)) };
  if (trimmed.startsWith("//")) return { kind: "external", url: `https:${trimmed}` };
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(trimmed)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https" || scheme === "ftp") return { kind: "external", url: trimmed };
  if (scheme === "mailto") return { kind: "mail", url: trimmed };
  const root = splitRef(base);
  if (scheme !== undefined) {
    if (!root || !trimmed.startsWith(root.root)) return { kind: "other", url: trimmed };
    return resolveRelative(trimmed.slice(root.root.length - 1), { ...root, folders: [], file: "", treeDepth: 0 });
  }
  if (!root) return { kind: "relative", ...anchorOf(trimmed) };
  return resolveRelative(trimmed, root);
}

interface Base {
  /** Scheme and authority with the slash that ends them: `file:///`, `s3://bucket/`. */
  root: string;
  /** Folders of the document, outermost first. */
  folders: string[];
  file: string;
  /** How many of the folders lead to the tree of the source. */
  treeDepth: number;
}

function splitRef({ externalRef, treeRef }: LinkBase): Base | null {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/]*\/)([\s\S]*)$/.exec(externalRef);
  if (!match) return null;
  const folders = match[2]!.split("/");
  const file = folders.pop()!;
  const above = treeRef !== undefined && externalRef.startsWith(treeRef) ? treeRef.slice(match[1]!.length) : "";
  return { root: match[1]!, folders, file, treeDepth: above.split("/").length - 1 };
}

function resolveRelative(href: string, base: Base): LinkTarget {
  const anchor = anchorOf(href);
  const path = /^[^#?]*/.exec(href)![0].replaceAll("\\", "/");
  if (path === "") {
    const targetRef = base.root + [...base.folders, base.file].join("/");
    return { kind: "relative", targetRef, candidates: [targetRef], ...anchor };
  }
  const parts = path.split("/").map(decode);
  const starts = path.startsWith("/") ? siteRoots(base, parts.find(Boolean) ?? "") : [base.folders];
  const candidates = new Set<string>();
  for (const start of starts) {
    for (const candidate of spellings(join(start, parts), endsInFolder(path))) {
      if (candidates.size < CANDIDATES_MAX) candidates.add(base.root + candidate);
    }
  }
  const list = [...candidates];
  if (list.length === 0) return { kind: "other", url: href };
  return { kind: "relative", targetRef: list[0]!, candidates: list, ...anchor };
}

/**
 * Folders that may be the root of the site: first the one in which the link's first folder is also on the way to the
 * document, then those around the document from the inside out, up to the root of the tree.
 */
function siteRoots(base: Base, firstPart: string): string[][] {
  const roots: string[][] = [];
  const known = base.folders.indexOf(firstPart, base.treeDepth);
  if (known >= 0) roots.push(base.folders.slice(0, known));
  for (let depth = base.folders.length; depth >= base.treeDepth; depth--)
    if (depth !== known) roots.push(base.folders.slice(0, depth));
  return roots;
}

/** Resolves `.` and `..`; steps above the root stay there, as in URLs. */
function join(folders: string[], parts: string[]): string[] {
  const joined = [...folders];
  for (const part of parts) {
    if (part === "..") joined.pop();
    else if (part !== "." && part !== "") joined.push(part);
  }
  return joined;
}

function endsInFolder(path: string): boolean {
  return /(?:^|\/)\.{0,2}$/.test(path);
}

/** Paths that a target may have in the tree, likeliest first. */
function spellings(parts: string[], folder: boolean): string[] {
  const path = parts.join("/");
  const inside = INDEX_FILES.map((file) => (path === "" ? file : `${path}/${file}`));
  if (path === "") return inside;
  if (folder) return [...inside, `${path}.md`];
  if (/\.html?$/i.test(path)) return [path, path.replace(/\.html?$/i, ".md")];
  if (FILE_EXTENSION.test(path)) return [path];
  return [`${path}.md`, ...inside, path];
}

function anchorOf(href: string): { anchor?: string } {
  const hash = href.indexOf("#");
  return hash < 0 ? {} : { anchor: decode(href.slice(hash + 1)) };
}

/** Percent-decodes; text that is not valid percent-encoded UTF-8 stays as it is. */
function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
