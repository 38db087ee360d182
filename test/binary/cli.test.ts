/** The executable as a person at a terminal uses it, in embedded mode, from an empty folder. */
import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { scratch, serve, sluice, sluiceJson } from "../support/binary.ts";

const DEMO = join(import.meta.dir, "../demo/documents");
interface Ledger {
  job_status: string;
  descriptors_listed: number;
  items_fetched: number;
  items_skipped_incremental: number;
  items_skipped: number;
  items_ingested: number;
  items_failed: number;
  items_canceled: number;
  chunks: number;
  vectors_embedded: number;
  vectors_reused: number;
  links: number;
  duration_ms: number;
  job_id: string;
}
interface Hits {
  hits: { title: string; external_ref: string; chunk_text: string; chunk_path: string }[];
}

/** A folder of pages with three sections each. */
function pagesIn(folder: string, n: number): string {
  const pages = join(folder, "pages");
  mkdirSync(pages);
  for (let i = 0; i < n; i++) writeFileSync(join(pages, `page-${i}.md`), pageText(i));
  return pages;
}
const pageText = (i: number, third = "walnut") =>
  `# Page ${i}\n\nIntroduction number ${i} about the ship Meridian${i}.\n\n## Cargo\n\nIt carries barley${i} and copper.\n\n## Crew\n\nThe captain likes ${third}${i}.\n\nSee [next](page-${i + 1}.md).\n`;

test("version names the release, the commit, Bun and the schema", async () => {
  const { code, stdout } = await sluice(scratch(), ["version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(
      `^sluice ${packageJson.version.replaceAll(".", "\\.")} \\(commit [0-9a-f]{12}(\\+changes)?, Bun ${Bun.version}, schema \\d+\\)\n$`,
    ),
  );
});

test("--version says the same, and a port that is taken is named", async () => {
  const [version, option] = await Promise.all([sluice(scratch(), ["version"]), sluice(scratch(), ["--version"])]);
  expect(option).toMatchObject({ code: 0, stdout: version.stdout });
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = taken;
  const { code, stderr } = await sluice(scratch(), ["serve"], { PORT: String(port) });
  await taken.stop(true);
  expect(stderr).toContain(`PORT: 127.0.0.1:${port} is in use by another program`);
  expect(code).toBe(78);
});

test("a folder is ingested, re-synced for nothing, edited, thinned out and restored", async () => {
  const folder = scratch();
  const pages = pagesIn(folder, 20);
  const ingest = () => sluiceJson<Ledger>(folder, ["ingest", pages]);
  const find = async (word: string) => (await sluiceJson<Hits>(folder, ["search", word, "--mode", "lexical"])).hits;

  const first = await ingest();
  expect(first).toMatchObject({
    exitCode: 0,
    job_status: "done",
    descriptors_listed: 20,
    items_fetched: 20,
    items_ingested: 20,
    items_failed: 0,
    items_skipped_incremental: 0,
    links: 20,
    chunks: 60,
    vectors_embedded: 60,
    vectors_reused: 0,
  });
  expect((await find("barley7"))[0]).toMatchObject({
    title: "Page 7",
    chunk_path: "Page 7 > Cargo",
    external_ref: `file://${pages}/page-7.md`,
  });

  expect(await ingest()).toMatchObject({
    job_status: "done",
    items_fetched: 0,
    items_ingested: 0,
    items_skipped_incremental: 20,
    vectors_embedded: 0,
  });

  writeFileSync(join(pages, "page-3.md"), pageText(3, "hazelnut"));
  expect(await ingest()).toMatchObject({
    job_status: "done",
    items_fetched: 1,
    items_ingested: 1,
    items_skipped_incremental: 19,
    chunks: 3,
    vectors_embedded: 1,
    vectors_reused: 2,
  });
  expect((await find("hazelnut3")).length).toBe(1);
  expect(await find("walnut3")).toEqual([]);

  writeFileSync(join(pages, "page-4.md"), pageText(4));
  expect(await ingest()).toMatchObject({ items_fetched: 1, items_ingested: 0, items_skipped_incremental: 20 });

  rmSync(join(pages, "page-5.md"));
  expect(await ingest()).toMatchObject({ job_status: "done", descriptors_listed: 19 });
  expect(await find("barley5")).toEqual([]);
  await ingest();
  writeFileSync(join(pages, "page-5.md"), pageText(5));
  expect(await ingest()).toMatchObject({ job_status: "done", items_ingested: 1, items_skipped_incremental: 19 });
  expect((await find("barley5"))[0]?.title).toBe("Page 5");
}, 120_000);

