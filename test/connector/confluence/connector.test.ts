/** The connector as the pipeline sees it, in front of a whole site. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ConfluenceConnector } from "../../../src/connector/confluence/connector.ts";
import type { Descriptor } from "../../../src/connector/connector.ts";
import { convertDocument } from "../../../src/convert/convert.ts";
import { generateSite } from "../../confluence/generate_site.ts";
import { READER, type StandIn, startStandIn } from "../../confluence/server.ts";
import { Site } from "../../confluence/site.ts";
import { fetchConformance, listed, type Subject } from "../conformance.ts";
import { signal } from "./scripted_server.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function connectorOf(
  wiki: StandIn,
  config: Record<string, unknown> = {},
  secrets?: Record<string, string>,
): ConfluenceConnector {
  const isCloud = wiki.faults.deployment === "cloud";
  const own: Record<string, string> = isCloud ? { api_token: READER.apiToken! } : { pat: READER.pat! };
  const base = { base_url: wiki.url, ...(isCloud ? { email: READER.email } : {}), requests_per_second: 1000 };
  const http = { backoffMs: { first: 2, max: 10 } };
  return new ConfluenceConnector(
    { sourceType: "CONFLUENCE_PAGE", config: { ...base, ...config } as never, secrets: secrets ?? own },
    { allowPrivateNetwork: true, http },
  );
}

describe.each(["cloud", "datacenter"] as const)("%s: attachments", (deployment) => {
  const site = new Site({});
  site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
  site.addSpace({ key: "DOC", name: "Documentation" });
  const page = site.addPage({ space: "DOC", title: "Files", body: "<p>files</p>", by: "u1" });
  let wiki: StandIn;
  beforeAll(() => {
    wiki = startStandIn({ deployment, site });
  });
  afterAll(() => wiki.stop());
  const files = { types: ["md"] };
  const subject: Subject = {
    connector: () => connectorOf(wiki, { attachments: files }),
    async write(contents) {
      for (const [name, content] of Object.entries(contents)) {
        const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
        const before = site.attachmentsOf(page.id).find((file) => file.title === name && file.status === "current");
        if (before) site.replaceFile(before.id, bytes);
        else site.attach(page.id, { name, mediaType: "text/markdown", bytes });
      }
    },
    async remove(name) {
      site.trash(site.attachmentsOf(page.id).find((file) => file.title === name)!.id);
    },
    async descriptors() {
      const { descriptors } = await listed(subject.connector().list({ signal }));
      const found = descriptors.filter((one) => one.sourceType === "CONFLUENCE_ATTACHMENT");
      return new Map(found.map((one): [string, Descriptor] => [one.name, one]));
    },
  };
  fetchConformance(() => subject);

  test("those of other types and sizes are listed and skipped with the reason, without a request", async () => {
    const bytes = new Uint8Array(2000);
    site.attach(page.id, { name: "photo.png", mediaType: "image/png", bytes });
    site.attach(page.id, { name: "long.md", mediaType: "text/markdown", bytes });
    const connector = connectorOf(wiki, { attachments: { ...files, max_bytes: 1000 } });
    const { descriptors } = await listed(connector.list({ signal, sourceTypes: ["CONFLUENCE_ATTACHMENT"] }));
    wiki.log.clear();
    const reasons = new Map<string, string>();
    for (const one of descriptors.filter(({ name }) => /photo|long/.test(name))) {
      const error = (await connector
        .fetch(one, { signal, maxBytes: 1e6 })
        .catch((thrown: unknown) => thrown)) as Error & { code: string };
      expect(error.code).toBe("connector.excluded");
      reasons.set(one.name, error.message);
    }
    expect(reasons.get("photo.png")).toContain(".png");
    expect(reasons.get("long.md")).toContain("2000 bytes");
    expect(wiki.log.entries).toEqual([]);
  });

  test("NFD names of macOS are NFC, and an edit of the file alone is a change", async () => {
    await subject.write({ ["Ü.md".normalize("NFD")]: "one" });
    const before = (await subject.descriptors()).get("Ü.md")!;
    site.replaceFile(
      site.attachmentsOf(page.id).find((file) => file.title.normalize("NFC") === "Ü.md")!.id,
      new TextEncoder().encode("two"),
    );
    const after = (await subject.descriptors()).get("Ü.md")!;
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(text((await subject.connector().fetch(after, { signal, maxBytes: 100 })).bytes)).toBe("two");
  });
});

describe.each(["cloud", "datacenter"] as const)("%s: listings", (deployment) => {
  const site = generateSite({
    deployment,
    spaces: 3,
    pages: 90,
    attachments: 30,
    comments: 12,
    blogPosts: 5,
    archived: 3,
    trashed: 3,
    seed: 5,
  });
  let wiki: StandIn;
  beforeAll(() => {
    wiki = startStandIn({ deployment, site, ...(deployment === "datacenter" ? { context: "/confluence" } : {}) });
  });
  afterAll(() => wiki.stop());
  const pagesOf = async (config: Record<string, unknown>) => {
    const found = await listed(connectorOf(wiki, config).list({ signal }));
    return {
      ...found,
      ids: found.descriptors
        .filter((one) => one.sourceType === "CONFLUENCE_PAGE")
        .map((one) => String(one.locator.id))
        .sort(),
    };
  };
  const current = (keep: (page: ReturnType<Site["page"]>) => boolean = () => true) =>
    [...site.contents()]
      .filter(
        (one): one is ReturnType<Site["page"]> =>
          (one.kind === "page" || one.kind === "blogpost") && one.status === "current" && keep(one),
      )
      .map(({ id }) => id)
      .sort();

  test("every current page, post and attachment is listed once, and again in the same way; archive and trash are not", async () => {
    const first = await pagesOf({});
    expect(first.ids).toEqual(current());
    expect(first.outcome).toEqual({ listingComplete: true });
    const refs = first.descriptors.map((one) => one.externalRef);
    expect(new Set(refs).size).toBe(refs.length);
    const second = await listed(connectorOf(wiki).list({ signal, pageSize: 7 }));
    expect(second.descriptors).toEqual(first.descriptors);
    expect(second.pages.length).toBeGreaterThan(first.pages.length);
  });

  test("archived pages come when they are wanted", async () => {
    const { ids } = await pagesOf({ archived: true });
    const archived = [...site.contents()]
      .filter((one) => one.kind === "page" && one.status === "archived")
      .map(({ id }) => id);
    expect(archived.length).toBe(3);
    for (const id of archived) expect(ids).toContain(id);
  });

  test("spaces, page trees, labels and queries restrict what is listed", async () => {
    const inSpace = site.spaceByKey("S2")!.id;
    expect((await pagesOf({ spaces: ["S2"] })).ids).toEqual(current((page) => page.spaceId === inSpace));
    const root = [...site.contents()].find((one) => one.kind === "page" && site.childrenOf(one.id).length > 2)!.id;
    const tree = current((page) => page.id === root || site.ancestorsOf(page).some((one) => one.id === root));
    expect((await pagesOf({ page_ids: [root] })).ids).toEqual(tree);
    const [a, b] = current();
    site.label(a!, "keep");
    site.label(b!, "keep", "secret");
    expect((await pagesOf({ labels: { include: ["keep"], exclude: ["secret"] } })).ids).toEqual([a!]);
    expect((await pagesOf({ cql: `id = ${b}` })).ids).toEqual([b!]);
  });

  test("a space that cannot be read is a failure of its own, and the listing is not complete", async () => {
    site.forbidSpace("S3");
    const found = await pagesOf({ spaces: ["S1", "S2", "S3"] });
    site.allowSpace("S3");
    expect(found.failures.map((failure) => failure.externalRef)).toEqual([
      `confluence://${new URL(wiki.url).host}${deployment === "cloud" ? "" : "/confluence"}/space/S3`,
    ]);
    expect(found.outcome).toMatchObject({ listingComplete: false });
    expect(found.ids.length).toBeGreaterThan(10);
  });

  test("before its end, when left, when aborted and when nothing is seen, a listing is not complete", async () => {
    const left = connectorOf(wiki).list({ signal, pageSize: 10 });
    for await (const _ of left.pages) {
      expect(left.outcome().listingComplete).toBe(false);
      break;
    }
    expect(left.outcome().listingComplete).toBe(false);
    const stop = new AbortController();
    const aborted = connectorOf(wiki).list({ signal: stop.signal, pageSize: 10 });
    const read = async () => {
      for await (const _ of aborted.pages) stop.abort(new Error("stop"));
    };
    await expect(read()).rejects.toThrow("stop");
    expect(aborted.outcome().listingComplete).toBe(false);
    expect((await pagesOf({ cql: "id = 1" })).outcome.listingComplete).toBe(false);
  });

  test("a page brings its labels, ancestors, people, dates and comments; its ref outlives a rename and a move", async () => {
    const connector = connectorOf(wiki);
    const leaf = site.page(
      current(
        (page) => page.kind === "page" && page.parentId !== null && page.spaceId === site.spaceByKey("S1")!.id,
      )[3]!,
    );
    site.label(leaf.id, "zeta", "alpha");
    const thread = site.comment(leaf.id, { body: "<p>Is this right?</p>", by: [...site.users.keys()][0]! });
    site.comment(leaf.id, { body: "<p>It is.</p>", parent: thread.id, by: [...site.users.keys()][1]! });
    const of = async () =>
      (await listed(connector.list({ signal }))).descriptors.find((one) => one.locator.id === leaf.id)!;
    const descriptor = await of();
    const fetched = await connector.fetch(descriptor, { signal, maxBytes: 1e7 });
    const { metadata, markdown, title } = await convertDocument({
      bytes: fetched.bytes,
      name: fetched.name,
      format: fetched.format,
    });
    expect(title).toBe(leaf.title);
    const path = site.ancestorsOf(leaf).map((page) => page.title);
    expect(metadata).toMatchObject({ space_key: "S1", version: leaf.versions.length, comments: 2 });
    expect(metadata.labels).toEqual([...new Set([...leaf.labels])].sort());
    expect(String(metadata.path)).toEndWith(path.join(" / "));
    expect(metadata.web_url).toStartWith(wiki.url);
    expect(markdown).toContain("## Comments");
    expect(markdown).toContain(deployment === "cloud" ? "**User Number 2** to User Number 1" : "**User Number 2**");
    site.edit(leaf.id, { title: `${leaf.title} renamed` });
    const renamed = await of();
    expect(renamed.externalRef).toBe(descriptor.externalRef);
    expect(renamed.fingerprint).not.toBe(descriptor.fingerprint);
  });

  test("a broken page fails alone, with its id, its address and the reason", async () => {
    const connector = connectorOf(wiki);
    const { descriptors } = await listed(connector.list({ signal }));
    const [broken, sound] = descriptors;
    wiki.faults.breakPages([String(broken!.locator.id)]);
    const error = (await connector
      .fetch(broken!, { signal, maxBytes: 1e7 })
      .catch((thrown: unknown) => thrown)) as Error;
    wiki.faults.clear(true);
    expect(error.message).toContain(`page ${broken!.locator.id} (${broken!.url})`);
    expect(error.message).toContain("500");
    expect((await connector.fetch(sound!, { signal, maxBytes: 1e7 })).bytes.byteLength).toBeGreaterThan(0);
  });

  test("the test of a connection says in words what works and what does not", async () => {
    const words = async (config: Record<string, unknown>, secrets?: Record<string, string>) => {
      const { ok, checks } = await connectorOf(wiki, config, secrets).test(signal);
      return { ok, text: checks.map(({ name, message }) => `${name}: ${message}`).join("\n") };
    };
    const good = await words({});
    expect(good.ok).toBe(true);
    expect(good.text).toContain(deployment === "cloud" ? "Confluence Cloud" : "Confluence Data Center, REST v1");
    expect(good.text).toContain("3 can be read: S1, S2, S3");
    site.forbidSpace("S2");
    const partly = await words({ spaces: ["S1", "S2"] });
    site.allowSpace("S2");
    expect(partly.ok).toBe(false);
    expect(partly.text).toContain("cannot be read: S2; these can be read: S1");
    const wrong = await words({}, { api_token: "wrong", pat: "wrong" });
    expect(wrong.ok).toBe(false);
    expect(wrong.text).not.toContain("wrong");
  });
});

test("scoped tokens go through the gateway, and readers get the site's own address", async () => {
  const site = generateSite({ deployment: "cloud", spaces: 1, pages: 5, attachments: 2, seed: 2 });
  const wiki = startStandIn({ deployment: "cloud", site });
  const connector = connectorOf(
    wiki,
    { base_url: wiki.gatewayUrl, auth: "scoped_token" },
    { api_token: READER.scopedToken! },
  );
  const { descriptors, outcome } = await listed(connector.list({ signal }));
  expect(outcome.listingComplete).toBe(true);
  expect(descriptors[0]!.url).toStartWith(wiki.url);
  for (const descriptor of descriptors)
    await connector
      .fetch(descriptor, { signal, maxBytes: 1e7 })
      .catch((error: unknown) => expect(error).toMatchObject({ code: "connector.excluded" }));
  expect(wiki.log.entries.every(({ path }) => path.startsWith("/ex/confluence/") || path.startsWith("/file/"))).toBe(
    true,
  );
  await wiki.stop();
});
