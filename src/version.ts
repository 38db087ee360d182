/** What `sluice version` prints. The commit is written in by the build; a run from sources has none. */
import packageJson from "../package.json" with { type: "json" };
import { SCHEMA_VERSION } from "./db/migrations.ts";

declare const SLUICE_COMMIT: string | undefined;

export const VERSION = {
  version: packageJson.version,
  commit: typeof SLUICE_COMMIT === "string" ? SLUICE_COMMIT : "source",
  bun: Bun.version,
  schema: SCHEMA_VERSION,
};
