/** Puts jobs and items into the queue for tests, with as little said as each test needs. */
import type { Sql } from "postgres";
import type { Descriptor } from "../../src/connector/connector.ts";
import { enqueueItems, enqueueJob, type NewItem } from "../../src/queue/enqueue.ts";
import { sourceIdOf } from "../../src/store/ids.ts";

export const descriptorOf = (externalRef: string, fingerprint = "1"): Descriptor => ({
  sourceType: "FILE_CATALOG_OBJECT",
  externalRef,
  fingerprint,
  modifiedAt: null,
  size: null,
  name: externalRef.split("/").at(-1) ?? externalRef,
  title: null,
  url: null,
  mediaType: null,
  locator: {},
});

export const itemOf = (tenantId: string, externalRef: string, more: Partial<NewItem> = {}): NewItem => ({
  sourceId: sourceIdOf(tenantId, "FILE_CATALOG_OBJECT", externalRef),
  connectionId: null,
  sourceType: "FILE_CATALOG_OBJECT",
  externalRef,
  descriptor: JSON.stringify(descriptorOf(externalRef)),
  lane: "inline",
  ...more,
});

/** A job whose listing is over, with one item for each ref. */
export async function jobWithItems(sql: Sql, tenantId: string, refs: string[]): Promise<string> {
  const jobId = await enqueueJob(sql, {
    tenantId,
    jobType: "upload",
    payload: {},
    requestedBy: "test",
    correlationId: "test",
  });
  await enqueueItems(
    sql,
    { tenantId, jobId },
    refs.map((ref) => itemOf(tenantId, ref)),
    0,
  );
  return jobId;
}

export const jobRow = async (sql: Sql, jobId: string) =>
  (await sql`SELECT * FROM ingest_jobs WHERE job_id = ${jobId}`)[0]!;
export const itemRows = (sql: Sql, jobId: string) =>
  sql`SELECT * FROM ingest_items WHERE job_id = ${jobId} ORDER BY item_id`;
