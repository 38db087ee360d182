/** Reads a JSON body: its type, its size (counted while reading, Content-Length is only a claim) and its syntax. */
import { InputError } from "../errors.ts";

/** No request of this API needs more; files go through the upload route. */
export const JSON_BYTES_MAX = 1024 * 1024;

/** Throws InputError `request.wrong_content_type`, `request.too_large`, `request.bad_json`. */
export async function readJson(request: Request, maxBytes = JSON_BYTES_MAX): Promise<unknown> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/json" && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new InputError("request.wrong_content_type", `The body must be application/json, not ${type || "untyped"}`);
  }
  const bytes = await readCounted(request, maxBytes);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "it is not well-formed JSON" : "it cannot be read";
    throw new InputError("request.bad_json", `The body is refused: ${bytes.byteLength === 0 ? "it is empty" : reason}`);
  }
}

/** The body, counted while it is read. Throws InputError `request.too_large`, `request.truncated`. */
export async function readCounted(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new InputError("request.too_large", `The body is larger than ${maxBytes} bytes`, { limit: maxBytes });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  if (!request.body) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw new InputError("request.truncated", "The body ended before it was whole", {}, { cause: error });
    });
    if (done) return Buffer.concat(parts);
    size += value.byteLength;
    if (size > maxBytes) {
      void reader.cancel().catch(() => {});
      throw tooLarge();
    }
    parts.push(value);
  }
}
