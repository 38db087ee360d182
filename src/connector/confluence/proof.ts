/**
 * What a listing can prove of itself. Everything that may have kept a row away is a doubt; one doubt is enough for the
 * listing not to call itself complete, and the first one is what the job says.
 */
export class Proof {
  private readonly doubts: string[] = [];
  private ended = false;

  doubt(reason: string): void {
    this.doubts.push(reason);
  }

  /** All rows were read to their end. */
  end(): void {
    this.ended = true;
  }

  outcome(): { listingComplete: boolean; reason?: string } {
    if (!this.ended) return { listingComplete: false, reason: this.doubts[0] ?? "the listing has not ended" };
    const [first, ...more] = this.doubts;
    if (first === undefined) return { listingComplete: true };
    return { listingComplete: false, reason: more.length > 0 ? `${first} (and ${more.length} more)` : first };
  }
}
