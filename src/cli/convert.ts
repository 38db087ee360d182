/**
 * `sluice convert FILE|FOLDER…`: documents to Markdown without database or object store. One file goes to stdout, several
 * go into a folder; a file that fails never keeps the others from being converted.
 */
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ConvertedDocument } from "../convert/convert.ts";
import type { Format } from "../convert/converted.ts";
import { CODES, InputError, messageOf, SluiceError } from "../errors.ts";
import { ConvertChild, convertAnywhere } from "../worker/isolate.ts";
import { EXIT, print, say } from "./terminal.ts";

export interface ConvertCommandOptions {
  /** Folder for the results; without it, Markdown goes to stdout. */
  out?: string;
  /** One of TYPES; without it, the files are recognised by their content. */
  type?: string;
  /** One JSON object a file on stdout; it holds the Markdown unless that goes into a folder. */
  json?: boolean;
  /** Command line of the conversion child. */
  childCommand: string[];
  deadlineMs?: number;
  memoryMaxBytes?: number;
}

/** What `--type` takes. */
export const TYPES: Readonly<Record<string, Format>> = {
  md: "markdown",
  markdown: "markdown",
  txt: "text",
  text: "text",
  html: "html",
  docx: "docx",
  pdf: "pdf",
  confluence: "confluence",
};

/** What is taken of a folder: all that can be recognised, or what may be of the type that was asked for. */
const IN_FOLDERS = /\.(?:md|markdown|txt|html?|docx|pdf)$/i;
const OF_TYPE: Readonly<Partial<Record<Format, RegExp>>> = {
  markdown: /\.(?:md|markdown)$/i,
  text: /\.txt$/i,
  html: /\.x?html?$/i,
  confluence: /\.(?:x?html?|xml)$/i,
  docx: /\.docx$/i,
  pdf: /\.pdf$/i,
};

interface Failure {
  file: string;
  code: string;
  message: string;
  help: string | null;
}

/** Converts the files in order; the exit code is 0 if all of them were converted, 1 if not, 2 for wrong usage. */
export async function runConvert(paths: string[], options: ConvertCommandOptions): Promise<number> {
  const format = options.type === undefined ? undefined : TYPES[options.type.toLowerCase()];
  if (options.type !== undefined && !format) {
    say(`sluice: unknown type ${options.type}; use one of ${Object.keys(TYPES).join(", ")}`);
    return EXIT.usage;
  }
  const files = (
    await Promise.all(paths.map((path) => filesOf(path, (format && OF_TYPE[format]) ?? IN_FOLDERS)))
  ).flat();
  if (files.length > 1 && !options.out && !options.json) {
    say("sluice: several files need --out DIR (or --json)");
    return EXIT.usage;
  }
  if (options.out) await mkdir(options.out, { recursive: true });
  const { deadlineMs, memoryMaxBytes } = options;
  const limits = { ...(deadlineMs && { deadlineMs }), ...(memoryMaxBytes && { memoryMaxBytes }) };
  const child = new ConvertChild({ command: options.childCommand, ...limits });
  const failures: Failure[] = [];
  const names = outputNames(files);
  try {
    for (const [at, file] of files.entries()) {
      try {
        const document = await convertFile(file, format, child);
        await deliver(file, document, options, names[at]!);
      } catch (error) {
        // Whoever reads the output has seen enough.
        if ((error as NodeJS.ErrnoException).code === "EPIPE") return EXIT.failed;
        const failure = failureOf(file, error);
        failures.push(failure);
        if (options.json) print(JSON.stringify({ file, error: { code: failure.code, message: failure.message } }));
      }
    }
  } finally {
    await child.close();
  }
  report(failures, files.length);
  return failures.length === 0 ? EXIT.ok : EXIT.failed;
}

/** A folder as its documents, in the order of their names; one that holds none, and everything else, as it is. */
async function filesOf(path: string, wanted: RegExp): Promise<string[]> {
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isFolder) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const found = entries.filter((entry) => entry.isFile() && wanted.test(entry.name));
  return found.length > 0 ? found.map((entry) => join(entry.parentPath, entry.name)).sort() : [path];
}

async function convertFile(file: string, format: Format | undefined, child: ConvertChild): Promise<ConvertedDocument> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new InputError("cli.unreadable_file", error.code === "ENOENT" ? "no such file" : error.message);
  });
  if (info.isDirectory())
    throw new InputError("cli.is_folder", "this folder holds no document that could be converted");
  const bytes = await Bun.file(file)
    .bytes()
    .catch((error: unknown) => {
      throw new InputError("cli.unreadable_file", messageOf(error));
    });
  return await convertAnywhere({ bytes, name: basename(file), ...(format && { format }) }, child);
}

async function deliver(
  file: string,
  document: ConvertedDocument,
  options: ConvertCommandOptions,
  name: string,
): Promise<void> {
  const { markdown, ...about } = document;
  const output = options.out ? join(options.out, name) : null;
  if (output) await writeFile(output, markdown);
  if (options.json) print(JSON.stringify(output ? { file, output, ...about } : { file, ...about, markdown }));
  // Awaited, since a pipe takes a large document in pieces and the process exits right after the last file.
  else if (!output) await Bun.write(Bun.stdout, markdown);
  for (const { code, message, count } of document.warnings) {
    say(`${file}: ${message}${count && count > 1 ? ` (${count} times)` : ""} [${code}]`);
  }
}

/** NAME.ext.md for each file; a number is added where two files of different folders have one name. */
function outputNames(files: string[]): string[] {
  const used = new Set<string>();
  return files.map((file) => {
    let name = `${basename(file)}.md`;
    for (let n = 2; used.has(name); n++) name = `${basename(file)}.${n}.md`;
    used.add(name);
    return name;
  });
}

function failureOf(file: string, error: unknown): Failure {
  if (!(error instanceof SluiceError))
    return { file, code: "internal.unexpected", message: messageOf(error), help: null };
  return { file, code: error.code, message: error.message, help: CODES[error.code].help };
}

function report(failures: Failure[], total: number): void {
  if (failures.length === 0) return;
  say(`sluice: ${failures.length} of ${total} ${total === 1 ? "file" : "files"} could not be converted:`);
  for (const { file, code, message, help } of failures) {
    say(`  ${file}: ${message} (${code})`);
    if (help) say(`    ${help}`);
  }
}
