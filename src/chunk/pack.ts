/**
 * Joins the atoms of one section into chunks. Where the size leaves a choice, a border goes to the least painful place;
 * among equals the text itself decides (the lowest hash of what follows), not how much came before. So after an edit
 * the borders further down fall where they fell before, and only the chunks around the edit change.
 */
import { type Atom, BREAK } from "./atoms.ts";

/** Sizes in units, see tokens.ts. */
export interface PackSizes {
  /** No chunk is larger. */
  budget: number;
  /** What a chunk should have on average. */
  target: number;
  /** What a chunk should have at least. */
  min: number;
}

/** Atoms `[first, end)` of one chunk and what they cost together, openings and closings included. */
export interface Run {
  first: number;
  end: number;
  units: number;
}

/** Cuts the atoms into runs that cover all of them in order. Every single atom must fit the budget. */
export function packAtoms(atoms: Atom[], markdown: string, sizes: PackSizes): Run[] {
  const costs = new Costs(atoms);
  const runs: Run[] = [];
  for (let first = 0; first < atoms.length; ) {
    const end = chooseEnd(atoms, costs, first, markdown, sizes);
    runs.push({ first, end, units: costs.of(first, end) });
    first = end;
  }
  return runs;
}

/** Sums over atoms by prefix sums. */
class Costs {
  private readonly sums: number[] = [0];

  constructor(private readonly atoms: Atom[]) {
    for (const atom of atoms) this.sums.push(this.sums.at(-1)! + atom.gapUnits + atom.units);
  }

  of(first: number, end: number): number {
    const head = this.atoms[first]!;
    return this.sums[end]! - this.sums[first]! - head.gapUnits + head.openingUnits + this.atoms[end - 1]!.closingUnits;
  }
}

/** The end of the chunk that starts at `first`. */
function chooseEnd(atoms: Atom[], costs: Costs, first: number, markdown: string, sizes: PackSizes): number {
  const { length } = atoms;
  // The window of allowed sizes lies around the target, so that chunks have the target size on average.
  const low = Math.max(sizes.min, 2 * sizes.target - sizes.budget);
  let lastFitting = first + 1;
  let lowest = first + 1;
  for (let end = first + 1; end <= length; end++) {
    const units = costs.of(first, end);
    // A closing fence is only paid where a chunk ends, so one more line may fit where this one did not.
    if (units - atoms[end - 1]!.closingUnits > sizes.budget) break;
    if (units > sizes.budget) continue;
    lastFitting = end;
    if (units < low) lowest = end + 1;
  }
  if (lastFitting === length) return length;
  const usable = (end: number): boolean =>
    costs.of(first, end) <= sizes.budget && costs.of(first, end) >= sizes.min && costs.of(end, length) >= sizes.min;
  const inWindow = best(atoms, lowest, lastFitting, usable, (end) => hashAt(markdown, atoms[end]!));
  if (inWindow !== null && atoms[inWindow]!.breakCost <= BREAK.sentence) return inWindow;
  // Rather a smaller chunk than a torn sentence; then as large a one as can be.
  const wider = best(atoms, first + 1, lastFitting, usable, (end) => -end);
  if (wider === null) return inWindow ?? lastFitting;
  return inWindow !== null && atoms[inWindow]!.breakCost <= atoms[wider]!.breakCost ? inWindow : wider;
}

/** The usable border in `[from, to]` of lowest break cost, among equals the one of lowest rank; null if none is. */
function best(
  atoms: Atom[],
  from: number,
  to: number,
  usable: (end: number) => boolean,
  rank: (end: number) => number,
): number | null {
  let chosen: number | null = null;
  let chosenCost = Number.POSITIVE_INFINITY;
  let chosenRank = 0;
  for (let end = from; end <= to; end++) {
    const cost = atoms[end]!.breakCost;
    if (cost > chosenCost || !usable(end)) continue;
    const own = rank(end);
    if (cost === chosenCost && own > chosenRank) continue;
    chosen = end;
    chosenCost = cost;
    chosenRank = own;
  }
  return chosen;
}

/** FNV-1a of the first 48 characters of an atom. */
function hashAt(text: string, atom: Atom): number {
  const end = Math.min(atom.charEnd, atom.charStart + 48);
  let hash = 0x811c9dc5;
  for (let at = atom.charStart; at < end; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
