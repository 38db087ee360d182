/** Names of downloads: from what the source calls the document to a header that no name can break out of (RFC 6266). */

const NAME_MAX = 150;
/** Path separators, quotes, controls, and characters that change the direction of text. */
const UNSAFE = /[\0-\x1f\x7f-\x9f"\\/:*?<>|\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** The last segment of `external_ref`, else the title; percent-decoded where the reference is a file URL. */
export function fileNameOf(externalRef: string, title: string): string {
  const last = externalRef.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return (externalRef.startsWith("file://") ? decoded(last) : last) || title;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `Content-Disposition` with an ASCII name for old readers and the true one in UTF-8. */
export function attachment(name: string): string {
  const safe =
    name
      .toWellFormed()
      .replace(UNSAFE, "_")
      .replace(/^[.\s]+|\s+$/g, "") || "document";
  const short = shortened(safe);
  const ascii = short.replace(/[^\x20-\x7e]/g, "_").replace(/%/g, "_");
  const encoded = encodeURIComponent(short).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** Keeps the extension, and no half of a surrogate pair. */
function shortened(name: string): string {
  if (name.length <= NAME_MAX) return name;
  const extension = /\.[^.\s]{1,12}$/.exec(name)?.[0] ?? "";
  return (
    name
      .slice(0, NAME_MAX - extension.length)
      .toWellFormed()
      .replace(/\ufffd$/, "") + extension
  );
}
