/**
 * Data directories for tests of the embedded database. Creating one takes seconds, so it is done once per run of the
 * tests and copied.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedDatabase, type EmbeddedOptions, startEmbedded } from "../../src/db/embedded/embedded.ts";

export const spawnThread = () => new Worker(new URL("../../src/db/embedded/thread.ts", import.meta.url).href);

const root = mkdtempSync(join(tmpdir(), "sluice-embedded-test-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
let template: Promise<string> | undefined;
let copies = 0;

/** A path in the folder of this run; nothing is there yet. */
export function freshDir(name = "data"): string {
  copies += 1;
  return join(root, `${name}-${copies}`);
}

/** A data directory with an empty database in it. */
export async function preparedDir(): Promise<string> {
  template ??= (async () => {
    const directory = freshDir("template");
    const database = await startEmbedded({ dataDir: directory, spawnThread, durable: false });
    await database.stop();
    return directory;
  })();
  const copy = freshDir();
  cpSync(await template, copy, { recursive: true });
  return copy;
}

/** A running database in a directory of its own. */
export async function startPrepared(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedDatabase> {
  const dataDir = options.dataDir ?? (await preparedDir());
  return startEmbedded({ spawnThread, durable: false, ...options, dataDir });
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
