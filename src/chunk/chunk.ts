/**
 * Cuts a document into the passages that are embedded and searched. Structure comes first: a chunk never crosses a
 * heading and never cuts a code fence, a table row, a list item or a sentence that fits by itself; what is larger is cut
 * at the next finer border and repeats the table header or the fence. Sizes come second: at most `maxTokens` including
 * the heading path (hard), about `targetTokens` on average. Everything a reader can see is in some chunk.
 */
import { createHash } from "node:crypto";
import { type Block, type ParsedMarkdown, parseMarkdown } from "../markdown/blocks.ts";
import { type Atom, type AtomType, readAtoms } from "./atoms.ts";
import { isInvisible } from "./invisible.ts";
import { overlapStart } from "./overlap.ts";
import { packAtoms, type Run } from "./pack.ts";
import { readSections, type Section } from "./sections.ts";
import { estimateTokens, tokenUnits, UNITS_PER_TOKEN } from "./tokens.ts";

export interface ChunkOptions {
  /** Title of the document; the first element of every path. */
  title: string;
  /** Size that chunks have on average where there is text enough. */
  targetTokens?: number;
  /** Hard limit on `embeddingText`, estimated; values below 64 count as 64. */
  maxTokens?: number;
  /** Smaller chunks only arise where a section has no more, or a neighbour no room. */
  minTokens?: number;
  /** How much of the end of one passage of prose the next one repeats, in whole sentences. */
  overlapTokens?: number;
}

export type ChunkType = AtomType | "mixed";

export interface Chunk {
  /** 0, 1, 2, … within the document. */
  ordinal: number;
  /** Title and headings above the passage, plain text, joined by " > ". */
  chunkPath: string;
  /** `markdown.slice(charStart, charEnd)`, with the table header or the fence around it where a block was cut. */
  chunkText: string;
  chunkType: ChunkType;
  /** Estimated tokens of `chunkText`. */
  tokenCount: number;
  /** UTF-16 offsets into the Markdown; they include the overlap. */
  charStart: number;
  charEnd: number;
  /** First and last top-level block (both included) that the passage touches. */
  blockStartIdx: number;
  blockEndIdx: number;
  /** What the model reads: `[H] ${chunkPath}\n${chunkText}`. */
  embeddingText: string;
  /** SHA-256 of `embeddingText`, hex. */
  textSha256: string;
}

/** The part of the limit that the heading path may take. */
const PATH_SHARE = 0.25;

/** Chunks of normalised Markdown, in order. Pass what `parseMarkdown` returned to save parsing it again. */
export function chunkMarkdown(markdown: string | ParsedMarkdown, options: ChunkOptions): Chunk[] {
  const parsed = typeof markdown === "string" ? parseMarkdown(markdown) : markdown;
  const maxTokens = Math.max(64, options.maxTokens ?? 512);
  const chunks: Chunk[] = [];
  for (const section of readSections(parsed.blocks, options.title, Math.floor(maxTokens * PATH_SHARE))) {
    chunkSection(parsed, section, { ...options, maxTokens }, chunks);
  }
  return chunks;
}

function chunkSection(
  parsed: ParsedMarkdown,
  section: Section,
  options: ChunkOptions & { maxTokens: number },
  chunks: Chunk[],
): void {
  const { blocks, markdown } = parsed;
  const prefix = `[H] ${section.path}\n`;
  const budget = options.maxTokens * UNITS_PER_TOKEN - tokenUnits(prefix, 0, prefix.length);
  const target = Math.min((options.targetTokens ?? 400) * UNITS_PER_TOKEN, budget);
  const min = Math.min((options.minTokens ?? 80) * UNITS_PER_TOKEN, target);
  const overlap = (options.overlapTokens ?? 40) * UNITS_PER_TOKEN;
  const first = startOfSection(section, blocks, markdown);
  const atoms = readAtoms(parsed, first, section.end, budget);
  let before: Run | null = null;
  for (const run of packAtoms(atoms, markdown, { budget, target, min })) {
    const start = overlapStart(markdown, atoms, before, run, { overlap, budget });
    chunks.push(finish(markdown, section.path, atoms, run, start, chunks.length));
    before = run;
  }
}

/** The heading line itself is text only where the path does not tell it, or where nothing else would. */
function startOfSection(section: Section, blocks: Block[], markdown: string): number {
  if (section.heading < 0) return section.first;
  if (section.headingShortened) return section.heading;
  const hasText = blocks.slice(section.first, section.end).some((block) => !isInvisible(block, markdown));
  return hasText || section.hasSubsections ? section.first : section.heading;
}

function finish(markdown: string, path: string, atoms: Atom[], run: Run, charStart: number, ordinal: number): Chunk {
  const head = atoms[run.first]!;
  const tail = atoms[run.end - 1]!;
  const charEnd = tail.charEnd;
  const overlapped = charStart < head.charStart;
  const chunkText = head.opening + markdown.slice(charStart, charEnd) + tail.closing;
  let chunkType: ChunkType = overlapped ? "paragraph" : head.type;
  for (let index = run.first; index < run.end; index++) if (atoms[index]!.type !== chunkType) chunkType = "mixed";
  const embeddingText = `[H] ${path}\n${chunkText}`;
  return {
    ordinal,
    chunkPath: path,
    chunkText,
    chunkType,
    tokenCount: estimateTokens(chunkText),
    charStart,
    charEnd,
    blockStartIdx: overlapped ? atoms[run.first - 1]!.block : head.block,
    blockEndIdx: tail.block,
    embeddingText,
    textSha256: createHash("sha256").update(embeddingText).digest("hex"),
  };
}
