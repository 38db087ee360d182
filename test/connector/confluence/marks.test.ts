/** Changes that are no version of the page: they are seen all the same, and nothing else changes the mark. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ConfluenceConnector } from "../../../src/connector/confluence/connector.ts";
import type { Descriptor } from "../../../src/connector/connector.ts";
import { convertDocument } from "../../../src/convert/convert.ts";
import { READER, type StandIn, startStandIn } from "../../confluence/server.ts";
import { Site } from "../../confluence/site.ts";
import { listed } from "../conformance.ts";
import { signal } from "./scripted_server.ts";

function connectorOf(wiki: StandIn, config: Record<string, unknown> = {}): ConfluenceConnector {
  const credentials = wiki.faults.deployment === "cloud" ? { api_token: READER.apiToken } : { pat: READER.pat };
  const base = { base_url: wiki.url, email: READER.email, requests_per_second: 1000 };
  return new ConfluenceConnector(
    { sourceType: "CONFLUENCE_PAGE", config: { ...base, ...config } as never, secrets: credentials },
    { allowPrivateNetwork: true },
  );
}

function smallSite(): Site {
  const site = new Site({});
  site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
  site.addSpace({ key: "DOC", name: "Documentation" });
  return site;
}

/** Change marks by ref. */
const marks = (descriptors: Descriptor[]): Map<string, string> =>
  new Map(descriptors.map((one) => [one.externalRef, one.fingerprint]));

describe.each(["cloud", "datacenter"] as const)("%s", (deployment) => {
  const site = smallSite();
  const page = (title: string, parent?: string, labels: string[] = []) =>
    site.addPage({ space: "DOC", title, parent: parent ?? null, labels, body: `<p>${title}</p>`, by: "u1" });
  const home = page("Home");
  const labelled = page("Labelled", home.id, ["b", "a"]);
  const old = page("Old section", home.id);
  const inner = page("Inner", old.id);
  const leaf = page("Leaf", inner.id);
  const commented = page("Commented", home.id);
  const remark = site.comment(commented.id, { body: "<p>?</p>", location: "inline", selection: "Commented", by: "u1" });
  // Newer than what lies below it, so it comes later in a list by id.
  const section = page("New section", home.id);
  let wiki: StandIn;
  beforeAll(() => {
    wiki = startStandIn({ deployment, site });
  });
  afterAll(() => wiki.stop());

  /** Names of those that are in both lists, with other marks. */
  async function changedBy(edit: () => void): Promise<string[]> {
    const list = async () => (await listed(connectorOf(wiki).list({ signal }))).descriptors;
    const before = marks(await list());
    edit();
    return (await list())
      .filter(({ externalRef, fingerprint }) => (before.get(externalRef) ?? fingerprint) !== fingerprint)
      .map(({ name }) => name);
  }

  test.each([
    ["nothing", () => {}, []],
    ["a label", () => site.label(labelled.id, "c"), ["Labelled"]],
    ["a label that is taken away", () => site.unlabel(labelled.id, "a"), ["Labelled"]],
    ["a comment that is settled", () => site.resolve(remark.id), ["Commented"]],
    ["a move, for all that is below", () => site.move(inner.id, { parent: section.id }), ["Inner", "Leaf"]],
    ["a rename", () => site.edit(section.id, { title: "Newest section" }), ["Newest section"]],
  ])("%s", async (_what, edit, expected) => {
    expect((await changedBy(edit)).sort()).toEqual(expected);
  });

  test("a row that the list loses changes no other page", async () => {
    const script = wiki.faults.add({
      match: /\/spaces\/\d+\/pages|\/content\?/,
      times: 1,
      fault: { kind: "cut_list" },
    });
    expect(await changedBy(() => {})).toEqual([]);
    script.remove();
    expect(script.hits).toBe(1);
  });

  test("the whole path is known from the list, also where the parent comes later than the child", async () => {
    const { descriptors } = await listed(connectorOf(wiki).list({ signal }));
    const found = descriptors.find(({ locator }) => locator.id === leaf.id)!;
    expect((found.locator.ancestors as { id: string }[]).map(({ id }) => id)).toEqual([home.id, section.id, inner.id]);
  });
});

test("labels are left to the next edit where the token may not search", async () => {
  const site = smallSite();
  site.addPage({ space: "DOC", title: "Home", labels: ["a"], body: "<p>x</p>", by: "u1" });
  const scopes = READER.scopes.filter((scope) => !/search|content-details|folder/.test(scope));
  const wiki = startStandIn({ deployment: "cloud", site, accounts: [{ ...READER, scopes }] });
  const connector = new ConfluenceConnector(
    {
      sourceType: "CONFLUENCE_PAGE",
      config: { base_url: wiki.gatewayUrl, auth: "scoped_token" },
      secrets: { api_token: READER.scopedToken },
    },
    { allowPrivateNetwork: true, http: { backoffMs: { first: 2, max: 10 } } },
  );
  const { descriptors, outcome } = await listed(connector.list({ signal }));
  expect(outcome).toEqual({ listingComplete: true });
  expect(descriptors).toHaveLength(1);
  const { ok, checks } = await connector.test(signal);
  expect(checks.find(({ name }) => name === "labels")!.message).toContain("next edit");
  expect(ok).toBe(true);
  await wiki.stop();
});

test("a page in a folder has the folder in its path", async () => {
  const site = smallSite();
  const home = site.addPage({ space: "DOC", title: "Home", body: "<p>x</p>", by: "u1" });
  const outer = site.addFolder({ space: "DOC", title: "Guides", parent: home.id });
  const folder = site.addFolder({ space: "DOC", title: "For operators", parent: outer.id });
  const page = site.addPage({ space: "DOC", title: "Restore", folder: folder.id, body: "<p>y</p>", by: "u1" });
  site.addPage({ space: "DOC", title: "Drill", parent: page.id, body: "<p>z</p>", by: "u1" });
  const wiki = startStandIn({ deployment: "cloud", site });
  const connector = connectorOf(wiki);
  const { descriptors } = await listed(connector.list({ signal }));
  const paths: unknown[] = [];
  for (const descriptor of descriptors) {
    const fetched = await connector.fetch(descriptor, { signal, maxBytes: 1e6 });
    paths.push((await convertDocument(fetched)).metadata.path);
  }
  await wiki.stop();
  expect(paths).toEqual([
    "Documentation",
    "Documentation / Home / Guides / For operators",
    "Documentation / Home / Guides / For operators / Restore",
  ]);
});

test("whoever is taken for nobody deletes nothing", async () => {
  const site = smallSite();
  site.addPage({ space: "DOC", title: "Public", body: "<p>x</p>", by: "u1" });
  const wiki = startStandIn({ deployment: "cloud", site });
  wiki.faults.add({ match: /\/user\/current/, fault: { kind: "status", status: 200, body: { type: "anonymous" } } });
  const { outcome } = await listed(connectorOf(wiki).list({ signal }));
  await wiki.stop();
  expect(outcome.listingComplete).toBe(false);
  expect(outcome.reason).toContain("anonymous");
});
