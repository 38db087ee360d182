/**
 * The list of migrations, embedded into the executable by static text imports (a folder cannot be listed inside a
 * compiled binary). Up only; a released file never changes: its checksum is compared with the database's record.
 */
import sql0001 from "../../sql/0001_tenancy.sql" with { type: "text" };
import sql0002 from "../../sql/0002_queue.sql" with { type: "text" };
import sql0003 from "../../sql/0003_sources.sql" with { type: "text" };
import sql0004 from "../../sql/0004_documents.sql" with { type: "text" };
import sql0005 from "../../sql/0005_lexical_statistics.sql" with { type: "text" };
import sql0006 from "../../sql/0006_confluence.sql" with { type: "text" };
import sql0007 from "../../sql/0007_console.sql" with { type: "text" };
import sql0008 from "../../sql/0008_tenant_scope.sql" with { type: "text" };
import sql0009 from "../../sql/0009_automation.sql" with { type: "text" };
import sql0010 from "../../sql/0010_link_targets.sql" with { type: "text" };
import sql0011 from "../../sql/0011_quarantine.sql" with { type: "text" };

export interface Migration {
  version: number;
  name: string;
  text: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: "0001_tenancy", text: sql0001 },
  { version: 2, name: "0002_queue", text: sql0002 },
  { version: 3, name: "0003_sources", text: sql0003 },
  { version: 4, name: "0004_documents", text: sql0004 },
  { version: 5, name: "0005_lexical_statistics", text: sql0005 },
  { version: 6, name: "0006_confluence", text: sql0006 },
  { version: 7, name: "0007_console", text: sql0007 },
  { version: 8, name: "0008_tenant_scope", text: sql0008 },
  { version: 9, name: "0009_automation", text: sql0009 },
  { version: 10, name: "0010_link_targets", text: sql0010 },
  { version: 11, name: "0011_quarantine", text: sql0011 },
];

/** The schema this binary works with. */
export const SCHEMA_VERSION = Math.max(...MIGRATIONS.map((migration) => migration.version));
