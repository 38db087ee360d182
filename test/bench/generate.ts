/**
 * Texts by the million that behave like a company's documents where it matters to an index: words are as unevenly common
 * as in any language (Zipf), each document has a subject of its own whose words recur, and no two are alike. The same
 * numbers give the same texts.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WORDS = 30_000;
const SUBJECTS = 3_000;
const SUBJECT_WORDS = 60;
/** Share of words that come from the document's subject. */
const SUBJECT_SHARE = 0.35;

const SYLLABLES =
  "ba be bi bo ca ce co da de di do fa fe ga go ha he la le li lo ma me mi mo na ne ni no pa pe po ra re ri ro sa se si so ta te ti to va ve vi".split(
    " ",
  );
const ENDINGS = ["", "n", "r", "s", "t", "l", "nd", "ing", "er", "ed"];

/** Numbers from 0 to 1, by a seed (mulberry32). */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = <T>(from: readonly T[], random: () => number): T => from[Math.floor(random() * from.length)]!;

let words: string[] = [];

/** The vocabulary, most common word first. */
function vocabulary(): string[] {
  if (words.length > 0) return words;
  const random = randomBy(1);
  const distinct = new Set(["the", "of", "and", "to", "in", "is", "for", "that", "with", "on"]);
  while (distinct.size < WORDS) {
    let word = "";
    for (let i = 1 + Math.floor(random() * 3); i >= 0; i--) word += pick(SYLLABLES, random);
    distinct.add(word + pick(ENDINGS, random));
  }
  words = [...distinct];
  return words;
}

/** A word by Zipf's law: the n-th is about 1/n as common as the first. */
const common = (random: () => number): string => vocabulary()[Math.floor(WORDS ** random()) - 1]!;

export interface GeneratedPassage {
  path: string;
  text: string;
}

export interface GeneratedDocument {
  title: string;
  passages: GeneratedPassage[];
}

function subjectOf(n: number): string[] {
  const random = randomBy(n * 7919 + 17);
  return Array.from({ length: SUBJECT_WORDS }, () => vocabulary()[100 + Math.floor(random() * (WORDS - 100))]!);
}

/** The n-th document, with so many passages of about so many words. */
export function generateDocument(n: number, passages = 5, wordsEach = 60): GeneratedDocument {
  const random = randomBy(n + 1_000_003);
  const subject = subjectOf(Math.floor(random() * SUBJECTS));
  const word = (): string =>
    random() < SUBJECT_SHARE ? subject[Math.floor(random() ** 2 * SUBJECT_WORDS)]! : common(random);
  const sentence = (length: number): string => {
    const line = Array.from({ length }, word).join(" ");
    return line[0]!.toUpperCase() + line.slice(1);
  };
  const title = sentence(4);
  return {
    title,
    passages: Array.from({ length: passages }, () => {
      const size = Math.round(wordsEach * (0.6 + random() * 0.8));
      const text: string[] = [];
      for (let left = size; left > 0; left -= 12) text.push(`${sentence(Math.min(12, left))}.`);
      return { path: `${title} > ${sentence(3)}`, text: text.join(" ") };
    }),
  };
}

/** What somebody might ask who wants the n-th document's passage: some of its words, rare ones rather than common ones. */
export function generateQuery(n: number): string {
  const { passages } = generateDocument(n);
  const random = randomBy(n + 77);
  const rank = new Map(vocabulary().map((word, i) => [word, i]));
  const rare = [...new Set(passages[n % passages.length]!.text.toLowerCase().match(/\w+/g) ?? [])].filter(
    (word) => (rank.get(word) ?? 0) > 50,
  );
  const size = 2 + Math.floor(random() * 4);
  return Array.from({ length: size }, () => pick(rare, random)).join(" ");
}

/** Writes documents as Markdown files, 500 in a folder, each with a link to the one before. */
export function writeDocuments(folder: string, from: number, to: number, passages = 2, wordsEach = 50): void {
  for (let n = from; n < to; n++) {
    const part = join(folder, String(Math.floor(n / 500)));
    if (n === from || n % 500 === 0) mkdirSync(part, { recursive: true });
    const { title, passages: texts } = generateDocument(n, passages, wordsEach);
    const link = n % 500 === 0 ? "" : `\n\nSee [the one before](${n - 1}.md).`;
    const body = texts.map(({ path, text }) => `## ${path.split(" > ")[1]}\n\n${text}`).join("\n\n");
    writeFileSync(join(part, `${n}.md`), `# ${title}\n\n${body}${link}\n`);
  }
}

const LATENT = 32;
const TOPICS = 2_000;

/** Normal numbers (Box and Muller). */
function normalBy(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const projections = new Map<number, Float32Array[]>();

/** Directions in which the latent axes point, the first ones longest, as in the spectra of real embeddings. */
function projectionTo(dimensions: number): Float32Array[] {
  let rows = projections.get(dimensions);
  if (rows) return rows;
  const normal = normalBy(randomBy(4));
  rows = Array.from({ length: LATENT }, (_, axis) => {
    const scale = 1 / Math.sqrt(1 + axis / 4);
    return Float32Array.from({ length: dimensions }, () => normal() * scale);
  });
  projections.set(dimensions, rows);
  return rows;
}

/**
 * A vector as a trained model gives it to the n-th passage: near those of its topic, and though of many components, moving
 * in far fewer directions (a few dozen, as measured of common models). `blur` moves it away, as a question about the
 * passage would be.
 */
export function generateVector(n: number, dimensions: number, blur = 0): Float32Array {
  const random = randomBy(n * 31 + 5);
  const topic = normalBy(randomBy(Math.floor(random() * TOPICS) + 900_001));
  const own = normalBy(random);
  const away = normalBy(randomBy(n + 13));
  const rows = projectionTo(dimensions);
  const vector = new Float32Array(dimensions);
  for (let axis = 0; axis < LATENT; axis++) {
    const weight = topic() + 0.6 * own() + blur * away();
    for (let i = 0; i < dimensions; i++) vector[i]! += weight * rows[axis]![i]!;
  }
  // What no direction explains.
  for (let i = 0; i < dimensions; i++) vector[i]! += 0.05 * own();
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
}
