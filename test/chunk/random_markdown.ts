/** Random documents from a seed, odd ones included, for property tests: the same seed gives the same document. */

export type Random = () => number;

/** A small generator (mulberry32): numbers in [0, 1). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS =
  "storage lease queue the of and a vector table heading paragraph Zürich naïve система 数据库全文检索 日本語 한국어 ภาษาไทย 👩‍👩‍👧 `code span` " +
  "[link](https://example.com/a_(b)) **bold** e.g. Dr. 3.14 <b>raw</b> &amp; \\* | ~ $x_1$ ] [ ![ `` supercalifragilisticexpialidocious";

const words = WORDS.split(" ");

const pick = <T>(random: Random, list: T[]): T => list[Math.floor(random() * list.length)]!;
const upTo = (random: Random, max: number): number => 1 + Math.floor(random() * max);

function sentence(random: Random, max = 24): string {
  const text = Array.from({ length: upTo(random, max) }, () => pick(random, words)).join(" ");
  return text + pick(random, [".", ".", ".", "!", "?", "。", ":", ""]);
}

function prose(random: Random, max: number): string {
  return Array.from({ length: upTo(random, max) }, () => sentence(random)).join(pick(random, [" ", " ", "\n", "  \n"]));
}

function list(random: Random, indent = ""): string {
  const mark = pick(random, ["-", "*", "1.", "- [ ]"]);
  return Array.from({ length: upTo(random, 9) }, () => {
    const item = `${indent}${mark} ${sentence(random)}`;
    const inner = `${indent}${" ".repeat(mark === "1." ? 3 : 2)}`;
    if (random() < 0.15 && indent.length < 8) return `${item}\n${list(random, inner)}`;
    if (random() < 0.1) return `${item}\n\n${inner}${sentence(random)}`;
    if (random() < 0.05) return `${item}\n\n${indented(code(random, 12), inner)}`;
    return item;
  }).join("\n");
}

function indented(text: string, by: string): string {
  return text.replace(/^(?=.)/gm, by);
}

function table(random: Random, rowsMax: number): string {
  const columns = upTo(random, 6);
  const row = () =>
    `| ${Array.from({ length: columns }, () => sentence(random, 6).replace(/[|`[\]]/g, "")).join(" | ")} |`;
  return [row(), `|${" --- |".repeat(columns)}`, ...Array.from({ length: upTo(random, rowsMax) }, row)].join("\n");
}

function code(random: Random, linesMax: number): string {
  const fence = pick(random, ["```", "~~~", "````"]);
  const lines = Array.from({ length: upTo(random, linesMax) }, () =>
    random() < 0.15
      ? ""
      : `${" ".repeat(upTo(random, 8))}call_${upTo(random, 99)}(a.b[${upTo(random, 9)}], "x"); // note`,
  );
  return [fence + pick(random, ["", "ts", "yaml title=x"]), ...lines, fence].join("\n");
}

function block(random: Random): string {
  const kinds: (() => string)[] = [
    () => `${"#".repeat(upTo(random, 6))} ${sentence(random, random() < 0.03 ? 900 : 6)}`,
    () => prose(random, 6),
    () => prose(random, 6),
    () => prose(random, 60),
    () => list(random),
    () => table(random, 6),
    () => table(random, 80),
    () => code(random, 10),
    () => code(random, 120),
    () => indented(prose(random, 20), "> "),
    () => indented(`${list(random)}\n\n${code(random, 60)}`, "> "),
    () => `<div>\n${prose(random, 30)}\n</div>`,
    () => pick(random, ["---", "<!-- note -->", "[ref]: https://example.com 'T'", "[^1]: A note.", "<a id=x></a>"]),
    () => pick(random, ["x", "数", "aB3/+", "-", "word "]).repeat(upTo(random, 6000)),
    () => `| h |\n|---|\n| ${"cell text ".repeat(upTo(random, 900))}|`,
    () => `\`\`\`${random() < 0.5 ? "js" : "x".repeat(3000)}\n${"const a = 1; ".repeat(upTo(random, 500))}\n\`\`\``,
    () => `Setext ${sentence(random, 3)}\n===`,
    () => `${"> ".repeat(upTo(random, 8))}${"- ".repeat(upTo(random, 8))}deep ${prose(random, 20)}`,
    () => `\`\`\`never closed\n${code(random, 6)}`,
  ];
  return pick(random, kinds)();
}

export function randomMarkdown(seed: number): string {
  const random = seeded(seed);
  return Array.from({ length: upTo(random, 14) }, () => block(random)).join(random() < 0.8 ? "\n\n" : "\n");
}
