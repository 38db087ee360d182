/** Writes docs/troubleshooting.md from the list of error codes: `bun test/docs/troubleshooting.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CODES } from "../../src/error_codes.ts";

export const TROUBLESHOOTING = join(import.meta.dir, "../../docs/troubleshooting.md");

const STAGES: Record<string, string> = {
  auth: "Tokens and rights",
  backup: "Backup and restore",
  cli: "Command line",
  config: "Configuration",
  connection: "Connections",
  connector: "Reading a source",
  console: "Console",
  convert: "Conversion to Markdown",
  data_dir: "DATA_DIR",
  database: "Database",
  document: "Documents",
  embeddings: "Embeddings",
  index: "Index",
  internal: "Defects",
  job: "Jobs",
  objects: "Object store",
  queue: "Queue",
  request: "Requests",
  schema: "Schema",
  tenant: "Tenants",
  token: "Tokens",
  upload: "Uploads",
};

const INTRO = `<!-- Generated from src/error_codes.ts by \`make docs\`; edit that, not this. -->

# Troubleshooting by error code

Each failure has a code: in the answer of the API (\`error.code\`), in the items of a job (\`sluice jobs JOB --items failed\`), in the
log (\`code\`) and in the metrics (\`sluice_items_settled_total{code}\`). Start with \`sluice doctor\`: it looks at everything the service
stands on and says what to do.

| Job ends with | |
| --- | --- |
| \`ITEMS_FAILED\` | Some items failed, the others are ingested. \`sluice jobs JOB --items failed\` lists them with their codes; \`--retry\` tries them again. |
| \`LISTING_INCOMPLETE\` | The source could not be listed to its end, so nothing was deleted. What was listed is ingested; sync again. |
| \`EMBEDDINGS_UNAVAILABLE\` | Everything is ingested and found by words; vectors follow by themselves when the endpoint answers. |

The number is the status of an HTTP answer that carries the code.
`;

/** The whole page. */
export function troubleshootingPage(): string {
  const byStage = Map.groupBy(Object.entries(CODES), ([code]) => code.split(".")[0]!);
  const sections = [...byStage].map(([stage, codes]) => {
    const rows = codes.map(
      ([code, { status, help }]) => `| \`${code}\` | ${status} | ${help.replaceAll("|", "\\|")} |`,
    );
    return `\n## ${STAGES[stage] ?? stage}\n\n| Code | | What to do |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  return INTRO + sections.join("");
}

if (import.meta.main) writeFileSync(TROUBLESHOOTING, troubleshootingPage());
