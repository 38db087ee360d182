/** What `doctor` wants to know of a database server. */
import type { Sql } from "postgres";

export interface ServerFacts {
  version: string;
  /** As in server_version_num: 170002 is 17.2. */
  versionNumber: number;
  vectorInstalled: string | null;
  vectorAvailable: string | null;
  /** The server's clock minus this machine's. */
  clockSkewSeconds: number;
  mayCreate: boolean;
}

/** One statement; throws what the driver throws. */
export async function serverFacts(sql: Sql): Promise<ServerFacts> {
  const [facts] = await sql<ServerFacts[]>`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS "versionNumber",
      (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS "vectorInstalled",
      (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS "vectorAvailable",
      extract(epoch FROM clock_timestamp())::float8 - ${Date.now() / 1000}::float8 AS "clockSkewSeconds",
      has_schema_privilege(current_schema(), 'CREATE') AS "mayCreate"`;
  return facts!;
}
