/**
 * Conversion: docx files and pdf pages per second on one core, beside pandoc, mammoth's own command line and pdftotext
 * as people run them, a process a file; and how much of the words each keeps, since speed alone is easily had.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Bench } from "./bench.ts";
import { ratiosOf } from "./measure.ts";

const SUITE = "Conversion";
/** Made to do harm or broken on purpose: what a converter does with them is no matter of speed. */
const HOSTILE =
  /bomb|laughs|synth__|clusterfuzz|crash|password|protected|encrypted|ExternalEntity|malformed|truncated|empty/i;

interface Converter {
  who: string;
  /** The text that it makes of a file; null if it makes none. */
  convert(file: string): string | null;
}

interface Run {
  seconds: number;
  texts: Map<string, string | null>;
}

export async function benchConvert(bench: Bench): Promise<void> {
  if (bench.docx) await benchDocx(bench, bench.docx);
  if (bench.pdf) await benchPdf(bench, bench.pdf);
}

const filesOf = (folder: string, ending: string, quick: boolean): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending) && !HOSTILE.test(name))
    .toSorted()
    .slice(0, quick ? 12 : undefined)
    .map((name) => join(folder, name));

async function benchDocx(bench: Bench, folder: string): Promise<void> {
  const mammoth = join(import.meta.dir, "peers/node_modules/mammoth/bin/mammoth");
  const peers: Converter[] = [
    { who: "pandoc, a process a file", convert: (file) => output(["pandoc", "-f", "docx", "-t", "gfm", file]) },
    {
      who: "mammoth, a process a file",
      convert: (file) => output(["node", mammoth, file, "--output-format=markdown"]),
    },
  ];
  const files = filesOf(folder, ".docx", bench.quick).filter((file) => wordsOfDocx(file).length > 0);
  await compare(bench, {
    what: "docx",
    unit: "files/s",
    files,
    amount: () => 1,
    peers,
    limit: 10,
    reference: wordsOfDocx,
  });
}

async function benchPdf(bench: Bench, folder: string): Promise<void> {
  const peers: Converter[] = [
    { who: "pdftotext, a process a file", convert: (file) => output(["pdftotext", "-enc", "UTF-8", file, "-"]) },
  ];
  const pages = new Map<string, number>();
  for (const file of filesOf(folder, ".pdf", bench.quick)) {
    const count = Number(/^Pages:\s+(\d+)/m.exec(output(["pdfinfo", file]) ?? "")?.[1] ?? 0);
    if (count > 0) pages.set(file, count);
  }
  const amount = (file: string): number => pages.get(file)!;
  // Where there is a reviewed text beside the file.
  const reference = (file: string): string[] => {
    const beside = Bun.file(file.replace(/\.pdf$/, ".expected.md"));
    return beside.size > 0 ? wordsOf(readFileSync(beside.name!, "utf8")) : [];
  };
  await compare(bench, {
    what: "pdf",
    unit: "pages/s",
    files: [...pages.keys()],
    amount,
    peers,
    limit: 100,
    reference,
  });
}

interface Comparison {
  what: string;
  unit: string;
  files: string[];
  amount: (file: string) => number;
  peers: Converter[];
  limit: number;
  reference: (file: string) => string[];
}

async function compare(bench: Bench, comparison: Comparison): Promise<void> {
  const { what, unit, files, peers, limit, reference } = comparison;
  const rounds = Math.min(bench.rounds, 3);
  const own: OwnRun[] = [];
  const theirs = new Map<Converter, Run[]>(peers.map((peer) => [peer, []]));
  for (let i = 0; i < rounds; i++) {
    own.push(await convertOwn(bench, files));
    for (const peer of peers) theirs.get(peer)!.push(convertAll(peer, files));
  }
  const total = files.reduce((sum, file) => sum + comparison.amount(file), 0);
  const rate = (run: { seconds: number }): number => total / run.seconds;
  const names = `${what}, ${files.length} files`;
  const kept = (run: Run): string => `${(100 * fidelity(run.texts, files, reference)).toFixed(1)} % of the words`;
  const perCore = own.map((run) => total / run.cpuSeconds);
  const add = (who: string, runs: number[], more: object): void =>
    bench.report.add({ suite: SUITE, what: names, who, unit, runs, ...more });
  add("Sluice, as a service that has started", own.map(rate), { note: kept(own[0]!) });
  const cold = own.map((run) => total / run.coldSeconds);
  add("Sluice, one command with its start", cold, {});
  add("Sluice, per second of processor time", perCore, what === "pdf" ? { goal: { limit, sense: ">=" } } : {});
  for (const [{ who }, runs] of theirs) {
    const rates = runs.map(rate);
    const goal = who.startsWith("pandoc") ? { goal: { limit, sense: ">=" } } : {};
    add(who, rates, { ratios: ratiosOf(own.map(rate), rates), ...goal, note: kept(runs[0]!) });
  }
}

