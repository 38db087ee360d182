/**
 * Lets items that travel alone share a statement: calls that arrive while a batch is under way wait and form the next
 * one. So a lone upload goes through at once and a busy worker works in large batches, without any timer.
 * A batch that fails as a whole is tried again one by one, so that one bad document cannot fail its neighbours.
 */
import { SluiceError } from "../errors.ts";

export interface BatcherOptions<I> {
  /** Inputs in a batch at most. */
  max: number;
  /** Weight of an input and of a batch at most, where inputs differ much in size. */
  weigh?: (input: I) => number;
  weightMax?: number;
  /** Only inputs with the same key share a batch (one tenant, one job). */
  keyOf: (input: I) => string;
  /** Batches under way at once. */
  concurrency: number;
}

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

export class Batcher<I, O> {
  private waiting: Waiting<I, O>[] = [];
  private running = 0;
  private scheduled = false;

  constructor(
    /** One output for each input, in order. */
    private readonly run: (inputs: I[]) => Promise<O[]>,
    private readonly options: BatcherOptions<I>,
  ) {}

  add(input: I): Promise<O> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, resolve, reject });
      this.schedule();
    });
  }

  /** After the current turn of the event loop, so that what becomes ready together goes together. */
  private schedule(): void {
    if (this.scheduled || this.running >= this.options.concurrency) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      while (this.waiting.length > 0 && this.running < this.options.concurrency) void this.flush(this.take());
    });
  }

  private take(): Waiting<I, O>[] {
    const { max, keyOf, weigh, weightMax } = this.options;
    const key = keyOf(this.waiting[0]!.input);
    const batch: Waiting<I, O>[] = [];
    const rest: Waiting<I, O>[] = [];
    let weight = 0;
    for (const entry of this.waiting) {
      const own = weigh?.(entry.input) ?? 0;
      const fits = batch.length < max && (batch.length === 0 || weightMax === undefined || weight + own <= weightMax);
      if (fits && keyOf(entry.input) === key) {
        batch.push(entry);
        weight += own;
      } else rest.push(entry);
    }
    this.waiting = rest;
    return batch;
  }

  private async flush(batch: Waiting<I, O>[]): Promise<void> {
    this.running++;
    try {
      const outputs = await this.run(batch.map((entry) => entry.input));
      for (const [i, entry] of batch.entries()) entry.resolve(outputs[i]!);
    } catch (error) {
      // An outage concerns all of them alike; anything else is somebody's fault, so find out whose.
      if (batch.length === 1 || (error instanceof SluiceError && error.fate !== "permanent"))
        for (const entry of batch) entry.reject(error);
      else for (const entry of batch) await this.flushAlone(entry);
    } finally {
      this.running--;
      if (this.waiting.length > 0) this.schedule();
    }
  }

  private async flushAlone(entry: Waiting<I, O>): Promise<void> {
    try {
      const [output] = await this.run([entry.input]);
      entry.resolve(output!);
    } catch (error) {
      entry.reject(error);
    }
  }
}
