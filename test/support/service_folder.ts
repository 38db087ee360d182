/** A running binary that syncs one folder of its own, for tests of what happens to its files. Embedded, one thread. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { client, type Service, scratch, serve } from "./binary.ts";

export interface ItemRow {
  external_ref: string;
  item_status: string;
  attempt: number;
  error_code: string | null;
  error_message: string | null;
}

export interface ServedFolder {
  /** Where its data lie. */
  home: string;
  service: Service;
  api: ReturnType<typeof client>;
  tenantId: string;
  write(name: string, content: string | Uint8Array): void;
  /** Asks for a sync; its job's id. */
  begin(more?: Record<string, unknown>): Promise<string>;
  /** Runs one to its end. */
  sync(more?: Record<string, unknown>): Promise<Record<string, unknown>>;
  items(jobId: unknown): Promise<ItemRow[]>;
}

/** `home`: of an earlier one, to go on with its data. */
export async function serveFolder(env: Record<string, string> = {}, home = scratch()): Promise<ServedFolder> {
  const root = join(home, "tree");
  mkdirSync(root, { recursive: true });
  const service = await serve(home, { FILE_CATALOG_ROOTS: root, WORKER_THREADS: "1", ...env });
  const kept = JSON.parse(readFileSync(join(home, ".sluice/token.json"), "utf8")) as {
    tenant_id: string;
    token: string;
  };
  const api = client(service.url, kept.token);
  const tenantId = kept.tenant_id;
  await api.call("POST", "/v1/connections", {
    ...{ tenant_id: tenantId, source_type: "FILE_CATALOG_OBJECT", name: "tree" },
    config: { kind: "directory", root },
  });
  const begin = async (more: Record<string, unknown> = {}): Promise<string> => {
    const wanted = { tenant_id: tenantId, source_types: ["FILE_CATALOG_OBJECT"], connection: "tree", ...more };
    return String((await api.call("POST", "/v1/ingest/sources/sync", wanted)).json["job_id"]);
  };
  return {
    ...{ home, service, api, tenantId, begin },
    write: (name, content) => writeFileSync(join(root, name), content),
    sync: async (more) => api.finished(await begin(more)),
    async items(jobId) {
      return (await api.call("GET", `/v1/jobs/${jobId}/items?limit=200`)).json["items"] as ItemRow[];
    },
  };
}
