import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeJobs } from "../../src/queue/close_job.ts";
import { enqueueJob } from "../../src/queue/enqueue.ts";
import { settleItems } from "../../src/queue/settle.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { createFixture, type Fixture, START_MS } from "../http/fixture.ts";
import { documentIdFor } from "../support/documents.ts";
import { jobWithItems } from "../support/queue.ts";
import { claimOf, publish } from "./publish.ts";
import { type Visitor, visitor } from "./visitor.ts";

const A = "file:///srv/docs/alpha.md";
const B = "file:///srv/docs/beta.md";
let f: Fixture;
let me: Visitor;
let reader: Visitor;
let stranger: Visitor;
let admin: Visitor;
/** Of the tenant whose visitor `me` is. */
let own: { document: string; versions: string[]; job: string; connection: string };

beforeAll(async () => {
  f = await createFixture();
  const first = await publish(f, f.tenant, A, "# Alpha\n\nThe gate opens at noon.\n");
  await publish(f, f.tenant, B, "# Beta\n\nWater flows.\n");
  const second = await publish(
    f,
    f.tenant,
    A,
    "# Alpha\n\nThe gate opens at <b>midnight</b>.\n\n[to beta](beta.md)\n",
    [
      {
        linkType: "link",
        href: "beta.md",
        linkText: "to beta",
        anchor: null,
        targetDocumentIds: [documentIdFor(f.tenant, B)],
      },
    ],
  );
  const connection = await insertConnection(f.sql, {
    tenantId: f.tenant,
    sourceType: "FILE_CATALOG_OBJECT",
    name: "handbook",
    config: { kind: "directory", root: "/srv/docs" },
    secrets: null,
  });
  own = {
    document: documentIdFor(f.tenant, A),
    versions: [first.versionId, second.versionId],
    job: await jobWithItems(f.sql, f.tenant, ["file:///srv/docs/x.md"]),
    connection: connection!.connectionId,
  };
  me = await visitor(f, f.tokens.write);
  reader = await visitor(f, f.tokens.read);
  stranger = await visitor(f, f.tokens.other);
  admin = await visitor(f, f.tokens.admin);
}, START_MS);
afterAll(() => f.stop());

const looks = () => [
  `/documents/${own.document}`,
  `/documents/${own.document}?version=${own.versions[0]}`,
  `/documents/${own.document}/chunks`,
  `/documents/${own.document}/links`,
  `/documents/${own.document}/versions`,
  `/documents/${own.document}/compare?from=${own.versions[0]}&to=${own.versions[1]}`,
  `/documents/${own.document}/raw`,
  `/documents/${own.document}/markdown`,
  `/jobs/${own.job}`,
  `/connections/${own.connection}`,
];
const acts = () => [
  `/jobs/${own.job}/cancel`,
  `/jobs/${own.job}/retry`,
  `/connections/${own.connection}/test`,
  `/connections/${own.connection}/delete`,
  `/connections/${own.connection}/schedule`,
];

describe("tenants", () => {
  test("what another tenant owns does not exist: every id of it is a 404, to look at and to act on", async () => {
    for (const path of looks()) {
      expect([path, (await me.look(path)).status]).toEqual([path, 200]);
      expect([path, (await stranger.look(path)).status]).toEqual([path, 404]);
    }
    for (const path of acts()) expect([path, (await stranger.send(path, {})).status]).toEqual([path, 404]);
    const sync = { connection: own.connection, source_types: "FILE_CATALOG_OBJECT" };
    expect((await stranger.send("/sync", sync)).status).toBe(404);
    expect((await stranger.look("/documents")).html).not.toContain("alpha");
    expect((await stranger.look("/search?q=gate")).html).toContain("0 hits");
  });

  test("what is no id at all is a 404, too", async () => {
    for (const path of ["/jobs/x", "/documents/1/chunks", "/connections/new2"])
      expect((await me.look(path)).status).toBe(404);
  });

  test("a version of another document is none of this one", async () => {
    const other = await publish(f, f.otherTenant, A, "# Secret\n");
    expect((await me.look(`/documents/${own.document}?version=${other.versionId}`)).status).toBe(404);
    const compare = `/documents/${own.document}/compare?from=${own.versions[0]}&to=${other.versionId}`;
    expect((await me.look(compare)).status).toBe(404);
  });

  test("nobody uploads into another tenant", async () => {
    const form = new FormData();
    form.append("tenant_id", f.tenant);
    form.append("file", new File(["# Forged"], "forged.md"));
    expect((await stranger.send("/upload", form)).status).toBe(403);
  });

  test("an admin chooses the tenant, and sees what an id names wherever it belongs", async () => {
    expect((await admin.send("/tenant", { tenant_id: f.otherTenant })).location).toBe("/");
    expect((await admin.look("/documents")).html).not.toContain("handbook");
    expect((await admin.look(`/jobs/${own.job}`)).html).toMatch(/<option [^>]*selected[^>]*>Acme/);
    await admin.send("/tenant", { tenant_id: f.tenant });
    expect((await admin.look("/documents")).html).toContain("alpha.md");
    expect((await admin.send("/tenant", { tenant_id: crypto.randomUUID() })).status).toBe(404);
  });

  test("a tenant's token chooses no other tenant and manages no tokens", async () => {
    expect((await me.send("/tenant", { tenant_id: f.otherTenant })).status).toBe(403);
    expect((await me.send("/settings/tokens", { name: "mine", scope: "admin" })).status).toBe(403);
    expect((await me.send("/settings/tenants", { name: "mine" })).status).toBe(403);
    expect((await me.look("/settings")).html).not.toContain("New token");
  });

  test("a token that may only read is offered nothing else, and refused", async () => {
    for (const path of acts()) expect((await reader.send(path, {})).status).toBe(403);
    expect((await reader.look(`/connections/${own.connection}`)).html).not.toContain("Sync now");
    expect((await reader.look(`/jobs/${own.job}`)).html).not.toContain("Cancel");
  });
});

