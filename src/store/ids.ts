/**
 * Deterministic ids. What comes from a source has an id that derives from what it names, so that each step of the
 * pipeline can be repeated after a crash and lands on the same rows and object keys: source ← tenant + type +
 * external_ref, version ← source + checksum + converter version, document ← source, chunk ← document + text hash + how
 * many equal ones precede it.
 */

/** Namespace of all Sluice ids; never change it: ids in existing databases and object keys derive from it. */
const NAMESPACE = "5d3f2a64-6c1b-5e0e-9a38-7f1f0b2c9d11";

/** Joins parts so that no two different lists give the same name (a NUL cannot occur in any part). */
const uuidOf = (...parts: string[]): string => Bun.randomUUIDv5(parts.join("\0"), NAMESPACE);

export const sourceIdOf = (tenantId: string, sourceType: string, externalRef: string): string =>
  uuidOf("source", tenantId, sourceType, externalRef);

export const versionIdOf = (sourceId: string, checksum: string, converterVersion: string): string =>
  uuidOf("version", sourceId, checksum, converterVersion);

export const documentIdOf = (sourceId: string): string => uuidOf("document", sourceId);

/** `precedingEqual`: how many chunks of the document before this one have the same embedding text. */
export const chunkIdOf = (documentId: string, textSha256: string, precedingEqual: number): string =>
  uuidOf("chunk", documentId, textSha256, String(precedingEqual));
