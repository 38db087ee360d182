/** Data directories and helpers for tests of the embedded database. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedDatabase, type EmbeddedOptions, startEmbedded } from "../../src/db/embedded/embedded.ts";

export const spawnThread = () => new Worker(new URL("../../src/db/embedded/thread.ts", import.meta.url).href);

let root: string | undefined;
let copies = 0;

/** A path in the folder of this test file; nothing is there yet. */
export function freshDir(name = "data"): string {
  root ??= mkdtempSync(join(tmpdir(), "sluice-embedded-test-"));
  copies += 1;
  return join(root, `${name}-${copies}`);
}

/** For `afterAll`, once the databases are stopped: removes every directory of this test file. */
export function removeDirs(): void {
  if (root) rmSync(root, { recursive: true, force: true });
  root = undefined;
}

/** A data directory with an empty database in it, closed. */
export async function preparedDir(dataDir = freshDir()): Promise<string> {
  const database = await startEmbedded({ dataDir, spawnThread, durable: false });
  await database.stop();
  return dataDir;
}

/** A running database in a directory of its own. */
export function startFresh(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedDatabase> {
  return startEmbedded({ dataDir: freshDir(), spawnThread, durable: false, ...options });
}

/** What the promise rejects with. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error("expected it to fail");
}
