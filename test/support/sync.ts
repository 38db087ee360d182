/** A worker in this thread, for tests of whole syncs: database, local objects, built-in embeddings, no API. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import type { Sql } from "postgres";
import { readConfig } from "../../src/config.ts";
import { convertDocument } from "../../src/convert/convert.ts";
import { createEmbedder } from "../../src/embed/provider.ts";
import { Batcher } from "../../src/pipeline/batch.ts";
import { connectorCache } from "../../src/pipeline/connectors.ts";
import type { IngestContext } from "../../src/pipeline/context.ts";
import { embedDocuments } from "../../src/pipeline/embed.ts";
import { swapBatch } from "../../src/pipeline/swap.ts";
import { enqueueJob } from "../../src/queue/enqueue.ts";
import type { ClosedJob, SyncPayload } from "../../src/queue/job.ts";
import { Wake } from "../../src/queue/wake.ts";
import { confirmCurrent } from "../../src/store/confirm_current.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { openObjectStore } from "../../src/store/objects.ts";
import { createSecretBox } from "../../src/store/secrets.ts";
import { WorkerLoop } from "../../src/worker/loop.ts";
import { emptyDatabase, newTenant } from "./database.ts";

const SECRET_KEY = "a secret key for tests only";

export interface SyncBench {
  sql: Sql;
  tenantId: string;
  connect(config: Record<string, unknown>, secrets: Record<string, string>): Promise<string>;
  /** Runs a sync to its end. */
  sync(payload?: Partial<SyncPayload>): Promise<{ job: ClosedJob; result: Record<string, unknown> }>;
  /** The items of the last sync by external ref. */
  items(): Promise<Map<string, { item_status: string; error_code: string | null; error_message: string | null }>>;
  /** Titles of the documents that search would find. */
  titles(): Promise<string[]>;
  close(): Promise<void>;
}

export async function startSyncBench(env: Record<string, string> = {}): Promise<SyncBench> {
  const { sql, runtime } = await emptyDatabase();
  const dir = mkdtempSync(join(tmpdir(), "sluice-sync-"));
  const config = readConfig("info", { DATA_DIR: dir, SECRET_KEY, CONFLUENCE_ALLOW_PRIVATE_NETWORK: "true", ...env });
  const tenantId = await newTenant(sql);
  const closed = new Map<string, (job: ClosedJob) => void>();
  const write = (line: string) => {
    const entry = JSON.parse(line) as ClosedJob & { event?: string };
    if (entry.event === "sync_summary") closed.get(entry.job_id)?.(entry);
  };
  const objects = await openObjectStore(config.objects);
  const embedder = createEmbedder(config.embeddings);
  const log = pino({ level: "info" }, { write });
  const context: IngestContext = {
    config,
    sql: runtime,
    objects,
    embedder,
    log,
    connectorOf: connectorCache(config, runtime, objects, []),
    convert: (request) => convertDocument(request),
    confirm: new Batcher((claims) => confirmCurrent(runtime, claims), {
      max: 64,
      keyOf: (claim) => claim.tenantId,
      concurrency: 1,
    }),
    swap: new Batcher((documents) => swapBatch(runtime, documents, embedder.model), {
      max: 64,
      keyOf: (document) => document.tenantId,
      concurrency: 1,
    }),
    embed: new Batcher((requests) => embedDocuments(requests, embedder, runtime, log), {
      max: 64,
      keyOf: (request) => request.document.tenantId,
      concurrency: 1,
    }),
  };
  const wake = new Wake(null);
  const loop = new WorkerLoop(context, wake, "test");
  const running = loop.run();
  let lastJob = "";
  return {
    sql,
    tenantId,
    async connect(connection, secrets) {
      const name = `connection ${Bun.randomUUIDv7()}`;
      const row = await insertConnection(sql, {
        tenantId,
        sourceType: "CONFLUENCE_PAGE",
        name,
        config: connection as Parameters<typeof insertConnection>[1]["config"],
        secrets: null,
      });
      const sealed = createSecretBox(SECRET_KEY).seal(row!.connectionId, secrets);
      await sql`UPDATE connections SET secrets = ${sealed} WHERE connection_id = ${row!.connectionId}`;
      return row!.connectionId;
    },
    async sync(payload = {}) {
      lastJob = await enqueueJob(sql, {
        tenantId,
        jobType: "sync",
        payload: {
          source_types: ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"],
          connection_id: null,
          force_reindex: false,
          confirm_deletions: false,
          ...payload,
        },
        requestedBy: "test",
        correlationId: "test",
      });
      const { promise, resolve } = Promise.withResolvers<ClosedJob>();
      closed.set(lastJob, resolve);
      wake.ring();
      const job = await promise;
      const [row] = await sql`SELECT result_json FROM ingest_jobs WHERE job_id = ${lastJob}`;
      return { job, result: row!.result_json };
    },
    async items() {
      const rows = await sql`SELECT * FROM ingest_items WHERE job_id = ${lastJob}`;
      return new Map(rows.map((row) => [row.external_ref as string, row as never]));
    },
    async titles() {
      const rows = await sql`SELECT title FROM documents WHERE tenant_id = ${tenantId} AND NOT hidden ORDER BY title`;
      return rows.map((row) => row.title as string);
    },
    async close() {
      loop.stop(1000);
      await running;
      wake.close();
      await objects.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
