/** What a job is called: by what was asked for, since its id says nothing to a person. */
/** @jsxImportSource hono/jsx */
import type { Sql } from "postgres";
import { listConnections } from "../store/connections.ts";
import type { JobRow } from "../store/jobs.ts";
import { plural, SOURCE_NAMES } from "./format.ts";

const CONNECTIONS_MAX = 500;
const FILES_NAMED = 2;

/** Names of a tenant's connections by id. */
export async function connectionNames(sql: Sql, tenantId: string): Promise<Map<string, string>> {
  const rows = await listConnections(sql, tenantId, CONNECTIONS_MAX, null);
  return new Map(rows.map((row) => [row.connectionId, row.name]));
}

/** `Sync of handbook`, `Upload of report.pdf`. */
export function nameJob(job: JobRow, connections: Map<string, string>): string {
  const payload = job.job_payload_json;
  if (job.job_type === "upload") return `Upload of ${filesOf(payload.files)}`;
  const { connection_id: id, source_types: types } = payload;
  if (typeof id === "string") return `Sync of ${connections.get(id) ?? "a deleted connection"}`;
  const named = Array.isArray(types) ? types.map((type) => SOURCE_NAMES[String(type)] ?? String(type)) : [];
  return `Sync of all connections (${named.join(", ")})`;
}

function filesOf(files: unknown): string {
  if (!Array.isArray(files)) return "files";
  const names = files.map((file: unknown) =>
    typeof file === "object" && file !== null && "name" in file ? String(file.name) : "a file",
  );
  const rest = names.length - FILES_NAMED;
  return names.slice(0, FILES_NAMED).join(", ") + (rest > 0 ? ` and ${plural(rest, "more", "more")}` : "");
}
