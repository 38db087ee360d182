/** What every connector must do, whatever it reads from; run against each kind. */
import { expect, test } from "bun:test";
import type { Connector, Descriptor, DescriptorPage, Listing } from "../../src/connector/connector.ts";

/** A connector with a source behind it that the suite may change. */
export interface Subject {
  connector(): Connector;
  /** Writes sources by relative name; replaces what is there. */
  write(files: Record<string, string | Uint8Array>): Promise<void>;
  remove(name: string): Promise<void>;
  /** The descriptors as the pipeline would get them, by relative name. */
  descriptors(): Promise<Map<string, Descriptor>>;
}

export const signal = new AbortController().signal;

/** Reads a listing to its end. */
export async function listed(listing: Listing) {
  const pages: DescriptorPage[] = [];
  for await (const page of listing.pages) pages.push(page);
  return {
    pages,
    descriptors: pages.flatMap((page) => page.descriptors),
    failures: pages.flatMap((page) => page.failures),
    ignored: pages.reduce((sum, page) => sum + page.ignored, 0),
    outcome: listing.outcome(),
  };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** For connectors with and without a listing. */
export function fetchConformance(subject: () => Subject): void {
  test("fetch gives the bytes of the descriptor", async () => {
    await subject().write({ "fetch me.md": "# Hä?\n" });
    const descriptor = (await subject().descriptors()).get("fetch me.md")!;
    const fetched = await subject().connector().fetch(descriptor, { signal, maxBytes: 100 });
    expect(text(fetched.bytes)).toBe("# Hä?\n");
    expect(fetched.name).toBe("fetch me.md");
  });

  test("a descriptor survives a round through JSON", async () => {
    await subject().write({ "json.md": "json" });
    const descriptor = (await subject().descriptors()).get("json.md")!;
    expect(JSON.parse(JSON.stringify(descriptor))).toEqual(descriptor);
    const fetched = await subject()
      .connector()
      .fetch(JSON.parse(JSON.stringify(descriptor)), { signal, maxBytes: 100 });
    expect(text(fetched.bytes)).toBe("json");
  });

  test("the byte limit holds exactly", async () => {
    await subject().write({ "limit.md": "x".repeat(100) });
    const descriptor = (await subject().descriptors()).get("limit.md")!;
    const fetch = (maxBytes: number) =>
      subject()
        .connector()
        .fetch({ ...descriptor, size: 1 }, { signal, maxBytes });
    expect((await fetch(100)).bytes.byteLength).toBe(100);
    await expect(fetch(99)).rejects.toMatchObject({ code: "connector.too_large", fate: "permanent" });
  });

  test("an empty source is fetched as empty", async () => {
    await subject().write({ "empty.md": "" });
    const descriptor = (await subject().descriptors()).get("empty.md")!;
    expect((await subject().connector().fetch(descriptor, { signal, maxBytes: 10 })).bytes.byteLength).toBe(0);
  });

  test("a source that vanished is gone for good", async () => {
    await subject().write({ "vanishing.md": "now you see me" });
    const descriptor = (await subject().descriptors()).get("vanishing.md")!;
    await subject().remove("vanishing.md");
    const fetched = subject().connector().fetch(descriptor, { signal, maxBytes: 100 });
    await expect(fetched).rejects.toMatchObject({ code: "connector.gone", fate: "permanent" });
  });

  test("a descriptor of another connector is refused, not followed", async () => {
    await subject().write({ "other.md": "other" });
    const descriptor = (await subject().descriptors()).get("other.md")!;
    const foreign = { ...descriptor, locator: {} };
    await expect(subject().connector().fetch(foreign, { signal, maxBytes: 100 })).rejects.toMatchObject({
      code: "connector.gone",
    });
  });

  test("an aborted fetch throws", async () => {
    await subject().write({ "abort.md": "abort" });
    const descriptor = (await subject().descriptors()).get("abort.md")!;
    const aborted = AbortSignal.abort(new Error("stop"));
    await expect(subject().connector().fetch(descriptor, { signal: aborted, maxBytes: 100 })).rejects.toThrow("stop");
  });
}

export function listConformance(subject: () => Subject): void {
  test("every source is listed once, with a stable ref, and the listing proves itself complete", async () => {
    const names = ["a.md", "b/c.md", "b/d e.txt", "ü/x.html", "z+%20.md"];
    await subject().write(Object.fromEntries(names.map((name) => [name, name])));
    const first = await listed(subject().connector().list({ signal }));
    const second = await listed(subject().connector().list({ signal }));
    const refs = first.descriptors.map((descriptor) => descriptor.externalRef);
    expect(new Set(refs).size).toBe(refs.length);
    expect(names.every((name) => refs.some((ref) => ref.endsWith(`/${name}`)))).toBe(true);
    expect(second.descriptors).toEqual(first.descriptors);
    expect(first.outcome).toEqual({ listingComplete: true });
  });

  test("before its end a listing does not call itself complete", async () => {
    await subject().write({ "early.md": "early" });
    const listing = subject().connector().list({ signal });
    expect(listing.outcome().listingComplete).toBe(false);
    for await (const _ of listing.pages) expect(listing.outcome().listingComplete).toBe(false);
    expect(listing.outcome().listingComplete).toBe(true);
  });

  test("a listing that is left or aborted is not complete", async () => {
    await subject().write(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`many/${i}.md`, "m"])));
    const left = subject().connector().list({ signal, pageSize: 10 });
    for await (const _ of left.pages) break;
    expect(left.outcome().listingComplete).toBe(false);
    const stop = new AbortController();
    const aborted = subject().connector().list({ signal: stop.signal, pageSize: 10 });
    const read = async () => {
      for await (const _ of aborted.pages) stop.abort(new Error("stop"));
    };
    await expect(read()).rejects.toThrow("stop");
    expect(aborted.outcome().listingComplete).toBe(false);
  });

  test("small pages give the same descriptors as large ones", async () => {
    await subject().write(Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`pages/${i}.md`, "p"])));
    const small = await listed(subject().connector().list({ signal, pageSize: 7 }));
    const large = await listed(subject().connector().list({ signal }));
    expect(small.pages.length).toBeGreaterThan(1);
    expect(small.descriptors).toEqual(large.descriptors);
  });

  test("the fingerprint changes with the content and with nothing else", async () => {
    await subject().write({ "same.md": "same", "edited.md": "before" });
    const before = await subject().descriptors();
    await subject().write({ "edited.md": "after, and longer" });
    const after = await subject().descriptors();
    expect(after.get("same.md")!.fingerprint).toBe(before.get("same.md")!.fingerprint);
    expect(after.get("edited.md")!.fingerprint).not.toBe(before.get("edited.md")!.fingerprint);
    expect(after.get("edited.md")!.externalRef).toBe(before.get("edited.md")!.externalRef);
  });

  test("a source that changed since it was listed is fetched as it is now", async () => {
    await subject().write({ "moving.md": "listed" });
    const descriptor = (await subject().descriptors()).get("moving.md")!;
    await subject().write({ "moving.md": "newer" });
    expect(text((await subject().connector().fetch(descriptor, { signal, maxBytes: 100 })).bytes)).toBe("newer");
  });

  test("other types and hidden files are counted as ignored", async () => {
    const before = await listed(subject().connector().list({ signal }));
    await subject().write({ "photo.jpg": "j", ".hidden.md": "h", "scan.PDF": "%PDF" });
    const after = await listed(subject().connector().list({ signal }));
    expect(after.ignored).toBe(before.ignored + 2);
    expect(after.descriptors.some((descriptor) => descriptor.name === "scan.PDF")).toBe(true);
  });
}
