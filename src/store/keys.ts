/**
 * Object keys: where the artifacts of a source version lie. The layout is a promise to whoever reads the buckets with
 * other tools, so it lives in one place; readers inside use the URIs that the rows hold, never this.
 */

/** The ids that name a source version. */
export interface VersionIds {
  tenantId: string;
  sourceId: string;
  sourceVersionId: string;
}

/** Raw payload, in the raw bucket: `<tenant>/<source>/<source_version>/raw.bin`. */
export function rawKey(ids: VersionIds): string {
  return `${prefix(ids)}/raw.bin`;
}

/** Normalised Markdown, in the markdown bucket: `<tenant>/<source>/<source_version>/normalized.md`. */
export function markdownKey(ids: VersionIds): string {
  return `${prefix(ids)}/normalized.md`;
}

/** How it was made, in the markdown bucket: `<tenant>/<source>/<source_version>/artifacts/ingestion.json`. */
export function manifestKey(ids: VersionIds): string {
  return `${prefix(ids)}/artifacts/ingestion.json`;
}

function prefix(ids: VersionIds): string {
  return `${segment(ids.tenantId)}/${segment(ids.sourceId)}/${segment(ids.sourceVersionId)}`;
}

/** Ids are slugs and UUIDs and stay as they are; anything else is percent-encoded, so that no id can leave its folder. */
function segment(id: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(id)) return id;
  let encoded = "";
  for (const byte of new TextEncoder().encode(id)) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  if (encoded === "") throw new Error("an id of an object key is empty");
  return encoded;
}
