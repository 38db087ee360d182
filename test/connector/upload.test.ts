import { afterAll, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRegistry } from "../../src/connector/registry.ts";
import { describeUpload, UploadConnector } from "../../src/connector/upload.ts";
import { LocalObjects } from "../../src/store/local_objects.ts";
import { fetchConformance, listed, type Subject } from "./conformance.ts";

const temp = fs.mkdtempSync(path.join(tmpdir(), "upload-"));
const objects = new LocalObjects(path.join(temp, "objects"));
afterAll(() => fs.rmSync(temp, { recursive: true, force: true }));

const stored = new Map<string, ReturnType<typeof describeUpload>>();
const subject: Subject = {
  connector: () => new UploadConnector(objects),
  async write(files) {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const { uri } = await objects.putNew("raw", `t/${crypto.randomUUID()}`, bytes, "text/plain");
      const sha256 = Bun.SHA256.hash(bytes, "hex");
      const upload = {
        name,
        size: bytes.length,
        sha256,
        mediaType: "text/plain",
        rawUri: uri,
        uploadedAt: new Date(0),
      };
      stored.set(name, describeUpload(upload));
    }
  },
  async remove(name) {
    await objects.remove(String(stored.get(name)!.locator.raw_uri));
  },
  descriptors: async () => stored,
};

describe("the upload connector", () => {
  fetchConformance(() => subject);

  test("names the stored object, so that it is not stored twice", async () => {
    await subject.write({ "once.md": "once" });
    const descriptor = stored.get("once.md")!;
    const fetched = await subject.connector().fetch(descriptor, { signal: new AbortController().signal, maxBytes: 10 });
    expect(fetched.rawUri).toBe(String(descriptor.locator.raw_uri));
    expect(descriptor.externalRef).toBe("upload://once.md");
  });

  test("its listing is empty and never complete, so that nothing is deleted by it", async () => {
    const found = await listed(subject.connector().list({ signal: new AbortController().signal }));
    expect(found.descriptors).toEqual([]);
    expect(found.outcome.listingComplete).toBe(false);
  });
});

describe("the registry", () => {
  const registry = createRegistry({ fileCatalogRoots: [temp], objects });
  const codeOf = (sourceType: string, config: Record<string, string>) => {
    try {
      registry.open({ sourceType: sourceType as "CONFLUENCE_PAGE", config, secrets: {} });
    } catch (error) {
      return error instanceof Error && "code" in error ? error.code : error;
    }
    return "opened";
  };

  test("chooses by source type and kind, and every wrong choice has its own error", () => {
    expect(codeOf("FILE_CATALOG_OBJECT", { kind: "directory", root: temp })).toBe("opened");
    expect(codeOf("FILE_UPLOAD_OBJECT", {})).toBe("opened");
    expect(codeOf("SHAREPOINT", {})).toBe("connector.unknown_source_type");
    expect(codeOf("FILE_CATALOG_OBJECT", {})).toBe("connector.bad_config");
    expect(codeOf("FILE_CATALOG_OBJECT", { kind: "ftp" })).toBe("connector.bad_config");
    expect(codeOf("FILE_CATALOG_OBJECT", { kind: "s3", bucket: "some-bucket" })).toBe("connector.not_configured");
  });

  test("a connection is checked before it is stored", () => {
    const strict = createRegistry({
      fileCatalogRoots: [temp],
      objects,
      s3: { region: "x" },
      reservedBuckets: ["ours"],
    });
    const check = (config: Record<string, string>) => () => strict.validate("FILE_CATALOG_OBJECT", config);
    expect(check({ kind: "directory", root: temp })).not.toThrow();
    expect(check({ kind: "s3", bucket: "some-bucket" })).not.toThrow();
    expect(check({ kind: "directory", root: "/etc" })).toThrow(
      expect.objectContaining({ code: "connector.root_not_allowed" }),
    );
    expect(check({ kind: "directory" })).toThrow(expect.objectContaining({ code: "connector.bad_config" }));
    expect(check({ kind: "s3", bucket: "ours" })).toThrow(expect.objectContaining({ code: "connector.bad_config" }));
  });
});
