/**
 * Uploaded files. Their bytes already lie in the object store when the job begins, so fetching reads them by URI and
 * listing gives nothing: only the upload request itself knows what was sent, and nothing may ever be deleted because a
 * listing does not show it.
 */
import { PermanentError } from "../errors.ts";
import type { ObjectStore } from "../store/objects.ts";
import type { Connector, Descriptor, FetchContext, Fetched, Listing } from "./connector.ts";

/** What the upload route knows of a file once it is stored. */
export interface StoredUpload {
  name: string;
  size: number;
  /** Hex. */
  sha256: string;
  mediaType: string | null;
  rawUri: string;
  uploadedAt: Date;
}

/** The descriptor of a stored upload. The name identifies it: sending it again makes a new version. */
export function describeUpload(upload: StoredUpload): Descriptor {
  return {
    sourceType: "FILE_UPLOAD_OBJECT",
    externalRef: `upload://${upload.name}`,
    fingerprint: upload.sha256,
    modifiedAt: upload.uploadedAt.toISOString(),
    size: upload.size,
    name: upload.name.slice(upload.name.lastIndexOf("/") + 1),
    title: null,
    url: null,
    mediaType: upload.mediaType,
    locator: { raw_uri: upload.rawUri },
  };
}

export class UploadConnector implements Connector {
  readonly sourceTypes = ["FILE_UPLOAD_OBJECT"] as const;

  constructor(private readonly objects: ObjectStore) {}

  isConfigured(): boolean {
    return true;
  }

  list(): Listing {
    return {
      pages: (async function* () {})(),
      outcome: () => ({ listingComplete: false, reason: "uploads cannot be listed" }),
    };
  }

  async fetch(descriptor: Descriptor, context: FetchContext): Promise<Fetched> {
    context.signal.throwIfAborted();
    const rawUri = descriptor.locator.raw_uri;
    if (typeof rawUri !== "string") {
      throw new PermanentError("connector.gone", `${descriptor.externalRef}: the descriptor names no stored object`);
    }
    try {
      const bytes = await this.objects.read(rawUri, context.maxBytes);
      return { bytes, name: descriptor.name, mediaType: descriptor.mediaType, rawUri };
    } catch (error) {
      throw renamed(error, descriptor, context.maxBytes);
    }
  }
}

/** The object store's words for what every connector calls the same. */
function renamed(error: unknown, descriptor: Descriptor, maxBytes: number): unknown {
  if (!(error instanceof PermanentError)) return error;
  const { externalRef } = descriptor;
  if (error.code === "objects.not_found") {
    return new PermanentError("connector.gone", `${externalRef}: the stored object is gone`, {}, { cause: error });
  }
  if (error.code === "objects.too_large") {
    return new PermanentError("connector.too_large", `${externalRef} is larger than ${maxBytes} bytes`, { maxBytes });
  }
  return error;
}
