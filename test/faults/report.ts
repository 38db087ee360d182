/** What a run of the crash suite has done and found; printed at its end. */

/** Counted over all scenarios. */
export class Report {
  /** SIGKILLs by where they struck: a failpoint, "random", "postgres". */
  readonly kills = new Map<string, number>();
  /** Starts after the first, by what was started. */
  readonly restarts = new Map<string, number>();
  items = 0;
  repeatedClaims = 0;
  resentUploads = 0;
  invariants = 0;
  objects = 0;
  readonly results: { scenario: string; failures: string[]; skipped: string | null }[] = [];

  kill(where: string): void {
    this.kills.set(where, (this.kills.get(where) ?? 0) + 1);
  }

  restart(what: string, times = 1): void {
    this.restarts.set(what, (this.restarts.get(what) ?? 0) + times);
  }

  print(seed: number): void {
    const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
    const list = (counts: Map<string, number>): string =>
      [...counts]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([name, n]) => `${name} ${n}`)
        .join(", ");
    const failed = this.results.filter(({ failures }) => failures.length > 0);
    const skipped = this.results.filter((result) => result.skipped !== null);
    console.log(`\nseed                  ${seed}`);
    console.log(`kills                 ${sum(this.kills)} (${list(this.kills)})`);
    console.log(`restarts              ${sum(this.restarts)} (${list(this.restarts)})`);
    console.log(`items processed       ${this.items}`);
    console.log(
      `duplicates prevented  ${this.repeatedClaims + this.resentUploads} (${this.repeatedClaims} items done again, ${this.resentUploads} uploads sent again: one document each)`,
    );
    console.log(`invariants checked    ${this.invariants}, over ${this.objects} objects read`);
    for (const { scenario, skipped: why } of skipped) console.log(`skipped               ${scenario}: ${why}`);
    for (const { scenario, failures } of failed)
      for (const failure of failures) console.log(`FAILED ${scenario}: ${failure}`);
    const passed = this.results.length - failed.length - skipped.length;
    console.log(`${passed} passed, ${failed.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
  }

  get failed(): boolean {
    return this.results.some(({ failures }) => failures.length > 0);
  }
}
