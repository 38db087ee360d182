/**
 * How many bytes of payloads a thread holds at once. Items run side by side, each with its payload in memory until it is
 * indexed: small ones cost nothing, but dozens of large ones would take gigabytes. So the large ones wait for each other.
 */
export class ByteBudget {
  private free: number;
  private readonly waiting: { bytes: number; go: () => void }[] = [];

  constructor(private readonly max: number) {
    this.free = max;
  }

  /**
   * Resolves when there is room, with what gives it back. Who asks for more than all of it waits until nothing else is
   * held. Turns are kept, so that no large one waits for ever. Throws the signal's reason.
   */
  async take(bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const share = Math.min(bytes, this.max);
    if (share > 0 && (this.waiting.length > 0 || share > this.free)) await this.turn(share, signal);
    else this.free -= share;
    let held = share;
    return () => {
      this.free += held;
      held = 0;
      this.admit();
    };
  }

  private turn(bytes: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => {
      this.waiting.splice(this.waiting.indexOf(one), 1);
      reject(signal.reason);
      // It may have been the one that the others stood behind.
      this.admit();
    };
    const go = () => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const one = { bytes, go };
    this.waiting.push(one);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }

  private admit(): void {
    for (let next = this.waiting[0]; next !== undefined && next.bytes <= this.free; next = this.waiting[0]) {
      this.waiting.shift();
      this.free -= next.bytes;
      next.go();
    }
  }
}
