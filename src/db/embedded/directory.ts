/** Where the embedded database lies within DATA_DIR; apart from the database itself, which takes long to load. */
import { existsSync } from "node:fs";
import { join } from "node:path";

export const databaseDirectory = (dataDir: string): string => join(dataDir, "postgres");

export const hasDatabase = (dataDir: string): boolean => existsSync(databaseDirectory(dataDir));
