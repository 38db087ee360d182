/**
 * What a company would do to a connector in a month, in one go: a first sync through faults, a forbidden space and broken
 * pages; recovery; an unchanged sync; one edit; listings that are cut short; deletions and a restore. Every step is judged
 * by the product's own API and by what the stand-in was asked for. The same seed gives the same run.
 */
import { deepStrictEqual as equal, ok } from "node:assert";
import type { Content, Page } from "./contents.ts";
import { generateSite } from "./generate_site.ts";
import type { Cost, Job, Product } from "./product.ts";
import { READER, type StandIn, startStandIn } from "./server.ts";
import type { Site } from "./site.ts";

export interface ScenarioOptions {
  deployment: "cloud" | "datacenter";
  spaces: number;
  pages: number;
  attachments: number;
  /** Pages whose body always fails. */
  broken: number;
  /** Share of answers that fail in passing, 0 to 1. */
  faults: number;
  seed: number;
}

/** Attachments of other types are skipped. */
const READ = /\.(?:docx|pdf|md|txt|html)$/;

interface Run {
  wiki: StandIn;
  site: Site;
  product: Product;
  /** Longer than one chunk and included nowhere. */
  lonely: Page;
  say(what: string, job: Job, cost: Cost): void;
}

/** Throws AssertionError with what went wrong. `tell` gets a line a step. */
export async function runScenario(
  options: ScenarioOptions,
  product: Product,
  tell: (line: string) => void,
): Promise<void> {
  const { deployment, spaces, pages, attachments, seed } = options;
  const extra = { comments: Math.ceil(pages / 20), archived: 3, trashed: 3, blogPosts: 5 };
  const site = generateSite({ deployment, spaces, pages, attachments, seed, ...extra });
  const lonely = site.addPage({ space: "S1", title: "A page of its own", body: longBody("first") });
  const wiki = startStandIn({ deployment, site });
  const say: Run["say"] = (what, job, cost) =>
    tell(
      `${what}: ${job.job_status}, ${job.descriptors_listed} listed, ${job.items_ingested} ingested, ${job.items_skipped_incremental} unchanged, ` +
        `${job.items_skipped} skipped, ${job.items_failed} failed; ${wiki.log.entries.length} requests ${JSON.stringify(wiki.log.counts())}; ` +
        `${cost.seconds.toFixed(1)} s, ${cost.cpuSeconds.toFixed(1)} s CPU, ${Math.round(cost.rssPeakMb)} MB`,
    );
  const run: Run = { wiki, site, product, lonely, say };
  try {
    const keys = [...site.spaces.values()].map(({ key }) => key);
    const base = { kind: "confluence", base_url: wiki.url, email: READER.email };
    const secrets = deployment === "cloud" ? { api_token: READER.apiToken } : { pat: READER.pat };
    await product.connect({ ...base, requests_per_second: 1000, spaces: keys }, secrets);
    await throughFaults(run, options, keys.at(-1)!);
    await recovers(run, keys.at(-1)!);
    await asksNothingTwice(run);
    await oneEdit(run);
    await cutListings(run);
    await deletions(run);
    equal(wiki.log.leaks, [], "credentials reached another host");
  } finally {
    await wiki.stop();
  }
}

async function throughFaults(run: Run, options: ScenarioOptions, forbidden: string): Promise<void> {
  const { wiki, site, product } = run;
  site.forbidSpace(forbidden);
  const { pages } = site.readable(READER.userId);
  const every = Math.max(1, Math.floor(pages.length / options.broken));
  const broken = pages.filter((page, i) => i % every === 0 && page !== run.lonely).slice(0, options.broken);
  wiki.faults.random({ seed: options.seed, rate: options.faults });
  wiki.faults.breakPages(broken.map(({ id }) => id));
  const { job, cost } = await product.sync();
  run.say("first sync through faults", job, cost);
  balances(job);
  equal([job.job_status, job.error_code], ["error", "LISTING_INCOMPLETE"]);
  ok(job.error_message?.includes(forbidden), `the forbidden space is not named: ${job.error_message}`);
  const failed = await product.items(job.job_id, "failed");
  const wanted = [...broken.map((page) => refOf(run, page)), `confluence://${host(run)}/space/${forbidden}`];
  equal(failed.map((item) => `${item.external_ref}`).sort(), wanted.sort(), whyFailed(failed));
  for (const { external_ref, error_message } of failed)
    ok(error_message?.includes(external_ref.split("/").at(-1)!), `${external_ref}: ${error_message}`);
  for (const { external_ref, error_code, error_message } of await product.items(job.job_id, "skipped"))
    ok(error_code === "connector.excluded" && error_message, `${external_ref} was skipped: ${error_code}`);
  const indexed = await expectIndexed(run, new Set(broken.map(({ id }) => id)));
  equal(job.items_ingested, indexed, "something was ingested twice");
}

async function recovers(run: Run, forbidden: string): Promise<void> {
  run.wiki.faults.clear(true);
  run.site.allowSpace(forbidden);
  run.wiki.log.clear();
  const { job, cost } = await run.product.sync();
  run.say("second sync, healthy", job, cost);
  balances(job);
  equal([job.job_status, job.items_failed], ["done", 0]);
  await expectIndexed(run, new Set());
}