test("a document is rendered with its markup as text, its links within the corpus, and its original offered for download", async () => {
  const { html } = await me.look(`/documents/${own.document}`);
  expect(html).toContain("The gate opens at &lt;b&gt;midnight&lt;/b&gt;.");
  expect(html).toContain(`<a href="/documents/${documentIdFor(f.tenant, B)}">to beta</a>`);
  const raw = await me.look(`/documents/${own.document}/raw?version=${own.versions[0]}`);
  expect(raw.html).toBe("# Alpha\n\nThe gate opens at noon.\n");
  expect(raw.headers.get("content-disposition")).toStartWith("attachment");
  expect(raw.headers.get("content-security-policy")).toContain("sandbox");
});

test("two versions are compared in either order", async () => {
  const [from, to] = own.versions;
  const { html } = await me.look(`/documents/${own.document}/compare?from=${from}&to=${to}`);
  expect(html).toMatch(/<del>noon<\/del>/);
  expect(html).toMatch(/<ins>&lt;b&gt;midnight&lt;\/b&gt;<\/ins>/);
  const back = await me.look(`/documents/${own.document}/compare?from=${to}&to=${from}`);
  expect(back.html).toMatch(/<ins>noon<\/ins>/);
});

test("a hit leads to its chunk, drawn over the text", async () => {
  const found = await me.look("/search?q=gate+midnight");
  expect(found.html).toMatch(/<mark>gate<\/mark>/);
  expect(found.html).toContain("place 1 · 0.0164");
  const [, chunk] = /chunks\?chunk=([0-9a-f-]{36})/.exec(found.html)!;
  const led = await me.look(`/documents/${own.document}/chunks?chunk=${chunk}`);
  expect(led.location).toBe(`/documents/${own.document}/chunks#c-${chunk}`);
  const { html } = await me.look(`/documents/${own.document}/chunks`);
  expect(html).toContain(`id="c-${chunk}"`);
});

test("documents are found by their title, a page at a time", async () => {
  for (let i = 0; i < 60; i++) await publish(f, f.otherTenant, `file:///srv/many/page-${i}.md`, `# Page ${i}\n`);
  const first = await stranger.look("/documents?q=page");
  expect(first.html.match(/href="\/documents\/[0-9a-f-]{36}"/g)).toHaveLength(50);
  const next = /href="(\/documents\?[^"]*cursor=[^"]*)"/.exec(first.html)![1]!.replaceAll("&amp;", "&");
  const second = await stranger.look(next);
  expect(second.html.match(/href="\/documents\/[0-9a-f-]{36}"/g)).toHaveLength(10);
  expect(second.html).toContain("First page");
});

