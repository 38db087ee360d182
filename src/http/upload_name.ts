/**
 * Which names an uploaded file may have. The name becomes part of the source's identity, is shown to people and ends up
 * in logs, so what could deceive a reader or a path is refused with a reason and never silently repaired; the one
 * exception is the full path that Windows programs send, whose last segment is meant.
 */
import { InputError } from "../errors.ts";

const NAME_BYTES_MAX = 255;

/** Embeddings, overrides and isolates of text direction, which can make `exe.fdp` look like `pdf.exe`; line separators. */
const DECEPTIVE = /[\u202a-\u202e\u2066-\u2069\u2028\u2029]/;
const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/** The name in NFC. Throws InputError `upload.bad_name`. Slashes of a relative path stay: `guide/intro.md`. */
export function uploadName(declared: string | undefined): string {
  const name = lastOfWindowsPath((declared ?? "").normalize("NFC").trim());
  const fault = faultOf(name);
  if (fault === null) return name;
  throw new InputError("upload.bad_name", `refused file name: ${fault}`, { name: shown(declared ?? "") });
}

function lastOfWindowsPath(name: string): string {
  const segments = name.split("\\");
  return segments.length === 1 || segments.includes("..") ? name : segments.at(-1)!.trim();
}

function faultOf(name: string): string | null {
  if (name === "") return "it is empty";
  if (CONTROL.test(name)) return "it has a control character";
  if (DECEPTIVE.test(name)) return "it has a character that changes the direction of text";
  if (!name.isWellFormed() || name.includes("\ufffd")) return "it is not valid UTF-8";
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `it is longer than ${NAME_BYTES_MAX} bytes`;
  for (const segment of name.split(/[/\\]/)) {
    if (segment === "") return "it has an empty path segment";
    if (segment === "." || segment === "..") return "it has a path segment of dots";
  }
  return null;
}

/** The name as an error may carry it: short, and without the characters it was refused for. */
function shown(declared: string): string {
  return JSON.stringify(declared.slice(0, 80).toWellFormed()).replace(/[^\x20-\x7e]/g, "?");
}
