/** Puts a version of a document in place with its objects, as the pipeline would. */
import { type ClaimedItem, claimItems } from "../../src/queue/claim_items.ts";
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
  const [item] = await claimOf(f, await jobWithItems(f.sql, tenantId, [ref]), 1);
  const document = prepared(item!, markdown, links);
  const bytes = new TextEncoder().encode(markdown);
  const key = `${tenantId}/${document.sourceId}/${document.versionId}`;
  document.rawUri = (await f.objects.putNew("raw", `${key}/raw.bin`, bytes, "application/octet-stream")).uri;
  document.markdownUri = (await f.objects.putNew("markdown", `${key}/normalized.md`, bytes, "text/markdown")).uri;
  await swapIn(f.sql, [document], f.deps.embedder.model);
  return document;
}

/** Claims so many items of the job, whatever else waits beside it. */
export async function claimOf(f: Fixture, jobId: string, count: number): Promise<ClaimedItem[]> {
  const own: ClaimedItem[] = [];
  while (own.length < count) {
    const claimed = await claimItems(f.sql, { worker: "test", leaseSeconds: 60, lane: "inline", limit: 100 });
    if (claimed.length === 0) throw new Error(`the job ${jobId} has no more items`);
    own.push(...claimed.filter((item) => item.jobId === jobId));
  }
  return own;
}
