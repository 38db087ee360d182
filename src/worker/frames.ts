/**
 * How the parent and the conversion child talk over pipes: frames of a small JSON header and a body of raw bytes, each
 * with its length in front. Documents and Markdown travel as they are, since base64 would cost a third more and a copy.
 */

/** Far above any header here; more means that something else wrote to the pipe. */
const HEADER_MAX = 16 * 1024 * 1024;
const PREFIX = 8;

export interface Frame {
  header: unknown;
  body: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** The prefix and header of a frame; the body is to be written right after it. */
export function frameHead(header: object, bodyLength: number): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(PREFIX + json.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, json.length, true);
  view.setUint32(4, bodyLength, true);
  head.set(json, PREFIX);
  return head;
}

/** Reads frames until the stream ends. Throws if the stream holds anything but frames. */
export async function* readFrames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const bytes = new ByteQueue(stream);
  for (;;) {
    const prefix = await bytes.take(PREFIX);
    if (!prefix) return;
    const view = new DataView(prefix.buffer, prefix.byteOffset, PREFIX);
    const headerLength = view.getUint32(0, true);
    if (headerLength > HEADER_MAX)
      throw new Error("the pipe of the conversion child carries something else than frames");
    const json = await bytes.take(headerLength);
    const body = await bytes.take(view.getUint32(4, true));
    if (!json || !body) return;
    yield { header: JSON.parse(new TextDecoder().decode(json)), body };
  }
}

/** Takes exact numbers of bytes from a stream of arbitrary pieces. */
class ByteQueue {
  private readonly reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
  private rest: Uint8Array = EMPTY;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader();
  }

  /** Null if the stream ends before. */
  async take(length: number): Promise<Uint8Array | null> {
    if (this.rest.length < length) {
      const whole = new Uint8Array(length);
      whole.set(this.rest);
      let filled = this.rest.length;
      while (filled < length) {
        const { done, value } = await this.reader.read();
        if (done || !value) return null;
        const part = value.subarray(0, length - filled);
        whole.set(part, filled);
        filled += part.length;
        this.rest = value.subarray(part.length);
      }
      return whole;
    }
    const taken = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return taken;
  }
}
