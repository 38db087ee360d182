/**
 * The key that seals the secrets of connections. Who brings a database brings SECRET_KEY too, since other machines must
 * have the same; in embedded mode everything lies in DATA_DIR, and so does a key that is made at the first start.
 */
import { randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { InputError } from "../errors.ts";

const LENGTH_MIN = 16;

/**
 * SECRET_KEY, or in embedded mode the content of DATA_DIR/secret.key, made (mode 0600) where it is missing. Null when
 * there is none. To be called by the holder of the lock on DATA_DIR. Throws InputError `config.invalid` for a damaged file.
 */
export async function ensureSecretKey(
  config: Pick<Config, "secretKey" | "dataDir" | "database">,
): Promise<string | null> {
  if (config.secretKey !== null || config.database.url !== null) return config.secretKey;
  const path = join(config.dataDir, "secret.key");
  try {
    const kept = (await readFile(path, "utf8")).trim();
    if (kept.length >= LENGTH_MIN) return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return make(path);
  }
  throw new InputError(
    "config.invalid",
    `${path} is damaged: restore it, or delete it and enter the secrets of connections again`,
  );
}

/** Under its name only when it is whole and on disk: secrets sealed by a key that a power cut takes are lost. */
async function make(path: string): Promise<string> {
  const key = randomBytes(32).toString("base64url");
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${key}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return key;
}