test("the sample folder goes in whole and is found by words of four languages and by codes", async () => {
  const folder = scratch();
  expect(await sluiceJson<Ledger>(folder, ["ingest", DEMO])).toMatchObject({
    exitCode: 0,
    job_status: "done",
    descriptors_listed: 13,
    items_ingested: 13,
  });
  const best = async (query: string) => (await sluiceJson<Hits>(folder, ["search", query])).hits[0];
  expect((await best("LH-4410"))?.external_ref).toEndWith("incident-runbook.md");
  expect((await best("dinner with customers limit"))?.external_ref).toEndWith("expense-policy.docx");
  expect((await best("restore of the orders database"))?.external_ref).toEndWith("backup-policy.pdf");
  expect((await best("Frühstück Tagegeld"))?.external_ref).toEndWith("reisekosten.md");
  expect((await best("パスワード"))?.external_ref).toEndWith("security-ja.md");
}, 120_000);

test("files are uploaded by name, a second upload makes a new version, and bad ones are refused with a code", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "note.txt"), "The lighthouse keeper is called Ingrid.");
  writeFileSync(join(folder, "broken.docx"), "PK\u0003\u0004 this is not a zip");
  writeFileSync(join(folder, "picture.png"), new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 0]));
  expect(await sluiceJson<Ledger>(folder, ["upload", "note.txt"])).toMatchObject({
    exitCode: 0,
    job_status: "done",
    items_ingested: 1,
  });
  writeFileSync(join(folder, "note.txt"), "The lighthouse keeper is called Astrid.");
  expect(await sluiceJson<Ledger>(folder, ["upload", "note.txt"])).toMatchObject({ exitCode: 0, items_ingested: 1 });
  const { hits } = await sluiceJson<Hits>(folder, ["search", "lighthouse keeper"]);
  expect(hits.map((hit) => hit.chunk_text)).toEqual(["The lighthouse keeper is called Astrid."]);
  const refused = await sluice(folder, ["upload", "picture.png"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("upload.unsupported_type");
  const missing = await sluice(folder, ["upload", "nowhere.md"]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("nowhere.md");
}, 120_000);

test("the token is for the owner alone, and a second process is told who holds the data directory", async () => {
  const folder = scratch();
  const service = await serve(folder);
  try {
    expect(statSync(join(folder, ".sluice/token.json")).mode & 0o777).toBe(0o600);
    const other = await sluice(folder, ["serve"], { PORT: "0" });
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("data_dir.locked");
    // Other commands are clients of the server that runs.
    expect(await sluiceJson<Hits>(folder, ["search", "anything"])).toMatchObject({ exitCode: 0, hits: [] });
  } finally {
    expect(await service.stop()).toBe(0);
  }
  expect(existsSync(join(folder, ".sluice/server.json"))).toBe(false);
}, 120_000);

test("a wrong configuration is reported whole, at once, with exit code 78", async () => {
  const { code, stderr } = await sluice(scratch(), ["serve"], {
    PORT: "many",
    WORKER_THREADS: "0",
    S3_BUCKET_RAW: "raw",
    DATABASE_URL: "mysql://x",
  });
  expect(code).toBe(78);
  for (const name of ["PORT", "WORKER_THREADS", "DATABASE_URL"]) expect(stderr).toContain(name);
});

test("wrong usage ends with 2 and says what is possible; help is complete", async () => {
  expect((await sluice(scratch(), ["ingset", "x"])).code).toBe(2);
  expect((await sluice(scratch(), ["ingest"])).code).toBe(2);
  const { code, stdout } = await sluice(scratch(), ["--help"]);
  expect(code).toBe(0);
  for (const command of [
    "ingest",
    "upload",
    "search",
    "jobs",
    "convert",
    "serve",
    "migrate",
    "doctor",
    "tenant",
    "token",
    "version",
  ])
    expect(stdout).toContain(`  ${command}`);
  const missing = await sluice(scratch(), ["ingest", "/no/such/folder"]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("/no/such/folder");
});

test("convert writes Markdown beside each other for every format and goes on after a bad file", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "bad.pdf"), "%PDF-1.7 nothing else");
  const files = [
    "handbook/onboarding.md",
    "handbook/expense-policy.docx",
    "operations/backup-policy.pdf",
    "engineering/code-review.html",
    "engineering/release-notes.txt",
  ].map((name) => join(DEMO, name));
  const { code, stderr } = await sluice(folder, ["convert", ...files, "bad.pdf", "--out", "out"]);
  expect(code).toBe(1);
  expect(stderr).toContain("bad.pdf");
  expect(stderr).toMatch(/convert\.[a-z_]+/);
  const markdown = (name: string) => readFileSync(join(folder, "out", `${name}.md`), "utf8");
  expect(markdown("expense-policy.docx")).toContain("| Hotel, per night | 160 EUR | always |");
  expect(markdown("backup-policy.pdf")).toContain("forty minutes");
  expect(markdown("code-review.html")).toContain("| up to 50 lines | 2 hours | 30 minutes |");
  expect(markdown("onboarding.md")).toStartWith("# Onboarding guide");
}, 60_000);

