/**
 * The service over HTTP only: embedded always, and against a real Postgres and a real S3, with a second process that only
 * works, where those are configured.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { client, type Service, scratch, serve, sluiceJson } from "../support/binary.ts";
import { type RealServices, realServices } from "../support/services.ts";

const DEMO = join(import.meta.dir, "../demo/documents");
const services = await realServices();
afterAll(() => services?.close());

interface DocumentRow {
  document_id: string;
  external_ref: string;
  title: string;
}

for (const [name, real] of [
  ["embedded", null],
  ...(services ? [["on real services, with a second process that only works", services] as const] : []),
] as [string, RealServices | null][]) {
  describe(name, () => {
    const folder = scratch();
    const catalog = join(folder, "catalog");
    const env = { FILE_CATALOG_ROOTS: folder, ...real?.env };
    let service: Service;
    let worker: Service | null = null;
    let tenantId: string;
    let api: ReturnType<typeof client>;

    beforeAll(async () => {
      cpSync(DEMO, catalog, { recursive: true });
      if (real) {
        ({ tenant_id: tenantId } = await sluiceJson<{ tenant_id: string }>(folder, ["tenant", "create", "acme"], env));
        const { token } = await sluiceJson<{ token: string }>(
          folder,
          ["token", "create", "--tenant", tenantId, "--name", "test"],
          env,
        );
        service = await serve(folder, env);
        worker = await serve(scratch(), { ...env }, ["--worker-only"]);
        api = client(service.url, token);
      } else {
        service = await serve(folder, env);
        const kept = JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8")) as {
          tenant_id: string;
          token: string;
        };
        tenantId = kept.tenant_id;
        api = client(service.url, kept.token);
      }
    }, 120_000);
    afterAll(async () => {
      expect(await service.stop()).toBe(0);
      if (worker) expect(await worker.stop()).toBe(0);
    });

    const sync = async (connection: string, more: object = {}) => {
      const { status, json } = await api.call("POST", "/v1/ingest/sources/sync", {
        tenant_id: tenantId,
        source_types: ["FILE_CATALOG_OBJECT"],
        connection,
        ...more,
      });
      expect(status).toBe(202);
      expect(json).toMatchObject({ job_status: "queued" });
      return api.finished(json["job_id"] as string);
    };
    const connect = async (name: string, config: object) => {
      const { status, json } = await api.call("POST", "/v1/connections", {
        tenant_id: tenantId,
        source_type: "FILE_CATALOG_OBJECT",
        name,
        config,
      });
      expect(status).toBe(201);
      return json["connection_id"] as string;
    };
    const documents = async (query = "") => {
      const all: DocumentRow[] = [];
      for (let cursor = ""; ; ) {
        const { json } = await api.call(
          "GET",
          `/v1/documents?limit=5${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        all.push(...(json["documents"] as DocumentRow[]));
        if (!json["next_cursor"]) return all;
        cursor = json["next_cursor"] as string;
      }
    };

    test("a catalog is synced, its Markdown and bytes come back as they went in, and a re-sync does nothing", async () => {
      const connection = await connect("handbook", { kind: "directory", root: catalog });
      const job = await sync(connection);
      expect(job).toMatchObject({
        job_status: "done",
        descriptors_listed: 13,
        items_ingested: 13,
        items_failed: 0,
        items_open: 0,
      });
      expect(job["result_json"]).toMatchObject({ descriptors_listed: 13, items_ingested: 13 });
      const rows = await documents("&source_type=FILE_CATALOG_OBJECT");
      expect(rows.length).toBe(13);
      for (const row of rows) {
        expect((await fetch(`${service.url}/v1/documents/${row.document_id}/raw`)).status).toBe(401);
        const { response } = await api.call("GET", `/v1/documents/${row.document_id}/raw`);
        expect(
          Buffer.from(await response.arrayBuffer()).equals(readFileSync(row.external_ref.slice("file://".length))),
        ).toBe(true);
        const markdown = await (await api.call("GET", `/v1/documents/${row.document_id}/markdown`)).response.text();
        const { json } = await api.call("GET", `/v1/documents/${row.document_id}/chunks?limit=200`);
        for (const chunk of json["chunks"] as {
          chunk_type: string;
          chunk_text: string;
          char_start: number;
          char_end: number;
        }[])
          if (chunk.chunk_type === "paragraph")
            expect(markdown.slice(chunk.char_start, chunk.char_end)).toBe(chunk.chunk_text);
      }
      expect(await sync(connection)).toMatchObject({
        job_status: "done",
        items_fetched: 0,
        items_skipped_incremental: 13,
      });
      expect(await sync(connection, { force_reindex: true })).toMatchObject({
        job_status: "done",
        items_fetched: 13,
        items_ingested: 13,
        vectors_embedded: 0,
      });
    }, 120_000);

    test("a folder outside of FILE_CATALOG_ROOTS is refused before anything is stored", async () => {
      const { status, json } = await api.call("POST", "/v1/connections", {
        tenant_id: tenantId,
        source_type: "FILE_CATALOG_OBJECT",
        name: "secrets",
        config: { kind: "directory", root: "/etc" },
      });
      expect(status).toBe(403);
      expect(json["error"]).toMatchObject({ code: "connector.root_not_allowed" });
    });

    test("uploads of every format go through the same items, several in one request", async () => {
      const form = new FormData();
      form.append("tenant_id", tenantId);
      const files = [
        "handbook/onboarding.md",
        "handbook/expense-policy.docx",
        "operations/backup-policy.pdf",
        "engineering/code-review.html",
        "engineering/release-notes.txt",
      ];
      for (const file of files) form.append("file", new Blob([readFileSync(join(DEMO, file))]), file.split("/")[1]!);
      const { status, json } = await api.call("POST", "/v1/ingest/files/upload", form);
      expect(status).toBe(202);
      expect(await api.finished(json["job_id"] as string)).toMatchObject({
        job_status: "done",
        items_ingested: 5,
        items_fetched: 5,
      });
      const rows = await documents("&source_type=FILE_UPLOAD_OBJECT");
      expect(rows.map((row) => row.title).sort()).toEqual([
        "Backup policy",
        "Code review at Lantern Harbor",
        "Expense policy",
        "Onboarding guide",
        "release notes",
      ]);
      for (const row of rows) {
        const { response } = await api.call("GET", `/v1/documents/${row.document_id}/raw`);
        const file = files.find((path) => row.external_ref.endsWith(path.split("/")[1]!))!;
        expect(Buffer.from(await response.arrayBuffer()).equals(readFileSync(join(DEMO, file)))).toBe(true);
      }
    }, 120_000);

    test("search finds by words in every mode and honours its filters", async () => {
      const search = async (body: object) =>
        (await api.call("POST", "/v1/search", { tenant_id: tenantId, ...body })).json["hits"] as {
          external_ref: string;
          score: number;
        }[];
      for (const mode of ["hybrid", "lexical", "vector"])
        expect((await search({ query: "vacation days and sick leave", mode, top_k: 3 })).length).toBeGreaterThan(0);
      const uploads = await search({ query: "vacation days", filters: { source_types: ["FILE_UPLOAD_OBJECT"] } });
      expect(uploads.length).toBeGreaterThan(0);
      expect(uploads.every((hit) => hit.external_ref.startsWith("upload://"))).toBe(true);
    }, 60_000);

    test("links between the files of a catalog are edges", async () => {
      const [row] = await documents(
        `&external_ref=${encodeURIComponent(`file://${catalog}/engineering/architecture.md`)}`,
      );
      const { json } = await api.call("GET", `/v1/documents/${row!.document_id}/links`);
      expect(JSON.stringify(json)).toContain("api-guide.md");
      expect(JSON.stringify(json)).toContain("rate-limits");
    }, 60_000);

    test("a job can be canceled, and what is left undone is counted", async () => {
      const many = join(folder, "many");
      mkdirSync(many);
      for (let i = 0; i < 400; i++)
        writeFileSync(join(many, `${i}.md`), `# Note ${i}\n\n${"Words of no great weight. ".repeat(40)}`);
      const connection = await connect("many", { kind: "directory", root: many });
      const { json } = await api.call("POST", "/v1/ingest/sources/sync", {
        tenant_id: tenantId,
        source_types: ["FILE_CATALOG_OBJECT"],
        connection,
      });
      const jobId = json["job_id"] as string;
      expect((await api.call("POST", `/v1/jobs/${jobId}/cancel`)).status).toBeLessThan(300);
      const job = await api.finished(jobId);
      expect(job["job_status"]).toBe("canceled");
      const sum = [
        "items_ingested",
        "items_skipped_incremental",
        "items_skipped",
        "items_failed",
        "items_canceled",
      ].reduce((n, key) => n + Number(job[key]), 0);
      expect(job["descriptors_listed"]).toBe(sum);
      expect((await api.call("POST", `/v1/jobs/${jobId}/cancel`)).status).toBe(409);
      expect(await sync(connection)).toMatchObject({ job_status: "done", descriptors_listed: 400, items_failed: 0 });
    }, 120_000);

    test("one poisonous file fails alone, by name and code, and can be retried once it is mended", async () => {
      const poisoned = join(folder, "poisoned");
      mkdirSync(poisoned);
      writeFileSync(join(poisoned, "good.md"), "# Good\n\nFine words.");
      writeFileSync(
        join(poisoned, "bad.docx"),
        readFileSync(join(DEMO, "handbook/expense-policy.docx")).subarray(0, 5000),
      );
      const connection = await connect("poisoned", { kind: "directory", root: poisoned });
      const job = await sync(connection);
      expect(job).toMatchObject({
        job_status: "error",
        error_code: "ITEMS_FAILED",
        items_ingested: 1,
        items_failed: 1,
      });
      const { json } = await api.call("GET", `/v1/jobs/${job["job_id"]}/items?status=failed`);
      expect((json["items"] as { external_ref: string; error_code: string }[])[0]).toMatchObject({
        external_ref: `file://${poisoned}/bad.docx`,
        error_code: "convert.malformed",
      });
      cpSync(join(DEMO, "handbook/expense-policy.docx"), join(poisoned, "bad.docx"));
      expect((await api.call("POST", `/v1/jobs/${job["job_id"]}/retry`)).status).toBeLessThan(300);
      expect(await api.finished(job["job_id"] as string)).toMatchObject({
        job_status: "done",
        items_ingested: 2,
        items_failed: 0,
      });
    }, 120_000);

    if (real)
      test("an S3 prefix is synced by ETag, and artifacts lie at the specification's keys", async () => {
        for (let i = 0; i < 30; i++)
          await real.put(`docs/page-${i}.md`, `# Bucket page ${i}\n\nThe parrot${i} speaks.`);
        await real.put("docs/ignored.bin", "x");
        await real.put("elsewhere/other.md", "# Other");
        const connection = await connect("bucket", { kind: "s3", bucket: real.sourceBucket, prefix: "docs/" });
        expect(await sync(connection)).toMatchObject({
          job_status: "done",
          descriptors_listed: 30,
          items_ingested: 30,
        });
        expect(await sync(connection)).toMatchObject({ items_skipped_incremental: 30, items_fetched: 0 });
        await real.put("docs/page-3.md", "# Bucket page 3\n\nThe parrot3 is silent.");
        expect(await sync(connection)).toMatchObject({ items_skipped_incremental: 29, items_ingested: 1 });
        const [row] = await documents(
          `&external_ref=${encodeURIComponent(`s3://${real.sourceBucket}/docs/page-3.md`)}`,
        );
        const { json } = await api.call("GET", `/v1/documents/${row!.document_id}/versions`);
        const versions = json["versions"] as { s3_raw_uri: string; s3_markdown_uri: string }[];
        expect(versions.length).toBe(2);
        for (const version of versions) {
          expect(version.s3_raw_uri).toMatch(
            new RegExp(`^s3://${real.env["S3_BUCKET_RAW"]}/${tenantId}/[0-9a-f-]{36}/[0-9a-f-]{36}/raw\\.bin$`),
          );
          expect(version.s3_markdown_uri).toMatch(
            new RegExp(
              `^s3://${real.env["S3_BUCKET_MARKDOWN"]}/${tenantId}/[0-9a-f-]{36}/[0-9a-f-]{36}/normalized\\.md$`,
            ),
          );
        }
        expect(worker!.log.length).toBeGreaterThan(0);
      }, 120_000);
  });
}

test("kill -9 in the middle of a sync loses nothing: the next start finishes the job", async () => {
  const folder = scratch();
  const many = join(folder, "many");
  mkdirSync(many);
  for (let i = 0; i < 300; i++)
    writeFileSync(join(many, `${i}.md`), `# Note ${i}\n\nUnique word zebra${i}.\n\n${"Filling. ".repeat(200)}`);
  const env = { FILE_CATALOG_ROOTS: folder, LEASE_SECONDS: "2", HEARTBEAT_SECONDS: "1" };
  const first = await serve(folder, env);
  const kept = JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8")) as {
    tenant_id: string;
    token: string;
  };
  const before = client(first.url, kept.token);
  await before.call("POST", "/v1/connections", {
    tenant_id: kept.tenant_id,
    source_type: "FILE_CATALOG_OBJECT",
    name: "many",
    config: { kind: "directory", root: many },
  });
  const { json } = await before.call("POST", "/v1/ingest/sources/sync", {
    tenant_id: kept.tenant_id,
    source_types: ["FILE_CATALOG_OBJECT"],
  });
  for (;;) {
    const { json: job } = await before.call("GET", `/v1/jobs/${json["job_id"]}`);
    if (Number(job["items_ingested"]) > 0 || job["finished_at"]) break;
  }
  await first.kill();
  const second = await serve(folder, env);
  const after = client(second.url, kept.token);
  expect(await after.finished(json["job_id"] as string)).toMatchObject({
    job_status: "done",
    descriptors_listed: 300,
    items_ingested: 300,
    items_failed: 0,
  });
  for (const i of [0, 150, 299]) {
    const { json: found } = await after.call("POST", "/v1/search", {
      tenant_id: kept.tenant_id,
      query: `zebra${i}`,
      mode: "lexical",
    });
    expect((found["hits"] as { external_ref: string }[]).map((hit) => hit.external_ref)).toEqual([
      `file://${many}/${i}.md`,
    ]);
  }
  expect(readdirSync(join(folder, ".sluice/objects/raw", kept.tenant_id)).length).toBe(300);
  expect(await second.stop()).toBe(0);
}, 180_000);
