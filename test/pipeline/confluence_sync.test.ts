/** Syncs of a whole Confluence through the pipeline: what is asked of the site, and what the index makes of it. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateSite } from "../confluence/generate_site.ts";
import { READER, type StandIn, startStandIn } from "../confluence/server.ts";
import { Site } from "../confluence/site.ts";
import { type SyncBench, startSyncBench } from "../support/sync.ts";

let bench: SyncBench;
let wiki: StandIn;

const secretsOf = (deployment: string): Record<string, string> =>
  deployment === "cloud" ? { api_token: READER.apiToken! } : { pat: READER.pat! };

async function start(
  site: Site,
  deployment: "cloud" | "datacenter",
  config: Record<string, unknown> = {},
): Promise<void> {
  wiki = startStandIn({ deployment, site });
  const base = { kind: "confluence", base_url: wiki.url, email: READER.email, requests_per_second: 1000 };
  await bench.connect({ ...base, ...config }, secretsOf(deployment));
}

beforeEach(async () => {
  bench = await startSyncBench({ ITEM_ATTEMPTS_MAX: "2" });
});
afterEach(async () => {
  await bench.close();
  await wiki.stop();
});

const DEPLOYMENTS = ["cloud", "datacenter"] as const;

describe.each(DEPLOYMENTS)("%s", (deployment) => {
  test("a site with passing faults, a forbidden space and broken pages is read whole; what cannot be read is listed", async () => {
    const site = generateSite({ deployment, spaces: 4, pages: 120, attachments: 60, comments: 20, seed: 11 });
    const [broken] = [...site.contents()].filter((one) => one.kind === "page").slice(30);
    await start(site, deployment, { spaces: ["S1", "S2", "S3", "S4"] });
    site.forbidSpace("S4");
    wiki.faults.random({ seed: 7, rate: 0.05 });
    wiki.faults.breakPages([broken!.id]);
    const { job } = await bench.sync();
    expect(job.job_status).toBe("error");
    expect(job.error_code).toBe("LISTING_INCOMPLETE");
    const items = await bench.items();
    const failed = [...items]
      .filter(([, item]) => item.item_status === "failed")
      .map(([ref]) => ref.replace(/^.*?\/(?=page|space)/, ""));
    expect(failed.sort()).toEqual([`page/${broken!.id}`, "space/S4"].sort());
    const message = [...items].find(([ref]) => ref.endsWith(`page/${broken!.id}`))![1].error_message!;
    expect(message).toContain(`page ${broken!.id} (${wiki.url}`);
    const readable = [...site.contents()].filter((one) => site.canRead(READER.userId, one) && one.kind !== "comment");
    expect(job.descriptors_listed).toBe(readable.length + 1);
    expect(job.items_ingested + job.items_skipped + job.items_failed).toBe(job.descriptors_listed);
    expect([...wiki.log.bodies().values()].every((times) => times > 0)).toBe(true);
    expect(wiki.log.leaks).toEqual([]);
  }, 60_000);

  test("an unchanged site costs its listing; one edited page costs one body and embeds only what changed", async () => {
    const site = new Site({});
    site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
    site.addSpace({ key: "DOC", name: "Documentation" });
    const page = site.addPage({ space: "DOC", title: "One", body: paragraphs("first"), by: "u1" });
    for (let i = 0; i < 30; i++) site.addPage({ space: "DOC", title: `Page ${i}`, body: `<p>page ${i}</p>`, by: "u1" });
    await start(site, deployment);
    expect((await bench.sync()).job).toMatchObject({ job_status: "done", items_ingested: 31 });
    wiki.log.clear();
    expect((await bench.sync()).job).toMatchObject({
      job_status: "done",
      items_fetched: 0,
      items_skipped_incremental: 31,
    });
    expect(wiki.log.count("body")).toBe(0);
    site.edit(page.id, { body: paragraphs("second") });
    const { job } = await bench.sync();
    expect(job).toMatchObject({ job_status: "done", items_ingested: 1, items_fetched: 1, vectors_embedded: 1 });
    expect(wiki.log.count("body")).toBe(1);
  }, 60_000);

  test("a deleted page is hidden, then purged; a restored one returns; comments alone are a change", async () => {
    const site = new Site({});
    site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
    site.addSpace({ key: "DOC", name: "Documentation" });
    const pages = Array.from({ length: 8 }, (_, i) =>
      site.addPage({ space: "DOC", title: `P${i}`, body: `<p>text ${i}</p>`, by: "u1" }),
    );
    await start(site, deployment);
    await bench.sync();
    site.trash(pages[3]!.id);
    site.trash(pages[5]!.id);
    const first = await bench.sync();
    expect(first.result).toMatchObject({ connections: [{ hidden: 2, purged: 0 }] });
    expect(await bench.titles()).not.toContain("P3");
    site.restore(pages[3]!.id);
    site.comment(pages[0]!.id, { body: "<p>Please add the numbers.</p>", by: "u1" });
    const second = await bench.sync();
    expect(second.result).toMatchObject({ connections: [{ restored: 1, purged: 1 }] });
    expect(await bench.titles()).toEqual(["P0", "P1", "P2", "P3", "P4", "P6", "P7"]);
    expect(second.job.items_ingested).toBeGreaterThan(0);
    const [chunk] = await bench.sql`SELECT chunk_text FROM chunks WHERE chunk_text LIKE '%add the numbers%'`;
    expect(chunk!.chunk_text).toContain("Una");
  }, 60_000);

  test("links by title find their page, also when it comes later and bears another name by now; includes follow their source", async () => {
    const site = new Site({});
    site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
    site.addSpace({ key: "DOC", name: "Documentation" });
    const link = '<p><ac:link><ri:page ri:content-title="Target" /></ac:link></p>';
    const shown =
      '<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="Part" /></ac:link></ac:parameter></ac:structured-macro>';
    site.addPage({ space: "DOC", title: "Linking", body: link, by: "u1" });
    site.addPage({ space: "DOC", title: "Including", body: shown, by: "u1" });
    const target = site.addPage({ space: "DOC", title: "Target", body: "<p>here</p>", by: "u1" });
    const part = site.addPage({ space: "DOC", title: "Part", body: "<p>old words</p>", by: "u1" });
    await start(site, deployment);
    await bench.sync();
    const edges = () => bench.sql`
      SELECT f.title AS source, t.title AS target FROM cross_links c
      JOIN documents f ON f.document_id = c.from_document_id JOIN documents t ON t.document_id = c.to_document_id ORDER BY 1, 2`;
    expect([...(await edges())]).toContainEqual({ source: "Linking", target: "Target" });
    site.edit(target.id, { title: "Target, renamed" });
    site.edit(part.id, { body: "<p>new words</p>" });
    const { job } = await bench.sync();
    expect(job).toMatchObject({ job_status: "done", items_ingested: 3, items_skipped_incremental: 1 });
    expect([...(await edges())]).toContainEqual({ source: "Linking", target: "Target, renamed" });
    const [including] = await bench.sql`
      SELECT string_agg(chunk_text, ' ') AS text FROM chunks c JOIN documents d USING (tenant_id, document_id) WHERE d.title = 'Including'`;
    expect(including!.text).toContain("new words");
  }, 60_000);

  test("rows that a list loses are asked for by name before anything is deleted", async () => {
    const site = new Site({});
    site.addUser({ id: "u1", username: "u1", displayName: "Una", email: "una@example.com" });
    site.addSpace({ key: "DOC", name: "Documentation" });
    const pages = Array.from({ length: 8 }, (_, i) =>
      site.addPage({ space: "DOC", title: `P${i}`, body: `<p>text ${i}</p>`, by: "u1" }),
    );
    await start(site, deployment);
    await bench.sync();
    // The list comes without one row that is there.
    const lost = pages[2]!;
    const lists = /\/spaces\/\d+\/pages\?|\/content\?/;
    const rows = pages
      .filter((page) => page !== lost)
      .map((page) => ({ id: page.id, type: "page", status: "current", title: page.title, version: { number: 1 } }));
    wiki.faults.add({
      match: lists,
      times: 1,
      fault: { kind: "status", status: 200, body: { results: rows, _links: {} } },
    });
    const { result } = await bench.sync();
    expect(result).toMatchObject({ connections: [{ listing_complete: true, hidden: 0, unlisted: 1 }] });
    expect(await bench.titles()).toHaveLength(8);
  }, 60_000);
});

function paragraphs(word: string): string {
  const filler = "Storage is kept in two places and read from the nearer one of them. ".repeat(30);
  return `<h2>A</h2><p>${filler}</p><h2>B</h2><p>The ${word} word. ${filler}</p><h2>C</h2><p>${filler}</p>`;
}
