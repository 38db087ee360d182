/**
 * Bounds what the compressed streams of a file inflate to, before PDF.js inflates any of them. Lengths that the file
 * states are not believed: every stream is inflated piece by piece and counted, and nothing of it is kept. Images are
 * left out, since they are never decoded here. Encrypted streams cannot be counted; for them the caps of the process
 * have to do.
 */
import { createInflate, inflateSync } from "node:zlib";
import { PermanentError } from "../../errors.ts";

/** Deflate cannot do better than this. */
const RATIO_MAX = 1032;
/** Streams that cannot inflate to more than a few megabytes are inflated in one go, which is much faster. */
const SMALL = 4 * 1024;
/** Where the dictionary of a stream is looked for, bytes before it. */
const DICTIONARY_MAX = 4 * 1024;

/** Throws PermanentError `convert.too_large` if the streams inflate to more than `max` bytes together. */
export async function guardInflation(bytes: Uint8Array, max: number): Promise<void> {
  // Even if every byte were part of a bomb, the limit could not be passed.
  if (bytes.length * RATIO_MAX <= max) return;
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total = 0;
  for (let at = file.indexOf("stream"); at >= 0; at = file.indexOf("stream", at + 6)) {
    if (at >= 3 && file.toString("latin1", at - 3, at) === "end") continue;
    const passes = flatePasses(file, at);
    if (passes === 0) continue;
    const start = at + 6 + (file[at + 6] === 13 ? 1 : 0) + (file[at + 6] === 13 && file[at + 7] !== 10 ? 0 : 1);
    const end = file.indexOf("endstream", start);
    const data = file.subarray(start, end < 0 ? file.length : end);
    total += await inflatedLength(data, passes, max - total);
    if (total > max) {
      throw new PermanentError("convert.too_large", "the streams of the file inflate to more than allowed", {
        limit: "inflatedBytesMax",
        max,
      });
    }
  }
}

/** How often the stream at `at` is deflated; 0 for images and other filters. */
function flatePasses(file: Buffer, at: number): number {
  const before = file.toString("latin1", Math.max(0, at - DICTIONARY_MAX), at);
  const dictionary = before.slice(before.lastIndexOf("obj") + 1);
  if (/\/Subtype\s*\/Image\b/.test(dictionary)) return 0;
  return dictionary.match(/\/(?:FlateDecode|Fl)\b/g)?.length ?? 0;
}

/** Bytes that come out, counted no further than just past `max`; what is damaged counts as far as it goes. */
async function inflatedLength(data: Buffer, passes: number, max: number): Promise<number> {
  if (passes === 1 && data.length <= SMALL) {
    try {
      return inflateSync(data).length;
    } catch {
      return 0;
    }
  }
  let length = 0;
  const stages = Array.from({ length: Math.min(passes, 4) }, () => createInflate({ chunkSize: 256 * 1024 }));
  await new Promise<void>((resolve) => {
    const stop = () => {
      for (const stage of stages) stage.destroy();
      resolve();
    };
    for (const [index, stage] of stages.entries()) {
      stage.on("error", stop);
      const next = stages[index + 1];
      if (next) stage.pipe(next);
    }
    const last = stages.at(-1)!;
    last.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > max) stop();
    });
    last.on("end", stop);
    stages[0]!.end(data);
  });
  return length;
}