async function asksNothingTwice(run: Run): Promise<void> {
  run.wiki.log.clear();
  const { job, cost } = await run.product.sync();
  run.say("third sync, unchanged", job, cost);
  balances(job);
  equal([job.job_status, job.items_fetched, job.items_ingested], ["done", 0, 0]);
  equal([run.wiki.log.count("body"), run.wiki.log.count("download")], [0, 0]);
}

async function oneEdit(run: Run): Promise<void> {
  run.site.edit(run.lonely.id, { body: longBody("second") });
  run.wiki.log.clear();
  const { job, cost } = await run.product.sync();
  run.say("fourth sync, one page edited", job, cost);
  equal([job.job_status, job.items_fetched, job.items_ingested], ["done", 1, 1]);
  equal(run.wiki.log.count("body"), 1);
  const documentId = (await run.product.documents()).get(refOf(run, run.lonely))!;
  const chunks = await run.product.chunkCount(documentId);
  ok(chunks > 2 && job.vectors_embedded === 1, `${job.vectors_embedded} of ${chunks} chunks were embedded`);
}

/** A list that ends early without saying so, and one that is refused half-way. */
async function cutListings(run: Run): Promise<void> {
  const lists = /\/spaces\/\d+\/pages\?|\/rest\/api\/content\?/;
  for (const [what, fault] of [
    ["cut short in silence", { kind: "cut_list" }],
    ["refused", { kind: "status", status: 400, body: { message: "no" } }],
  ] as const) {
    const script = run.wiki.faults.add({ match: lists, times: 1, fault });
    run.wiki.log.clear();
    const { job, summary, cost } = await run.product.sync();
    run.say(`sync with a listing ${what}`, job, cost);
    balances(job);
    equal(script.hits, 1);
    equal([summary?.hidden, summary?.purged], [0, 0], "something was deleted");
    equal(run.wiki.log.count("body"), 0, "what was listed did not change");
    script.remove();
    await expectIndexed(run, new Set());
  }
}

async function deletions(run: Run): Promise<void> {
  const { site, product } = run;
  const leaves = site.readable(READER.userId).pages.filter((page) => page.kind === "page" && isBare(site, page));
  const gone = leaves.slice(0, 3);
  for (const page of gone) site.trash(page.id);
  const sync = async (what: string) => {
    run.wiki.log.clear();
    const { job, summary, cost } = await product.sync();
    run.say(what, job, cost);
    balances(job);
    return [summary?.hidden, summary?.purged, summary?.restored];
  };
  equal(await sync("three pages deleted"), [3, 0, 0]);
  await expectIndexed(run, new Set());
  site.restore(gone[0]!.id);
  equal(await sync("one of them restored"), [0, 2, 1]);
  await expectIndexed(run, new Set());
  site.restore(gone[1]!.id);
  equal(await sync("one restored after it was purged"), [0, 0, 0]);
  await expectIndexed(run, new Set());
}

/** Every readable page and attachment, and nothing else. Returns how many. */
async function expectIndexed(run: Run, broken: ReadonlySet<string>): Promise<number> {
  const { pages, attachments } = run.site.readable(READER.userId);
  const wanted = [
    ...pages.filter(({ id }) => !broken.has(id)),
    ...attachments.filter((file) => READ.test(file.title.normalize("NFC"))),
  ].map((content) => refOf(run, content));
  const found = await run.product.documents();
  const missing = wanted.filter((ref) => !found.has(ref));
  const surplus = [...found.keys()].filter((ref) => !wanted.includes(ref));
  equal({ missing, surplus }, { missing: [], surplus: [] });
  return wanted.length;
}

function balances(job: Job): void {
  const { items_ingested, items_skipped_incremental, items_skipped, items_failed, items_canceled } = job;
  const settled = items_ingested + items_skipped_incremental + items_skipped + items_failed + items_canceled;
  equal(settled, job.descriptors_listed, "the ledger does not balance");
}

const host = ({ wiki }: Run): string => new URL(wiki.url).host;

const refOf = (run: Run, content: Content): string =>
  content.kind === "attachment"
    ? `confluence://${host(run)}/attachment/${content.num}`
    : `confluence://${host(run)}/page/${content.id}`;

/** Without children, files and comments, so that it goes and comes alone. */
const isBare = (site: Site, page: Page): boolean =>
  page.parentId !== null &&
  site.childrenOf(page.id).length + site.attachmentsOf(page.id).length + site.commentsOf(page.id).length === 0;

const whyFailed = (failed: { external_ref: string; error_message: string | null }[]): string =>
  `failed items are not those that were expected:\n${failed
    .slice(0, 30)
    .map(({ external_ref, error_message }) => `${external_ref} ${error_message}`)
    .join("\n")}`;

function longBody(word: string): string {
  const filler = "Storage is kept in two places and read from the nearer one of them. ".repeat(30);
  return `<h2>A</h2><p>${filler}</p><h2>B</h2><p>The ${word} word. ${filler}</p><h2>C</h2><p>${filler}</p>`;
}
