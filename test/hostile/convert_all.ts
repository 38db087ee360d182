/** Each case alone: through recognition, conversion (in the real child where its format wants that), chunks and links. */
import { chunkMarkdown } from "../../src/chunk/chunk.ts";
import { SluiceError } from "../../src/errors.ts";
import { parseMarkdown } from "../../src/markdown/blocks.ts";
import { mayBeActive } from "../../src/markdown/inert.ts";
import { extractLinks } from "../../src/markdown/links.ts";
import { normaliseMarkdown } from "../../src/markdown/normalise.ts";
import { ConvertChild, convertAnywhere } from "../../src/worker/isolate.ts";
import type { Document } from "./mutate.ts";

export const DEADLINE_MS = 15_000;
export const MEMORY_MAX_MB = 700;
/** How late the end of a deadline may be noticed. */
const LATE_MS = 2000;

/** What went wrong, in words; prints what it did. */
export async function convertAll(binary: string, cases: Document[]): Promise<string[]> {
  const child = new ConvertChild({
    command: [binary, "__convert-child"],
    deadlineMs: DEADLINE_MS,
    memoryMaxBytes: MEMORY_MAX_MB * 2 ** 20,
  });
  const failures: string[] = [];
  const outcomes = new Map<string, number>();
  let worst = { ms: 0, name: "" };
  for (const { name, bytes } of cases) {
    const startedAt = performance.now();
    const outcome = await convertOne({ name, bytes }, child).catch((error: unknown) =>
      error instanceof SluiceError ? error.code : error,
    );
    const ms = performance.now() - startedAt;
    if (typeof outcome !== "string") failures.push(`${name}: ${outcome instanceof Error ? outcome.stack : outcome}`);
    else outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (typeof outcome === "string" && !/^(?:converted|convert\.)/.test(outcome)) failures.push(`${name}: ${outcome}`);
    if (ms > worst.ms) worst = { ms, name };
    if (ms > DEADLINE_MS + LATE_MS) failures.push(`${name}: took ${Math.round(ms)} ms`);
  }
  await child.close();
  const counts = [...outcomes].sort().map(([code, n]) => `${code} ${n}`);
  console.log(
    `converted one by one: ${cases.length} cases; ${counts.join(", ")}; worst ${Math.round(worst.ms)} ms (${worst.name})`,
  );
  return failures;
}

async function convertOne(document: Document, child: ConvertChild): Promise<string> {
  const converted = await convertAnywhere(document, child);
  const parsed = parseMarkdown(converted.markdown);
  chunkMarkdown(parsed, {
    title: converted.title ?? "",
    targetTokens: 400,
    maxTokens: 512,
    minTokens: 80,
    overlapTokens: 40,
  });
  extractLinks(parsed);
  // Canonical, hence disarmed: a second pass would find nothing to change.
  if (mayBeActive(converted.markdown) && normaliseMarkdown(converted.markdown).markdown !== converted.markdown)
    return "markdown that is not disarmed";
  return "converted";
}
