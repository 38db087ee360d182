/** What every object store must do; run against each kind. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import type { ObjectStore } from "../../src/store/objects.ts";

const text = (value: string) => new TextEncoder().encode(value);

/** `open` gives a store; `temp` a folder for source files. */
export function storeContract(open: () => ObjectStore, temp: () => string): void {
  const key = () => `t1/${crypto.randomUUID()}/${crypto.randomUUID()}/raw.bin`;

  test("what was put is read back by its URI", async () => {
    const put = await open().putNew("raw", key(), text("hello"), "text/plain");
    expect(put.created).toBe(true);
    expect(new TextDecoder().decode(await open().read(put.uri))).toBe("hello");
    expect(await open().exists(put.uri)).toBe(true);
  });

  test("an existing object is never overwritten", async () => {
    const at = key();
    const first = await open().putNew("markdown", at, text("first"), "text/markdown");
    const second = await open().putNew("markdown", at, text("second"), "text/markdown");
    expect(second).toEqual({ uri: first.uri, created: false });
    expect(new TextDecoder().decode(await open().read(first.uri))).toBe("first");
  });

  test("of many writers of one key exactly one creates it", async () => {
    const at = key();
    const bodies = Array.from({ length: 12 }, (_, i) => text(`writer ${i}`));
    const puts = await Promise.all(bodies.map((body) => open().putNew("raw", at, body, "text/plain")));
    expect(puts.filter((put) => put.created)).toHaveLength(1);
  });

  test("a file of several parts arrives byte for byte, and only once", async () => {
    const bytes = new Uint8Array(33 * 1024 * 1024 + 7);
    for (let i = 0; i < bytes.length; i += 1021) bytes[i] = i % 251;
    const file = `${temp()}/big.bin`;
    await writeFile(file, bytes);
    const at = key();
    const put = await open().putNew("raw", at, { file, size: bytes.length }, "application/octet-stream");
    expect(put.created).toBe(true);
    expect(Bun.SHA256.hash(await open().read(put.uri), "hex")).toBe(Bun.SHA256.hash(bytes, "hex"));
    expect((await open().putNew("raw", at, { file, size: bytes.length }, "application/octet-stream")).created).toBe(
      false,
    );
  }, 60_000);

  test("a listing shows what was put, with its size and time, and no longer what was removed", async () => {
    const [stays, goes] = [
      await open().putNew("raw", key(), text("stays"), "text/plain"),
      await open().putNew("raw", key(), text("goes"), "text/plain"),
    ];
    await open().remove(goes.uri);
    const listed = (await Array.fromAsync(open().list("raw"))).flat();
    const found = listed.find(({ uri }) => uri === stays.uri);
    expect(found).toMatchObject({ bytes: 5 });
    expect(Math.abs(found!.writtenAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(listed.some(({ uri }) => uri === goes.uri)).toBe(false);
  });

  test("an empty object is an object", async () => {
    const put = await open().putNew("raw", key(), new Uint8Array(0), "text/plain");
    expect((await open().read(put.uri)).byteLength).toBe(0);
    const streamed = await open().stream(put.uri);
    expect(await new Response(streamed.body).text()).toBe("");
  });

  test("a stream names its size, and may be left after its first piece", async () => {
    const bytes = new Uint8Array(3 * 1024 * 1024).fill(7);
    const put = await open().putNew("raw", key(), bytes, "text/plain");
    const whole = await open().stream(put.uri);
    expect(whole.size).toBe(bytes.length);
    expect((await new Response(whole.body).bytes()).length).toBe(bytes.length);
    for (let i = 0; i < 300; i++) {
      const reader = (await open().stream(put.uri)).body.getReader();
      await reader.read();
      await reader.cancel();
    }
  }, 60_000);

  test("a read stops at its limit", async () => {
    const put = await open().putNew("raw", key(), new Uint8Array(2000), "text/plain");
    await expect(open().read(put.uri, 1999)).rejects.toMatchObject({ code: "objects.too_large" });
    expect((await open().read(put.uri, 2000)).length).toBe(2000);
  });

  test("a missing object is a permanent error with a code, and removing it is none", async () => {
    const uri = open().uriOf("raw", key());
    await expect(open().read(uri)).rejects.toMatchObject({ code: "objects.not_found", fate: "permanent" });
    await expect(open().stream(uri)).rejects.toMatchObject({ code: "objects.not_found" });
    expect(await open().exists(uri)).toBe(false);
    await open().remove(uri);
  });

  test("a removed object is gone", async () => {
    const put = await open().putNew("raw", key(), text("x"), "text/plain");
    await open().remove(put.uri);
    expect(await open().exists(put.uri)).toBe(false);
  });

  test("keys that would leave the bucket are refused", async () => {
    for (const bad of ["", "/etc/passwd", "a/../b", "../x", "a//b", "a/./b", "a\0b", "a/b/", "a\\b", "ü"]) {
      await expect(open().putNew("raw", bad, text("x"), "text/plain")).rejects.toMatchObject({
        code: "objects.bad_key",
      });
    }
  });

  test("a URI of an unknown scheme names the scheme, not the URI", async () => {
    await expect(open().read("gs://secret-bucket/key")).rejects.toMatchObject({ code: "objects.unknown_scheme" });
  });

  test("the check of a working store has no failure", async () => {
    const results = await open().check();
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter((result) => result.status === "fail")).toEqual([]);
  });
}
