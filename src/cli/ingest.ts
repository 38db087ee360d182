/** `sluice ingest DIR`: the whole system in one command. Exit code 0 only if the job is done. */
import { realpath, stat } from "node:fs/promises";
import type { Config } from "../config.ts";
import { InputError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Api, openApi } from "./api.ts";
import { followJob, ledgerJson, sayLedger } from "./follow_job.ts";
import type { Launch } from "./launch.ts";
import { EXIT, printJson, say } from "./terminal.ts";

export interface IngestOptions {
  json: boolean;
  force: boolean;
  include: string[];
  exclude: string[];
  confirmDeletions: boolean;
}

const SOURCE_TYPE = "FILE_CATALOG_OBJECT";

/** Syncs the folder through its own connection, follows the job and prints the ledger. */
export async function ingest(
  folder: string,
  options: IngestOptions,
  config: Config,
  launch: Launch,
  log: Log,
): Promise<number> {
  const root = await folderOf(folder);
  const api = await openApi(config, launch, log, { workers: true, extraRoots: [root] });
  try {
    const connectionId = await connectionFor(api, root, options);
    const { job_id } = await api.call<{ job_id: string }>("POST", "/v1/ingest/sources/sync", {
      tenant_id: api.tenantId,
      source_types: [SOURCE_TYPE],
      connection: connectionId,
      force_reindex: options.force,
      confirm_deletions: options.confirmDeletions,
    });
    if (!options.json) say(`Ingesting ${root}`);
    const job = await followJob(api, job_id, options.json);
    if (options.json) printJson(ledgerJson(job));
    else await sayLedger(api, job);
    return job.job_status === "done" ? EXIT.ok : EXIT.failed;
  } finally {
    await api.close();
  }
}

async function folderOf(folder: string): Promise<string> {
  const root = await realpath(folder).catch(() => null);
  if (root === null) throw new InputError("connector.root_missing", `there is no folder ${folder}`);
  if (!(await stat(root)).isDirectory())
    throw new InputError(
      "connector.root_missing",
      `${folder} is not a folder; to send single files use: sluice upload FILE…`,
    );
  return root;
}

interface ConnectionAnswer {
  connection_id: string;
  name: string;
  config: { root?: string; include?: string[]; exclude?: string[] };
}

/** One connection for each folder, made at its first ingest; its globs follow the command line. */
async function connectionFor(api: Api, root: string, options: IngestOptions): Promise<string> {
  const config = {
    kind: "directory",
    root,
    ...(options.include.length > 0 ? { include: options.include } : {}),
    ...(options.exclude.length > 0 ? { exclude: options.exclude } : {}),
  };
  let cursor: string | null = null;
  do {
    const page: { connections: ConnectionAnswer[]; next_cursor: string | null } = await api.call(
      "GET",
      `/v1/connections?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
    );
    const found = page.connections.find((connection) => connection.config.root === root);
    if (found) {
      const given = (c: { include?: string[]; exclude?: string[] }) =>
        JSON.stringify([c.include ?? [], c.exclude ?? []]);
      if (given(found.config) !== given(config))
        await api.call("PATCH", `/v1/connections/${found.connection_id}`, { config });
      return found.connection_id;
    }
    cursor = page.next_cursor;
  } while (cursor);
  const created = await api.call<ConnectionAnswer>("POST", "/v1/connections", {
    tenant_id: api.tenantId,
    source_type: SOURCE_TYPE,
    name: root.slice(-200),
    config,
  });
  return created.connection_id;
}
