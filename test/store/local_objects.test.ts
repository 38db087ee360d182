import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { manifestKey, markdownKey, rawKey } from "../../src/store/keys.ts";
import { LocalObjects } from "../../src/store/local_objects.ts";
import { openObjectStore } from "../../src/store/objects.ts";
import { storeContract } from "./store_contract.ts";

let temp: string;
let root: string;
let store: LocalObjects;
beforeAll(async () => {
  temp = await mkdtemp(path.join(tmpdir(), "objects-"));
  root = path.join(temp, "objects");
  store = new LocalObjects(root);
});
afterAll(async () => {
  await rm(temp, { recursive: true, force: true });
});

const body = new TextEncoder().encode("body");

describe("local objects", () => {
  storeContract(
    () => store,
    () => temp,
  );

  test("the layout on disk is the bucket and the key, and the folder can be moved", async () => {
    const at = path.join(temp, "first");
    const put = await new LocalObjects(at).putNew("raw", "t/s/v/raw.bin", body, "text/plain");
    expect(put.uri).toBe("local://raw/t/s/v/raw.bin");
    expect(await readFile(path.join(at, "raw/t/s/v/raw.bin"), "utf8")).toBe("body");
    await rename(at, path.join(temp, "second"));
    expect(await new LocalObjects(path.join(temp, "second")).read(put.uri)).toEqual(body);
  });

  test("no temporary file stays behind, whether a put succeeds or fails", async () => {
    await store.putNew("raw", "a/b", body, "text/plain");
    const missing = { file: path.join(temp, "missing"), size: 1 };
    await expect(store.putNew("raw", "a/c", missing, "text/plain")).rejects.toMatchObject({ code: "objects.disk" });
    expect(await readdir(path.join(root, ".tmp"))).toEqual([]);
  });

  test("a file whose size is not the one announced is not stored", async () => {
    const file = path.join(temp, "grown");
    await Bun.write(file, "12345");
    await expect(store.putNew("raw", "a/grown", { file, size: 4 }, "")).rejects.toMatchObject({ fate: "transient" });
    expect(await store.exists("local://raw/a/grown")).toBe(false);
  });

  test("a stored file does not change with the file it came from", async () => {
    const file = path.join(temp, "source");
    await Bun.write(file, "before");
    const put = await store.putNew("raw", "a/source", { file, size: 6 }, "text/plain");
    await Bun.write(file, "after!");
    expect(new TextDecoder().decode(await store.read(put.uri))).toBe("before");
  });

  test("folders that vanish under the store are made again", async () => {
    await store.putNew("raw", "x/y/1", body, "text/plain");
    await rm(path.join(root, "raw", "x"), { recursive: true });
    expect((await store.putNew("raw", "x/y/2", body, "text/plain")).created).toBe(true);
  });

  test("a durable store syncs and stores the same", async () => {
    const durable = new LocalObjects(path.join(temp, "durable"), { durable: true });
    const put = await durable.putNew("raw", "t/s/v/raw.bin", body, "text/plain");
    expect(await durable.read(put.uri)).toEqual(body);
  });

  test.skipIf(process.getuid?.() === 0)("a folder without write permission fails the check with advice", async () => {
    const locked = path.join(temp, "locked");
    await new LocalObjects(locked).createBuckets();
    await chmod(locked, 0o500);
    expect(await new LocalObjects(locked).check()).toMatchObject([{ status: "fail" }]);
  });

  test("the factory opens it without loading the S3 SDK", async () => {
    const script = `const { openObjectStore } = await import(${JSON.stringify(path.resolve(import.meta.dir, "../../src/store/objects.ts"))});
      await openObjectStore({ kind: "local", root: ${JSON.stringify(root)} });
      console.log(Object.keys(require.cache).filter((file) => file.includes("aws-sdk")).length);`;
    const run = Bun.spawnSync([process.execPath, "-e", script]);
    expect(run.stdout.toString().trim()).toBe("0");
    expect((await openObjectStore({ kind: "local", root })).uriOf("raw", "k")).toBe("local://raw/k");
  });
});

describe("object keys", () => {
  const ids = { tenantId: "acme", sourceId: "5f1d", sourceVersionId: "9a2e" };

  test("follow the documented layout", () => {
    expect(rawKey(ids)).toBe("acme/5f1d/9a2e/raw.bin");
    expect(markdownKey(ids)).toBe("acme/5f1d/9a2e/normalized.md");
    expect(manifestKey(ids)).toBe("acme/5f1d/9a2e/artifacts/ingestion.json");
  });

  test("no tenant id leaves its folder, and no two share one", () => {
    const keys = ["..", ".", "a/b", "a%2Fb", "ü", "a b"].map((tenantId) => rawKey({ ...ids, tenantId }));
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) {
      expect(key.split("/")).toHaveLength(4);
      expect(() => store.uriOf("raw", key)).not.toThrow();
    }
  });
});
