import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Descriptor, JsonObject } from "../../src/connector/connector.ts";
import { DirectoryConnector } from "../../src/connector/directory.ts";
import { fetchConformance, listConformance, listed, type Subject, signal } from "./conformance.ts";

const temp = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), "directory-")));
let root: string;
beforeEach(() => {
  root = path.join(temp, crypto.randomUUID());
  fs.mkdirSync(root);
});
afterAll(() => fs.rmSync(temp, { recursive: true, force: true }));

function open(config: JsonObject = {}, allowed = [temp]): DirectoryConnector {
  const connection = {
    sourceType: "FILE_CATALOG_OBJECT" as const,
    config: { kind: "directory", root, ...config },
    secrets: {},
  };
  return new DirectoryConnector(connection, { fileCatalogRoots: allowed });
}

function write(name: string, content: string | Uint8Array = name): string {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  return file;
}

const list = (config?: JsonObject) => listed(open(config).list({ signal }));
const namesOf = (found: { descriptors: Descriptor[] }) =>
  found.descriptors.map((d) => d.externalRef.slice(`file://${root}/`.length));

const subject: Subject = {
  connector: () => open(),
  async write(files) {
    for (const [name, content] of Object.entries(files)) write(name, content);
  },
  async remove(name) {
    fs.rmSync(path.join(root, name));
  },
  async descriptors() {
    return new Map((await list()).descriptors.map((d) => [d.externalRef.slice(`file://${root}/`.length), d]));
  },
};

describe("the directory connector", () => {
  listConformance(() => subject);
  fetchConformance(() => subject);
});

describe("what a tree lists", () => {
  test("the ref is the plain path, the URL is encoded", async () => {
    write("a b/ü#1.md", "x");
    const [descriptor] = (await list()).descriptors;
    expect(descriptor).toMatchObject({ externalRef: `file://${root}/a b/ü#1.md`, name: "ü#1.md", size: 1 });
    expect(descriptor!.url).toBe(`file://${root}/a%20b/%C3%BC%231.md`);
    expect(descriptor!.modifiedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test("globs choose, excluded folders are not entered, extensions match in either case", async () => {
    for (const name of ["keep/a.MD", "keep/b.txt", "build/c.md", "node_modules/d.md", ".git/e.md", "f.csv"])
      write(name);
    expect(namesOf(await list())).toEqual(["build/c.md", "keep/a.MD", "keep/b.txt"]);
    expect(namesOf(await list({ exclude: ["build/**"] }))).toEqual(["keep/a.MD", "keep/b.txt"]);
    expect(namesOf(await list({ include: ["**/*.csv", "keep/*.md"] }))).toEqual(["f.csv", "keep/a.MD"]);
    expect(namesOf(await list({ hidden: true }))).toContain(".git/e.md");
  });

  test("a name that is not UTF-8 is a failed item beside the good ones", async () => {
    write("good.md");
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff]), Buffer.from(".md")]), "x");
    const found = await list();
    expect(namesOf(found)).toEqual(["good.md"]);
    expect(found.failures.map((failure) => failure.error.code)).toEqual(["connector.bad_name"]);
    expect(found.outcome.listingComplete).toBe(true);
  });

  test("a pipe under a document's name is a failed item and blocks nobody", async () => {
    Bun.spawnSync(["mkfifo", path.join(root, "pipe.md")]);
    const found = await list();
    expect(found.failures.map((failure) => failure.error.code)).toEqual(["connector.special_file"]);
    const file = write("was-a-file.md");
    const descriptor = (await subject.descriptors()).get("was-a-file.md")!;
    fs.rmSync(file);
    Bun.spawnSync(["mkfifo", file]);
    await expect(open().fetch(descriptor, { signal, maxBytes: 10 })).rejects.toMatchObject({
      code: "connector.special_file",
    });
  });

  test("a wide folder comes in pages of a thousand", async () => {
    for (let i = 0; i < 2500; i++) fs.writeFileSync(path.join(root, `${i}.md`), "");
    const found = await listed(open().list({ signal }));
    expect(found.pages.map((page) => page.descriptors.length)).toEqual([1000, 1000, 500]);
  });
});

