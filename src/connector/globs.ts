/**
 * Which entries of a tree belong to a connection: include and exclude globs over the path relative to the root, with
 * `/` between segments, the same for folders and buckets. Extensions match in either case, since `REPORT.PDF` is what
 * scanners write. Hidden entries and folders that hold no documents of anybody are left out unless asked for.
 */
import { InputError } from "../errors.ts";

const DEFAULT_INCLUDE = ["**/*.{md,markdown,txt,html,htm,docx,pdf}"];
const NEVER_WALKED = new Set(["node_modules"]);
const PATTERNS_MAX = 50;
const PATTERN_CHARS_MAX = 300;

export interface GlobConfig {
  include?: readonly string[] | undefined;
  exclude?: readonly string[] | undefined;
  /** Also names that begin with a dot. */
  hidden?: boolean | undefined;
}

export interface PathFilter {
  /** Does the file belong to the connection? */
  accepts(path: string): boolean;
  /** May anything below this folder belong to it? */
  enters(folder: string): boolean;
}

/** Throws InputError `connector.bad_config` for patterns that can never match or cost too much. */
export function pathFilter(config: GlobConfig): PathFilter {
  const include = compile(config.include ?? DEFAULT_INCLUDE);
  const exclude = compile(config.exclude ?? []);
  const excludedFolders = compile((config.exclude ?? []).filter(coversFolder).map((glob) => glob.slice(0, -3)));
  const walkable = (name: string) => !NEVER_WALKED.has(name) && (config.hidden === true || !name.startsWith("."));
  return {
    accepts(path) {
      const segments = path.split("/");
      if (!segments.every(walkable)) return false;
      const lowered = withLowerExtension(path);
      return anyMatches(include, path, lowered) && !anyMatches(exclude, path, lowered);
    },
    enters(folder) {
      const name = folder.slice(folder.lastIndexOf("/") + 1);
      return walkable(name) && !excludedFolders.some((glob) => glob.match(folder));
    },
  };
}

/** `build/**` leaves out all of a folder, so it need not be read. */
function coversFolder(glob: string): boolean {
  return glob.endsWith("/**") && glob.length > 3;
}

function compile(patterns: readonly string[]): Bun.Glob[] {
  if (patterns.length > PATTERNS_MAX) throw bad(`more than ${PATTERNS_MAX} globs`);
  return patterns.map((pattern) => {
    if (pattern === "" || pattern.length > PATTERN_CHARS_MAX) throw bad(`a glob is empty or too long`);
    if (pattern.startsWith("/")) throw bad(`${pattern}: globs are relative to the root and begin without a slash`);
    return new Bun.Glob(pattern);
  });
}

function anyMatches(globs: readonly Bun.Glob[], path: string, lowered: string): boolean {
  return globs.some((glob) => glob.match(path) || (lowered !== path && glob.match(lowered)));
}

function withLowerExtension(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot <= path.lastIndexOf("/") ? path : path.slice(0, dot) + path.slice(dot).toLowerCase();
}

function bad(message: string): InputError {
  return new InputError("connector.bad_config", message);
}