interface OwnRun extends Run {
  cpuSeconds: number;
  coldSeconds: number;
}

const REPEATS = 5;

/** All files by one `sluice convert`, once and several times over: the difference is what a running service takes. */
async function convertOwn(bench: Bench, files: string[]): Promise<OwnRun> {
  const once = await runConvert(bench, files);
  const again = await runConvert(bench, Array.from({ length: 1 + REPEATS }, () => files).flat());
  return {
    texts: once.texts,
    coldSeconds: once.seconds,
    seconds: (again.seconds - once.seconds) / REPEATS,
    cpuSeconds: (again.cpuSeconds - once.cpuSeconds) / REPEATS,
  };
}

async function runConvert(bench: Bench, files: string[]): Promise<Run & { cpuSeconds: number }> {
  const out = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    const start = performance.now();
    const child = Bun.spawn([bench.binary, "convert", ...files, "--out", out], {
      cwd: out,
      env: { HOME: out, PATH: process.env["PATH"] ?? "" },
      stdout: "ignore",
      stderr: "ignore",
    });
    await child.exited;
    const seconds = (performance.now() - start) / 1000;
    const texts = new Map<string, string | null>();
    for (const file of files) {
      const result = Bun.file(join(out, `${basename(file)}.md`));
      texts.set(file, result.size > 0 ? await result.text() : null);
    }
    // With that of the conversion child, which ended before it.
    return { seconds, texts, cpuSeconds: Number(child.resourceUsage()!.cpuTime.total) / 1e6 };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function convertAll({ convert }: Converter, files: string[]): Run {
  const texts = new Map<string, string | null>();
  const start = performance.now();
  for (const file of files) texts.set(file, convert(file));
  return { seconds: (performance.now() - start) / 1000, texts };
}

function output(command: string[]): string | null {
  const run = Bun.spawnSync(command, { stdout: "pipe", stderr: "ignore" });
  return run.exitCode === 0 ? run.stdout.toString() : null;
}

/** Markup, link targets and escapes are no words. */
const wordsOf = (text: string): string[] =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/\]\([^)]*\)|<[^>]*>|&\w+;|\\/g, " ")
    .match(/[\p{L}\p{N}]+/gu) ?? [];

/** The words of the body as Word stores them, without those that are marked as deleted. */
function wordsOfDocx(file: string): string[] {
  const xml = output(["unzip", "-p", file, "word/document.xml"]) ?? "";
  const paragraphs = xml
    .replace(/<mc:Fallback>[\s\S]*?<\/mc:Fallback>/g, "")
    .split("</w:p>")
    .map((paragraph) =>
      [...paragraph.matchAll(/<w:t(?: [^>]*)?>([^<]*)<\/w:t>|<w:(?:tab|br|cr)\/>/g)]
        .map((match) => match[1] ?? " ")
        .join(""),
    );
  return wordsOf(paragraphs.join(" ").replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">"));
}

/** F1 over the words of all files that have a reference: what is kept, and what is not made up. */
function fidelity(texts: Map<string, string | null>, files: string[], reference: (file: string) => string[]): number {
  const scores = files.flatMap((file) => {
    const wanted = reference(file);
    if (wanted.length === 0) return [];
    const found = wordsOf(texts.get(file) ?? "");
    const left = new Map<string, number>();
    for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
    let shared = 0;
    for (const word of found) {
      const count = left.get(word) ?? 0;
      if (count > 0) shared++;
      left.set(word, count - 1);
    }
    return [(2 * shared) / (wanted.length + found.length)];
  });
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(scores.length, 1);
}