test("doctor passes on a fresh folder, and names what is wrong otherwise", async () => {
  const folder = scratch();
  const { exitCode, checks } = await sluiceJson<{ checks: { name: string; status: string }[] }>(folder, ["doctor"]);
  expect({ exitCode, failed: checks.filter((check) => check.status === "fail") }).toEqual({ exitCode: 0, failed: [] });
  const broken = await sluice(folder, ["doctor"], { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
  expect(broken.code).toBe(1);
  expect(broken.stdout).toContain("✗ database");
}, 120_000);

test("an unreadable file fails alone, by name, and the rest is ingested", async () => {
  if (process.getuid?.() === 0) return;
  const folder = scratch();
  const pages = pagesIn(folder, 3);
  chmodSync(join(pages, "page-1.md"), 0);
  const ledger = await sluiceJson<Ledger>(folder, ["ingest", pages]);
  expect(ledger).toMatchObject({ exitCode: 1, job_status: "error", items_ingested: 2, items_failed: 1 });
});

test("migrate shows what is pending before and nothing after", async () => {
  const folder = scratch();
  const before = await sluiceJson<{ migrations: unknown[] }>(folder, ["migrate", "--dry-run"]);
  expect(before.migrations.length).toBeGreaterThan(3);
  expect((await sluice(folder, ["migrate"])).stdout).toContain("Applied 0001_tenancy");
  expect((await sluiceJson<{ migrations: unknown[] }>(folder, ["migrate", "--dry-run"])).migrations).toEqual([]);
}, 60_000);

test("commands that only look make no database where there is none", async () => {
  const folder = scratch();
  for (const command of [["search", "barley"], ["jobs"]]) {
    const { stderr, code } = await sluice(folder, command);
    expect(stderr).toContain("data_dir.empty");
    expect(stderr).toContain("sluice ingest FOLDER");
    expect(code).toBe(1);
  }
  expect(readdirSync(folder)).toEqual([]);
});

test("the command line works for one tenant at a time, and says which", async () => {
  const folder = scratch();
  const pages = pagesIn(folder, 1);
  const { tenant_id } = await sluiceJson<{ tenant_id: string }>(folder, ["tenant", "create", "acme"]);
  expect(await sluiceJson(folder, ["token", "create", "--tenant", "acme", "--name", "by name"])).toMatchObject({
    exitCode: 0,
  });
  const acme = { SLUICE_TENANT: tenant_id };
  expect(await sluiceJson<Ledger>(folder, ["ingest", pages], acme)).toMatchObject({ items_ingested: 1 });
  expect((await sluiceJson<Hits>(folder, ["search", "barley0"], { SLUICE_TENANT: "acme" })).hits.length).toBe(1);
  expect((await sluice(folder, ["search", "barley0"])).stdout).toContain("No hits in tenant default");
  expect((await sluice(folder, ["jobs"], { SLUICE_TENANT: "nobody" })).stderr).toContain("tenant.not_found");
}, 120_000);
