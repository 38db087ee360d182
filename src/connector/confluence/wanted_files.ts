/** Which attachments are worth a download: of a type that is read, and within the size that the connection allows. */
import type { ConfluenceSettings } from "./config.ts";
import type { ListedAttachment } from "./content.ts";

/** Extensions by media type, for files whose name has none. */
const EXTENSIONS: Record<string, string> = {
  "application/pdf": "pdf",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "text/markdown": "md",
  "text/plain": "txt",
  "text/html": "html",
};

/** The reason why an attachment is skipped, for people; null for those that are fetched. */
export function whyExcluded(
  file: Pick<ListedAttachment, "name" | "mediaType" | "size">,
  { types, maxBytes }: Pick<ConfluenceSettings["attachments"], "types" | "maxBytes">,
): string | null {
  const extension = /\.([a-z0-9]{1,10})$/i.exec(file.name.trim())?.[1]?.toLowerCase();
  const type = extension ?? EXTENSIONS[file.mediaType?.split(";")[0]?.trim().toLowerCase() ?? ""];
  if (type === undefined)
    return `its type (${file.mediaType ?? "unknown"}) is not among the connection's attachment types`;
  if (!types.has(type)) return `.${type} is not among the connection's attachment types`;
  if (file.size !== null && file.size > maxBytes)
    return `it has ${file.size} bytes, more than attachments.max_bytes (${maxBytes})`;
  return null;
}
