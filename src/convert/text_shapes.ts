/**
 * Recognises the shapes that people give to plain text: headings underlined with punctuation, lists, quoted mail,
 * tables drawn or aligned with blanks, logs. Each reader answers null in doubt; then the lines are a paragraph.
 */

const LOG_LINE =
  /^\s*(?:[[(<]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|[[(]?\d\d?[:/]\d\d[:/]\d\d|\[?(?:mon|tue|wed|thu|fri|sat|sun),? |(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) [ \d]\d \d\d:|\S+ \S+ \S+ \[\d\d\/[a-z]{3}\/\d{4}:|\[?(?:trace|debug|info|warn|warning|error|fatal|notice)\b\]?[ :|]|\{"(?:ts|time|level|timestamp)|\s+at \S+\(|[IWEF]\d{4} )/i;

/** True if most lines start as log lines do. */
export function looksLikeLog(lines: string[]): boolean {
  const sample = lines.filter((line) => /\S/.test(line)).slice(0, 300);
  return sample.length >= 3 && sample.filter((line) => LOG_LINE.test(line)).length >= sample.length * 0.6;
}

const GRID = /^\s*[+|](?:[-=+]{3,}|.*\|\s*$)/;
const COLUMNS = /\S(?: {3,}|\t+)\S|\S {2}\S.* {2}\S/;

/** True if the lines lose their sense without a fixed pitch: drawings, tables, listings. */
export function isPreformatted(lines: string[]): boolean {
  if (lines.some((line) => /[\u2500-\u259f]/.test(line))) return true;
  if (readList(lines)) return false;
  const share = (test: RegExp) => lines.filter((line) => test.test(line)).length / lines.length;
  if (lines.length >= 2 && share(GRID) >= 0.8) return true;
  if (lines.length >= 2 && share(COLUMNS) >= 0.6 && !lines.every((line) => line.length > 60)) return true;
  const indented = lines.every((line) => /^(?: {4}|\t)/.test(line));
  return indented && share(/[{};=<>$\\|]|^\s*(?:\$|#|>|%) |\(\)|--\w/) >= 0.5;
}

export interface TextHeading {
  /** "" for a mere line of punctuation. */
  title: string;
  level: number;
  /** How many lines it takes. */
  lines: number;
}

const RULE = /^([=\-~^"*#+_])\1{2,}$/;
const LEVELS: Record<string, number> = { "=": 1, "#": 1, "*": 1, "-": 2, "~": 3, "^": 4, '"': 4, "+": 4, _: 2 };

/** A heading at the start of the lines: underlined, or between two lines of punctuation; or a line of punctuation. */
export function readHeading(lines: string[]): TextHeading | null {
  const over = RULE.exec(lines[0]?.trim() ?? "");
  if (over) {
    const title = lines[1]?.trim() ?? "";
    const closed = lines[2]?.trim() === over[0] && title !== "" && title.length <= over[0].length + 2;
    return closed ? { title, level: 1, lines: 3 } : { title: "", level: 0, lines: 1 };
  }
  const title = lines[0]?.trim() ?? "";
  const under = RULE.exec(lines[1]?.trim() ?? "");
  // An indented line over a short rule is an item of something; centred over a long one it is a title.
  if (!under || title === "" || (/^\s{4}/.test(lines[0]!) && under[0].length < lines[0]!.trimEnd().length)) return null;
  const length = under[0].length;
  return length >= title.length * 0.7 && title.length <= 120
    ? { title, level: LEVELS[under[1]!] ?? 2, lines: 2 }
    : null;
}

/** Whether a line is marked as quoted, as in mail. */
export function isQuoted(line: string): boolean {
  return /^ ?>(?:[ >]|$)/.test(line) && !line.includes(">>>");
}

/** The lines without their quotation marks, if all of them have one. */
export function readQuote(lines: string[]): string[] | null {
  if (!lines.every(isQuoted)) return null;
  return lines.map((line) => line.replace(/^ ?> ?/, ""));
}

export interface TextList {
  /** Lines before the first item. */
  before: string[];
  items: { indent: number; marker: string; lines: string[] }[];
}

const ITEM = /^(\s*)([-*+•‣◦▪–]|\d{1,4}[.)])[ \t]+(\S.*)$/;

/**
 * A list of two or more items, whose lines in between are indented below their item. Numbers must count on by one,
 * since Markdown would renumber them.
 */
export function readList(lines: string[]): TextList | null {
  const list: TextList = { before: [], items: [] };
  /** Open levels: column of the marker in the source, the marker's kind and last number, output indent. */
  const open: { column: number; kind: string; number: number; indent: number; width: number }[] = [];
  for (const line of lines) {
    const found = ITEM.exec(line);
    const column = /^\s*/.exec(line)![0].replace(/\t/g, "    ").length;
    if (!found) {
      const item = list.items.at(-1);
      if (!item) list.before.push(line);
      else if (column > open.at(-1)!.column) item.lines.push(line.trim());
      else return null;
      continue;
    }
    const [, , bullet, text] = found as unknown as [string, string, string, string];
    const number = Number.parseInt(bullet, 10);
    const kind = Number.isNaN(number) ? bullet : bullet.at(-1)!;
    while (open.length > 0 && column < open.at(-1)!.column) open.pop();
    let level = open.at(-1);
    if (level && column === level.column) {
      if (level.kind !== kind || (!Number.isNaN(number) && number !== level.number + 1)) return null;
      level.number = number;
    } else {
      if (level && column < level.column + 2) return null;
      level = { column, kind, number, indent: level ? level.indent + level.width : 0, width: 0 };
      open.push(level);
    }
    const marker = Number.isNaN(number) ? "-" : bullet;
    level.width = Math.max(level.width, marker.length + 1);
    list.items.push({ indent: level.indent, marker, lines: [text] });
  }
  return list.items.length >= 2 && list.before.length <= 3 ? list : null;
}
