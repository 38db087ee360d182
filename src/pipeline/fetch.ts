/** Fetches the payload of an item through its connector and takes its checksum. */
import type { Fetched } from "../connector/connector.ts";
import type { ClaimedItem } from "../queue/claim_items.ts";
import type { IngestContext } from "./context.ts";

export interface FetchedSource extends Fetched {
  /** Hex SHA-256 of the payload. */
  checksum: string;
  /** Of its connector. */
  treeRef: string | undefined;
}

/** Throws what the connector throws: `connector.gone`, `connector.too_large`, transient faults. */
export async function fetchSource(
  item: ClaimedItem,
  context: IngestContext,
  signal: AbortSignal,
): Promise<FetchedSource> {
  const connector = await context.connectorOf(item.tenantId, item.connectionId, item.sourceType);
  const fetched = await connector.fetch(item.descriptor, { signal, maxBytes: context.config.fileMaxBytes });
  signal.throwIfAborted();
  const checksum = new Bun.CryptoHasher("sha256").update(fetched.bytes).digest("hex");
  return { ...fetched, checksum, treeRef: connector.treeRef };
}
