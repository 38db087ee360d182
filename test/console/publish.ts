/** Puts a version of a document in place with its objects, as the pipeline would. */
import { claimItems } from "../../src/queue/claim_items.ts";
import type { PreparedDocument, PreparedLink } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import type { Fixture } from "../http/fixture.ts";
import { prepared } from "../support/documents.ts";
import { jobWithItems } from "../support/queue.ts";

export async function publish(
  f: Fixture,
  tenantId: string,
  ref: string,
  markdown: string,
  links: PreparedLink[] = [],
): Promise<PreparedDocument> {
  await jobWithItems(f.sql, tenantId, [ref]);
  // Items of other jobs may wait as well.
  const claimed = await claimItems(f.sql, { worker: "test", leaseSeconds: 60, lane: "inline", limit: 100 });
  const item = claimed.find((one) => one.tenantId === tenantId && one.externalRef === ref);
  const document = prepared(item!, markdown, links);
  const bytes = new TextEncoder().encode(markdown);
  const key = `${tenantId}/${document.sourceId}/${document.versionId}`;
  document.rawUri = (await f.objects.putNew("raw", `${key}/raw.bin`, bytes, "application/octet-stream")).uri;
  document.markdownUri = (await f.objects.putNew("markdown", `${key}/normalized.md`, bytes, "text/markdown")).uri;
  await swapIn(f.sql, [document], f.deps.embedder.model);
  return document;
}