describe("links in a tree", () => {
  test("a link to a file of the tree is a source, one that leaves it is a failed item", async () => {
    write("real.md", "real");
    fs.symlinkSync("real.md", path.join(root, "alias.md"));
    fs.writeFileSync(path.join(temp, "outside.md"), "secret");
    fs.symlinkSync("../outside.md", path.join(root, "escape.md"));
    fs.symlinkSync("nowhere.md", path.join(root, "dangling.md"));
    const found = await list();
    expect(namesOf(found)).toEqual(["alias.md", "real.md"]);
    expect(found.failures.map((failure) => [failure.name, failure.error.code])).toEqual([
      ["dangling.md", "connector.unreadable"],
      ["escape.md", "connector.outside_root"],
    ]);
    const alias = found.descriptors[0]!;
    expect(new TextDecoder().decode((await open().fetch(alias, { signal, maxBytes: 10 })).bytes)).toBe("real");
  });

  test("cycles end and a folder with two ways to it is listed once, by its own path", async () => {
    write("a/one.md");
    fs.symlinkSync("..", path.join(root, "a/up"));
    fs.symlinkSync("a", path.join(root, "0-alias"));
    const found = await list();
    expect(namesOf(found)).toEqual(["a/one.md"]);
    expect(found.outcome.listingComplete).toBe(true);
  });

  test("a folder that only a link leads to is walked under the link's name", async () => {
    write(".store/v1/one.md");
    fs.symlinkSync(".store/v1", path.join(root, "current"));
    const found = await list();
    expect(namesOf(found)).toEqual(["current/one.md"]);
    expect((await open().fetch(found.descriptors[0]!, { signal, maxBytes: 99 })).bytes.byteLength).toBe(16);
  });

  test("a file that became a link out of the tree since it was listed is not read", async () => {
    fs.writeFileSync(path.join(temp, "outside.md"), "secret");
    const file = write("doc.md");
    write("sub/doc.md");
    const descriptors = await subject.descriptors();
    fs.rmSync(file);
    fs.symlinkSync("../outside.md", file);
    const fetch = (name: string) => open().fetch(descriptors.get(name)!, { signal, maxBytes: 10 });
    await expect(fetch("doc.md")).rejects.toMatchObject({ code: "connector.outside_root" });
    fs.rmSync(path.join(root, "sub"), { recursive: true });
    fs.mkdirSync(path.join(temp, "elsewhere"), { recursive: true });
    fs.writeFileSync(path.join(temp, "elsewhere/doc.md"), "secret");
    fs.symlinkSync("../elsewhere", path.join(root, "sub"));
    await expect(fetch("sub/doc.md")).rejects.toMatchObject({ code: "connector.outside_root" });
  });

  test("a locator with dots does not lead out of the tree", async () => {
    fs.writeFileSync(path.join(temp, "outside.md"), "secret");
    write("x.md");
    const descriptor = { ...(await subject.descriptors()).get("x.md")!, locator: { path: "../outside.md" } };
    await expect(open().fetch(descriptor, { signal, maxBytes: 10 })).rejects.toMatchObject({
      code: "connector.outside_root",
    });
  });
});

describe("the root", () => {
  test("it must lie under an allowed root, links resolved", async () => {
    write("a.md");
    const pages = (allowed: string[]) => listed(open({}, allowed).list({ signal }));
    await expect(pages([])).rejects.toMatchObject({ code: "connector.root_not_allowed", fate: "permanent" });
    await expect(pages([`${root}-other`, path.join(root, "deeper")])).rejects.toMatchObject({
      code: "connector.root_not_allowed",
    });
    expect((await pages([root])).descriptors).toHaveLength(1);
    const link = path.join(temp, `link-${crypto.randomUUID()}`);
    fs.symlinkSync("/etc", link);
    await expect(listed(open({ root: link }).list({ signal }))).rejects.toMatchObject({
      code: "connector.root_not_allowed",
    });
    // A neighbour whose name begins alike lies beside, not below.
    fs.mkdirSync(`${root}-neighbour`);
    await expect(listed(open({ root: `${root}-neighbour` }, [root]).list({ signal }))).rejects.toMatchObject({
      code: "connector.root_not_allowed",
    });
  });

  test("a missing one is an error, an empty one is an incomplete listing", async () => {
    expect((await list()).outcome).toMatchObject({ listingComplete: false, reason: `${root} is empty` });
    fs.rmdirSync(root);
    await expect(list()).rejects.toMatchObject({ code: "connector.root_missing", fate: "permanent" });
    fs.writeFileSync(root, "a file");
    await expect(list()).rejects.toMatchObject({ code: "connector.root_missing" });
  });

  test("one that is replaced while it is listed makes the listing incomplete", async () => {
    for (let i = 0; i < 30; i++) write(`${i}.md`);
    const listing = open().list({ signal, pageSize: 10 });
    let pages = 0;
    for await (const _ of listing.pages) {
      if (pages++ > 0) continue;
      fs.renameSync(root, `${root}-unmounted`);
      fs.mkdirSync(root);
    }
    expect(listing.outcome()).toMatchObject({ listingComplete: false, reason: `${root} was replaced` });
  });

  test("a folder below it that vanishes while it is listed makes the listing incomplete", async () => {
    for (let i = 0; i < 10; i++) write(`a/${i}.md`);
    write("b/c.md");
    const listing = open().list({ signal, pageSize: 5 });
    for await (const _ of listing.pages) fs.rmSync(path.join(root, "b"), { recursive: true, force: true });
    expect(listing.outcome().listingComplete).toBe(false);
  });

  test("the refs keep the configured path when the root is a link", async () => {
    write("a.md");
    const link = path.join(temp, `link-${crypto.randomUUID()}`);
    fs.symlinkSync(root, link);
    const found = await listed(open({ root: link }).list({ signal }));
    expect(found.descriptors[0]!.externalRef).toBe(`file://${link}/a.md`);
    expect((await open({ root: link }).fetch(found.descriptors[0]!, { signal, maxBytes: 10 })).bytes.byteLength).toBe(
      4,
    );
  });

  test("config faults are named", () => {
    for (const config of [
      { root: "relative" },
      { root: 5 },
      { include: ["/abs"] },
      { extra: 1 },
      { exclude: ["*".repeat(400)] },
    ]) {
      expect(() => open(config)).toThrow(expect.objectContaining({ code: "connector.bad_config" }));
    }
  });
});
