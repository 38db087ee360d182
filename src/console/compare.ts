/**
 * What changed from one text to another, by lines and within lines by words: prose stands in long lines, of which an
 * edit changes a few words. Long stretches without a change are folded.
 */
import { diffArrays, diffWordsWithSpace } from "diff";

export interface Part {
  text: string;
  changed: boolean;
}

/** A line of one or both texts, by their line numbers from 1; or so many lines that are the same and left out. */
export type Row =
  | { kind: "same" | "removed" | "added"; before: number | null; after: number | null; parts: Part[] }
  | { kind: "folded"; lines: number };

export interface Comparison {
  rows: Row[];
  added: number;
  removed: number;
}

/** Lines around a change. */
const CONTEXT = 3;
/** A person waits, and so do all other requests. */
const LIMITS = { timeout: 400, maxEditLength: 4000 };
/** Lines of which less than this share is common are shown as two lines, not as one that was edited. */
const KINSHIP = 0.3;

/** Null where the texts differ too much for a comparison to be found in time. */
export function compareTexts(before: string, after: string): Comparison | null {
  const changes = diffArrays(linesOf(before), linesOf(after), LIMITS);
  if (changes === undefined) return null;
  const rows: Row[] = [];
  const at = { before: 1, after: 1 };
  for (const [i, change] of changes.entries()) {
    if (change.added && changes[i - 1]?.removed) continue;
    const replacement = change.removed && changes[i + 1]?.added ? changes[i + 1]!.value : [];
    if (change.removed) rows.push(...replaced(change.value, replacement, at));
    else if (change.added) rows.push(...replaced([], change.value, at));
    else rows.push(...change.value.map((line) => sameRow(line, at)));
  }
  const countOf = (kind: Row["kind"]) => rows.filter((row) => row.kind === kind).length;
  return { rows: folded(rows), added: countOf("added"), removed: countOf("removed") };
}

const linesOf = (text: string): string[] => text.replace(/\n$/, "").split("\n");

interface Place {
  before: number;
  after: number;
}

const sameRow = (text: string, at: Place): Row => ({
  kind: "same",
  before: at.before++,
  after: at.after++,
  parts: [{ text, changed: false }],
});

/** Removed lines, then those in their place; a line and its successor of the same position show the words that changed. */
function replaced(removed: string[], added: string[], at: Place): Row[] {
  const pairs = removed.map((line, i) => (added[i] === undefined ? null : wordsChanged(line, added[i])));
  return [
    ...removed.map((text, i): Row => {
      const parts = pairs[i]?.removed ?? [{ text, changed: false }];
      return { kind: "removed", before: at.before++, after: null, parts };
    }),
    ...added.map((text, i): Row => {
      const parts = pairs[i]?.added ?? [{ text, changed: false }];
      return { kind: "added", before: null, after: at.after++, parts };
    }),
  ];
}

function wordsChanged(before: string, after: string): { removed: Part[]; added: Part[] } | null {
  const changes = diffWordsWithSpace(before, after, LIMITS);
  const common =
    changes?.reduce((sum, { added, removed, value }) => sum + (added || removed ? 0 : value.length), 0) ?? 0;
  if (!changes || common < KINSHIP * Math.max(before.length, after.length)) return null;
  return {
    removed: changes.filter((c) => !c.added).map((c) => ({ text: c.value, changed: c.removed })),
    added: changes.filter((c) => !c.removed).map((c) => ({ text: c.value, changed: c.added })),
  };
}

function folded(rows: Row[]): Row[] {
  const near = rows.map(() => false);
  for (const [i, row] of rows.entries())
    if (row.kind !== "same") near.fill(true, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
  const shown: Row[] = [];
  for (const [i, row] of rows.entries()) {
    const last = shown.at(-1);
    // A fold of one line would be no shorter than the line.
    if (near[i] || (near[i - 1] && near[i + 1])) shown.push(row);
    else if (last?.kind === "folded") last.lines++;
    else shown.push({ kind: "folded", lines: 1 });
  }
  return shown;
}
