/** The claim loop against a real database: what it does when its claim is taken away. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import type { Connector } from "../../src/connector/connector.ts";
import { convertDocument } from "../../src/convert/convert.ts";
import { HashEmbedder } from "../../src/embed/hash.ts";
import { createLog } from "../../src/log.ts";
import { Batcher } from "../../src/pipeline/batch.ts";
import type { IngestContext } from "../../src/pipeline/context.ts";
import { embedDocuments } from "../../src/pipeline/embed.ts";
import { swapBatch } from "../../src/pipeline/swap.ts";
import { Wake } from "../../src/queue/wake.ts";
import { confirmCurrent } from "../../src/store/confirm_current.ts";
import { openObjectStore } from "../../src/store/objects.ts";
import { WorkerLoop } from "../../src/worker/loop.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { itemRows, jobWithItems } from "../support/queue.ts";

let sql: Sql;
let tenantId: string;
let stop: () => Promise<void>;
/** By external ref: what a fetch waits for, and whether its signal fired. */
const held = new Map<string, { begun: () => void; aborted: () => void; reason?: unknown }>();

beforeEach(async () => {
  ({ sql } = await emptyDatabase());
  tenantId = await newTenant(sql);
  const dir = mkdtempSync(join(tmpdir(), "sluice-loop-"));
  const config = readConfig("silent", { DATA_DIR: dir, HEARTBEAT_SECONDS: "1", LEASE_SECONDS: "60" });
  const objects = await openObjectStore(config.objects);
  const embedder = new HashEmbedder();
  const log = createLog("silent");
  const fetch: Connector["fetch"] = async (descriptor, { signal }) => {
    const one = held.get(descriptor.externalRef);
    if (one) {
      one.begun();
      await new Promise<void>((_, reject) =>
        signal.addEventListener("abort", () => {
          one.reason = signal.reason;
          one.aborted();
          reject(signal.reason);
        }),
      );
    }
    return { bytes: new TextEncoder().encode("# text"), name: descriptor.name, mediaType: "text/markdown" };
  };
  const context: IngestContext = {
    ...{ config, sql, objects, embedder, log },
    connectorOf: async () => ({ fetch }) as unknown as Connector,
    convert: (request) => convertDocument(request),
    confirm: new Batcher((claims) => confirmCurrent(sql, claims), { max: 8, keyOf: () => "", concurrency: 1 }),
    swap: new Batcher((documents) => swapBatch(sql, documents, "hash"), { max: 8, keyOf: () => "", concurrency: 1 }),
    embed: new Batcher((requests) => embedDocuments(requests, embedder, sql, log), {
      ...{ max: 8, keyOf: () => "", concurrency: 1 },
    }),
  };
  const wake = new Wake(null);
  const loop = new WorkerLoop(context, wake, "first");
  const running = loop.run();
  stop = async () => {
    loop.stop(0);
    await running;
    wake.close();
    await objects.close();
    rmSync(dir, { recursive: true, force: true });
  };
});
afterEach(() => stop());

test("whoever has lost its lease hears of it by the next heartbeat, stops, and settles nothing", async () => {
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  held.set("file:///lost", { begun: begun.resolve, aborted: aborted.resolve });
  const jobId = await jobWithItems(sql, tenantId, ["file:///lost", "file:///other"]);
  await begun.promise;
  // Another worker claims the row, as it may once the lease has run out.
  await sql`
    UPDATE ingest_items SET run_lease = nextval('run_leases'), leased_by = 'second', attempt = attempt + 1
    WHERE job_id = ${jobId} AND external_ref = 'file:///lost'`;
  await aborted.promise;
  expect(String(held.get("file:///lost")!.reason)).toContain("lost");
  await stop();
  stop = async () => {};
  const [lost, other] = await itemRows(sql, jobId);
  expect(lost).toMatchObject({ item_status: "running", leased_by: "second", attempt: 2, error_code: null });
  expect(other).toMatchObject({ item_status: "ingested" });
}, 30_000);
