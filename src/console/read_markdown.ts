/** The Markdown of a version, as far as a page can show it: what is larger is cut at a line and the rest offered as a file. */
import type { ObjectStore } from "../store/objects.ts";

export interface ShownMarkdown {
  text: string;
  /** Whether there is more of it. */
  cut: boolean;
}

/** The first `maxBytes` of the object, in whole lines. Throws as `ObjectStore.stream` does. */
export async function readMarkdown(objects: ObjectStore, uri: string, maxBytes: number): Promise<ShownMarkdown> {
  const { body, size } = await objects.stream(uri);
  const decoder = new TextDecoder();
  let text = "";
  let read = 0;
  // Leaving the loop early cancels the stream, which gives its file or socket back.
  for await (const part of body) {
    text += decoder.decode(part.subarray(0, maxBytes - read), { stream: true });
    read += part.byteLength;
    if (read >= maxBytes) break;
  }
  if (size <= maxBytes) return { text: text + decoder.decode(), cut: false };
  return { text: text.slice(0, text.lastIndexOf("\n") + 1), cut: true };
}
