/** Holds the rules of ARCHITECTURE.md: who may import whom, how large a file may be, what no file may contain. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { MIGRATIONS } from "../src/db/migrations.ts";
import { CODES } from "../src/error_codes.ts";

const root = join(import.meta.dir, "..");
const FILE_LINES_MAX = 400;

interface SourceFile {
  path: string;
  text: string;
  imports: string[];
}

const filesUnder = (folder: string): SourceFile[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes("node_modules"))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), "utf8");
      const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
      const imports = specifiers.map((specifier) =>
        specifier.startsWith(".") ? relative(root, join(root, dirname(path), specifier)) : specifier,
      );
      return { path, text, imports };
    });

const sources = filesUnder("src");
const all = [...sources, ...filesUnder("test")];

/** The lines that break a rule, as "file: what". */
const offenders = (files: SourceFile[], breaks: (file: SourceFile) => string[]): string[] =>
  files.flatMap((file) => breaks(file).map((what) => `${file.path}: ${what}`));

const matches = (file: SourceFile, pattern: RegExp): string[] =>
  [...file.text.matchAll(pattern)].map((match) => match[0]);
const under =
  (...folders: string[]) =>
  (file: SourceFile) =>
    folders.some((folder) => file.path.startsWith(`src/${folder}`));

test("pure stages import no database, object store, configuration, log, clock or network", () => {
  const forbidden =
    /^src\/(db|queue|store|http|cli|worker|pipeline|connector|embed|index|config|log|metrics)\b|^(postgres|hono|pino|@aws-sdk)/;
  expect(
    offenders(sources.filter(under("convert/", "markdown/", "chunk/")), (file) =>
      file.imports.filter((name) => forbidden.test(name)),
    ),
  ).toEqual([]);
  const effects = /\bDate\.now\(|\bnew Date\(\)|\bfetch\(|\bprocess\.env\b|\bMath\.random\(/g;
  expect(offenders(sources.filter(under("convert/", "markdown/", "chunk/")), (file) => matches(file, effects))).toEqual(
    [],
  );
});

test("SQL stands only in db/, queue/, store/ and index/", () => {
  const statement = /\b(?:sql|tx)(?:<[^`]*>)?`|\.unsafe\(/g;
  expect(
    offenders(
      sources.filter((file) => !under("db/", "queue/", "store/", "index/")(file)),
      (file) => matches(file, statement),
    ),
  ).toEqual([]);
});

test("the environment is read in config.ts and the process ended in main.ts, nowhere else", () => {
  expect(
    offenders(
      sources.filter((file) => file.path !== "src/config.ts"),
      (file) => matches(file, /\b(?:process|Bun)\.env\b/g),
    ),
  ).toEqual([]);
  expect(
    offenders(
      sources.filter((file) => file.path !== "src/main.ts"),
      (file) => matches(file, /\bprocess\.exit\(/g),
    ),
  ).toEqual([]);
});

test("stages meet in pipeline/ only: connectors, conversion, chunking, embedding and index do not know each other", () => {
  const stages = ["connector", "chunk", "embed", "queue", "http"];
  // The contract of connectors, and the token estimate, which is arithmetic on a string.
  const shared = new Set(["src/connector/connector.ts", "src/chunk/tokens.ts"]);
  const breaks = (file: SourceFile): string[] => {
    const own = stages.find((stage) => file.path.startsWith(`src/${stage}/`));
    if (!own || own === "http") return [];
    return file.imports.filter(
      (name) => stages.some((stage) => stage !== own && name.startsWith(`src/${stage}/`)) && !shared.has(name),
    );
  };
  expect(offenders(sources, breaks)).toEqual([]);
});

test("no file is longer than 400 lines, and each source opens with what it decides", () => {
  expect(
    offenders(all, (file) =>
      file.text.split("\n").length > FILE_LINES_MAX + 1 ? [`${file.text.split("\n").length} lines`] : [],
    ),
  ).toEqual([]);
  const declarations = (file: SourceFile) => !file.path.endsWith(".d.ts");
  expect(
    offenders(sources.filter(declarations), (file) => (file.text.startsWith("/**") ? [] : ["no opening comment"])),
  ).toEqual([]);
});

test("nothing is left open, nothing is switched off, nothing is called utils", () => {
  expect(
    offenders(
      all.filter((file) => file.path !== "test/structure.test.ts"),
      (file) => matches(file, /\b(?:TODO|FIXME|XXX)\b|@ts-(?:ignore|expect-error|nocheck)|\bas any[;,)\]]|: any\b/g),
    ),
  ).toEqual([]);
  expect(
    all.map((file) => file.path).filter((path) => /(?:utils?|helpers?|common|misc)(?:\.ts|\/)|\/index\.ts$/.test(path)),
  ).toEqual([]);
  expect(
    offenders(
      filesUnder("test").filter((file) => file.path !== "test/structure.test.ts"),
      (file) => matches(file, /\b(?:test|describe|it)\.(?:only|todo)\b/g),
    ),
  ).toEqual([]);
});

test("every migration in sql/ is listed once, in order", () => {
  const names = readdirSync(join(root, "sql"))
    .filter((name) => name.endsWith(".sql"))
    .map((name) => name.slice(0, -4))
    .sort();
  expect(MIGRATIONS.map((migration) => migration.name)).toEqual(names);
  expect(MIGRATIONS.map((migration) => migration.version)).toEqual(names.map((_, i) => i + 1));
  for (const migration of MIGRATIONS)
    expect(migration.text).toBe(readFileSync(join(root, "sql", `${migration.name}.sql`), "utf8"));
});

test("error codes are sorted by stage, and each is used", () => {
  const codes = Object.keys(CODES);
  const stages = codes.map((code) => code.split(".")[0]!);
  expect(stages).toEqual(stages.toSorted());
  const text = sources.filter((file) => file.path !== "src/error_codes.ts").map((file) => file.text);
  // Made from the state of a token.
  const composed = new Set(["auth.expired", "auth.revoked"]);
  expect(codes.filter((code) => !composed.has(code) && !text.some((one) => one.includes(`"${code}"`)))).toEqual([]);
});