test("a job tells of its end through its stream, with what failed and how to go on", async () => {
  const jobId = await jobWithItems(f.sql, f.tenant, ["file:///srv/docs/bad.md", "file:///srv/docs/good.md"]);
  const answer = await f.app.request(`http://localhost/jobs/${jobId}`, {
    headers: { cookie: me.cookie, accept: "text/event-stream" },
  });
  expect(answer.headers.get("content-type")).toStartWith("text/event-stream");
  const events = eventsOf(answer);
  expect((await events.next()).value).toMatchObject({
    event: "look",
    html: expect.stringContaining("0 of 2 sources done"),
  });
  const [bad, good] = (await claimOf(f, jobId, 2)).map(({ itemId, runLease }) => ({ itemId, runLease }));
  await settleItems(f.sql, { tenantId: f.tenant, jobId }, [
    { ...bad!, outcome: "failed", errorCode: "convert.malformed", errorMessage: "it is broken" },
    { ...good!, outcome: "ingested", fetched: true, chunks: 3, warnings: [] },
  ]);
  await closeJobs(f.sql, { job: { tenantId: f.tenant, jobId }, embeddingDeadlineSeconds: 60 });
  let last = await events.next();
  while (last.value?.event === "look") last = await events.next();
  expect(last.value?.event).toBe("last");
  expect(last.value?.html).toContain("Retry 1 failed item");
  expect(last.value?.html).toContain("it is broken");
  expect((await events.next()).done).toBe(true);
  expect((await me.send(`/jobs/${jobId}/retry`, {})).location).toBe(`/jobs/${jobId}`);
  expect((await me.look(`/jobs/${jobId}`)).html).toContain("processing");
});

async function* eventsOf(answer: Response): AsyncGenerator<{ event: string; html: string }> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of answer.body!) {
    const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2));
      const of = (name: string) => fields.filter(([key]) => key === name).map(([, value]) => value);
      yield { event: of("event")[0] ?? "", html: of("data").join("\n") };
    }
  }
}

test("sync, test and cancel do what the API does", async () => {
  const synced = await me.send("/sync", { connection: own.connection, source_types: "FILE_CATALOG_OBJECT" });
  expect(synced.status).toBe(303);
  const job = await me.look(synced.location!);
  expect(job.html).toContain("Sync of handbook");
  expect((await me.send(`${synced.location}/cancel`, {})).location).toBe(synced.location);
  expect((await me.look(synced.location!)).html).toContain("canceled");
  const again = await me.send(`${synced.location}/cancel`, {});
  expect(again.status).toBe(409);
  expect(again.html).toContain("there is nothing left to cancel");
  const tested = await me.send(`/connections/${own.connection}/test`, {});
  expect(tested.status).toBe(200);
  expect(tested.html).toContain("It does not work yet");
  expect(tested.html).toContain("connector.root_not_allowed");
});

test("a schedule is set by interval, by cron, and taken away; what is no cron is refused in words", async () => {
  const path = `/connections/${own.connection}`;
  const set = (every: string, cron = "") => me.send(`${path}/schedule`, { every, cron, timezone: "Europe/Berlin" });
  expect((await set("30")).location).toBe(path);
  expect((await me.look(path)).html).toContain("<dd>every 30 min</dd>");
  expect((await me.look("/settings")).html).toContain("every 30 min");
  await set("30", "0 3 * * 1-5");
  expect((await me.look("/connections")).html).toContain("0 3 * * 1-5 (Europe/Berlin)");
  const refused = await set("", "every monday");
  expect(refused.status).toBe(400);
  expect(refused.html).toContain("must have five fields");
  await set("");
  await set("");
  expect((await me.look(path)).html).toContain("synced on demand only");
});

test("an uploaded file becomes a job", async () => {
  const form = new FormData();
  form.append("tenant_id", f.tenant);
  form.append("file", new File(["# Uploaded"], "up.md"));
  const sent = await me.send("/upload", form);
  expect(sent.location).toMatch(/^\/jobs\//);
  expect((await me.look(sent.location!)).html).toContain("Upload of up.md");
});

test("an admin makes a token, sees it once, and revokes it", async () => {
  const made = await admin.send("/settings/tokens", {
    name: "ci",
    scope: "read",
    tenant_id: f.otherTenant,
    days: "30",
  });
  const [, token] = /<code class="secret">(slu_[\w-]+)<\/code>/.exec(made.html)!;
  expect((await admin.look("/settings")).html).not.toContain(token!);
  const theirs = await visitor(f, token!);
  expect((await theirs.look("/")).html).toContain("Other");
  const [row] = await f.sql`SELECT token_id FROM api_tokens WHERE name = 'ci'`;
  expect((await admin.send(`/settings/tokens/${row!["token_id"]}/revoke`, {})).location).toBe("/settings");
  expect((await theirs.look("/")).status).toBe(303);
});

test("the overview counts what the tenant holds and what failed", async () => {
  const jobId = await enqueueJob(f.sql, {
    tenantId: f.otherTenant,
    jobType: "sync",
    payload: { source_types: ["FILE_CATALOG_OBJECT"] },
    requestedBy: "test",
    correlationId: "test",
  });
  const { html } = await stranger.look("/");
  expect(html).toMatch(/Documents<\/a><\/dt><dd><strong>61<\/strong>/);
  expect(html).toContain(`/jobs/${jobId}`);
  expect(html).not.toContain("handbook");
});
